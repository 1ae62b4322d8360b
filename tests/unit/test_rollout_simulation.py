"""`make rollout-simulation` with fewer machines: plans are kept, nobody flaps, what is bad halts in time."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tools.rollout.scenario import SCENARIOS
from tools.rollout.simulate import Check, simulate

ROOT = Path(__file__).resolve().parents[2]
GOOD, BAD = ("linear", "stepped"), ("linear-failing", "stepped-failing", "stepped-silent")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the command left its numbers and its drawing."""
    folder = tmp_path_factory.mktemp("rollout")
    argv = [sys.executable, "-m", "tools.rollout", "--machines", "5000", "--out", str(folder)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def found(out: Path) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads((out / "results.json").read_text())}


def test_every_bound_is_kept(found: dict[str, dict[str, Any]]) -> None:
    assert set(found) == {*GOOD, *BAD}
    broken = [(name, check) for name, one in found.items() for check in one["checks"] if not check["holds"]]
    assert not broken


@pytest.mark.parametrize("name", GOOD)
def test_a_good_release_reaches_everybody_who_asks(found: dict[str, dict[str, Any]], name: str) -> None:
    assert found[name]["halt"] is None
    assert found[name]["offered"] > 0.985 * found[name]["machines"]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_release_reaches_few(found: dict[str, dict[str, Any]], name: str) -> None:
    halt = found[name]["halt"]
    assert halt["cause"] == ("silence" if "silent" in name else "errors")
    assert halt["offered"] < 0.25 * found[name]["machines"]
    assert halt["hours"] <= halt["latest_hours"]


def test_the_drawing_shows_every_rollout(out: Path) -> None:
    drawing = (out / "rollout.svg").read_text()
    assert drawing.count("<polyline") == 2 * len(GOOD) + len(BAD)
    assert drawing.count("halted after") == len(BAD)
    assert "nan" not in drawing


def test_a_broken_bound_is_told_as_broken() -> None:
    """A good release that is called bad: it does not halt, and that is found."""
    wrong = replace(SCENARIOS[0], name="linear-failing")
    checks = simulate(wrong, 400, 1).checks()
    assert [check.what for check in checks if not check.holds] == ["halted wrongly, or not at all"]
    assert not Check("anything", 2, 1).holds

"""`make bench` on tiny images: real jobs, real programs; times are not judged."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.bench.__main__ import PAYLOADS, RATIOS, RULE, ratios, report
from tools.bench.job import ROOT, Measurement, measure
from tools.bench.pair import make_image


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def done(out: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tools.bench", "--size", "2", "--out", str(out)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)


@pytest.fixture(scope="module")
def result(out: Path, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0
    found: dict[str, Any] = json.loads((out / "results.json").read_text())
    return found


def test_each_job_is_measured_in_its_own_process(result: dict[str, Any]) -> None:
    """Ours always; a public tool where it is installed."""
    programs = {name for name in ("bzip2", "zstd", "xdelta3") if shutil.which(name)}
    ours = {f"{payload}{workers}" for payload in PAYLOADS for workers in ("", ", 2 workers", ", 4 workers")}
    applied = {f"verify and apply {payload}" for payload in PAYLOADS}
    assert set(result["measurements"]) == {RULE, *programs, *ours, *applied}
    for row in result["measurements"].values():
        assert row.keys() == set(Measurement.__dataclass_fields__)
        assert row["bytes"] > 0
        assert row["peak_bytes"] > 1 << 20


def test_applied_payloads_make_the_new_image(result: dict[str, Any]) -> None:
    new = result["images"]["new"]
    assert new["sha256"] != result["images"]["old"]["sha256"]
    for payload in PAYLOADS:
        row = result["measurements"][f"verify and apply {payload}"]
        assert (row["bytes"], row["sha256"]) == (new["bytes"], new["sha256"])


def test_payloads_do_not_depend_on_the_number_of_workers(result: dict[str, Any]) -> None:
    assert result["deterministic"] == dict.fromkeys(PAYLOADS, True)


def test_ratios_are_computed_from_the_numbers_beside_them(result: dict[str, Any]) -> None:
    measured = result["measurements"]
    assert {(ratio["of"], ratio["to"], ratio["field"]) for ratio in result["ratios"]} == {
        (above, below, field)
        for above, below, field in RATIOS
        if above in measured and below in measured and measured[below][field]
    }
    for ratio in result["ratios"]:
        above, below = (measured[ratio[name]][ratio["field"]] for name in ("of", "to"))
        assert ratio["value"] == pytest.approx(above / below)


def test_ratios_to_what_was_not_measured_are_left_out() -> None:
    one = Measurement(bytes=3, sha256="", cpu_seconds=0.0, wall_seconds=1.0, peak_bytes=1)
    two = Measurement(bytes=6, sha256="", cpu_seconds=0.0, wall_seconds=1.0, peak_bytes=1)
    assert ratios({PAYLOADS[0]: one, RULE: two}) == [
        {"of": PAYLOADS[0], "to": RULE, "field": "bytes", "value": 0.5}
    ]


def test_what_is_printed_is_what_the_results_say(
    result: dict[str, Any], done: subprocess.CompletedProcess[str]
) -> None:
    assert done.stdout == "\n".join(report(result)) + "\n"
    for row in result["measurements"].values():
        assert f"| {row['bytes']:,} |" in done.stdout


def test_images_that_are_there_are_used_again(out: Path, result: dict[str, Any]) -> None:
    image = out / "new-2.img"
    before = image.stat().st_mtime_ns
    assert make_image(2, image, changed=True) == image
    assert (image.stat().st_mtime_ns, image.stat().st_size) == (before, result["images"]["new"]["bytes"])


def test_a_job_that_fails_says_which_and_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"^full: exit code 1: [^$]*no-such-image"):
        measure("rule", tmp_path / "full", [str(tmp_path / "no-such-image")])

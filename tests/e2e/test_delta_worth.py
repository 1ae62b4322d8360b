"""A delta that is hardly smaller than the full payload is built, told of, and not shipped."""

from __future__ import annotations

import bz2
import json
import random
from pathlib import Path

import pytest

from release.bundle.document import decode
from tests.e2e.refusal import REFUSED, Forger, Terminal, tree
from tests.small_yard import BOARD, NEW, OLD, SmallYard

DELTA = f"flatcar_production_update-from-{OLD}.gz"


def build(yard: SmallYard, *more: str) -> int:
    options = ["--version", str(NEW), "--channel", "alpha", "--from", str(OLD), *more]
    return yard.humpyard("candidate", "build", str(yard.image_set(NEW)), *options)


def new_image(yard: SmallYard, forger: Forger) -> None:
    """Put an image in the new image set that has nothing in common with the old one."""
    path = yard.image_set(NEW) / "flatcar_production_update.bin.bz2"
    path.write_bytes(bz2.compress(random.Random(99).randbytes(72 * 4096)))  # noqa: S311 - content
    forger.sign(path)


def set_threshold(yard: SmallYard, threshold: str) -> None:
    text = yard.settings.read_text()
    assert "delta_threshold = 0.7" in text
    yard.settings.write_text(text.replace("delta_threshold = 0.7", f"delta_threshold = {threshold}"))


def sources(yard: SmallYard) -> list[str | None]:
    document = yard.root / "work" / str(NEW) / "staging" / "releases" / str(NEW) / "release.json"
    (board,) = decode(document.read_bytes()).boards
    return [None if payload.source is None else str(payload.source) for payload in board.payloads]


def made(yard: SmallYard) -> dict[str, str]:
    """What a candidate is, by digest; not the record of inputs, which knows when they were linked to."""
    found = tree(yard.root / "work")
    return {name: digest for name, digest in found.items() if not name.endswith("inputs.json")}


def everything_about_the_delta(root: Path) -> list[str]:
    return [name for name in tree(root) if DELTA in name]


@pytest.fixture
def old_yard(small_yard: SmallYard) -> SmallYard:
    """A yard whose old release is published."""
    small_yard.publish(OLD, offered_in=("alpha",))
    return small_yard


def test_a_delta_that_pays_is_shipped_and_its_share_told(
    old_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert build(old_yard) == 0
    assert "% of the full payload's" in capsys.readouterr().err
    assert sources(old_yard) == [None, str(OLD)]


def test_a_delta_of_images_with_nothing_in_common_is_not_shipped(
    old_yard: SmallYard, forger: Forger, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = old_yard
    new_image(yard, forger)
    capsys.readouterr()
    assert build(yard, "--json") == 0
    printed = capsys.readouterr()
    line = json.loads(printed.out)["steps"][f"build-delta-from-{OLD}-{BOARD}"]
    assert line in printed.err.replace("\n", " ")
    for part in ("does not pay", "payload.delta_threshold is 0.7", "not shipped", "raise the threshold"):
        assert part in line
    assert sources(yard) == [None]
    work = yard.root / "work" / str(NEW)
    # Neither signed, nor proven, nor staged: what was built lies where unsigned payloads lie.
    assert everything_about_the_delta(work) == [f"{BOARD}/unsigned/{DELTA}"]
    assert yard.humpyard("release", "publish", str(NEW)) == 0
    assert yard.humpyard("pages", "render") == 0
    assert not everything_about_the_delta(yard.mirror)
    page = (yard.mirror / "pages" / "releases" / str(NEW) / "index.html").read_text()
    assert "No delta: machines take the full one whatever they run." in page


def test_the_decision_is_the_same_when_the_same_command_runs_again(
    old_yard: SmallYard, forger: Forger, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also after the delta that was not shipped is lost: it is built again, to the same bytes."""
    yard = old_yard
    new_image(yard, forger)
    assert build(yard) == 0
    work = yard.root / "work" / str(NEW)
    before = made(yard)
    for lost in (None, work / BOARD / "unsigned" / DELTA):
        if lost is not None:
            lost.unlink()
        capsys.readouterr()
        assert build(yard) == 0
        assert "does not pay" in capsys.readouterr().err.replace("\n", " ")
        assert made(yard) == before


def test_a_threshold_of_one_ships_whatever_is_smaller(old_yard: SmallYard) -> None:
    set_threshold(old_yard, "1")
    assert build(old_yard) == 0
    assert sources(old_yard) == [None, str(OLD)]


def test_a_low_threshold_drops_what_would_pay_elsewhere(old_yard: SmallYard) -> None:
    set_threshold(old_yard, "0.01")
    assert build(old_yard) == 0
    assert sources(old_yard) == [None]


def test_another_threshold_makes_another_candidate(old_yard: SmallYard, terminal: Terminal) -> None:
    """What was begun with one threshold is not completed with another."""
    assert build(old_yard) == 0
    set_threshold(old_yard, "0.01")
    terminal.fails(REFUSED, "begun with other delta_threshold", "remove", by=lambda: build(old_yard))


def test_a_candidate_that_was_begun_before_there_was_a_threshold_goes_on(old_yard: SmallYard) -> None:
    assert build(old_yard) == 0
    order = old_yard.root / "work" / str(NEW) / "order.json"
    record = json.loads(order.read_bytes())
    del record["delta_threshold"]
    order.write_text(json.dumps(record))
    before = made(old_yard)
    assert build(old_yard) == 0
    assert made(old_yard) == before

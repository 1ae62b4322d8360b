"""Pipelines that end at the worst moments, overtake each other, or come back from the past."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from release.catalog.board import Board
from release.catalog.naming import HEAD_FILE, PAGES_PREFIX, ledger_key
from release.line.mirror_saying import Judge, saying_of
from release.line.mirror_sync import sync_job
from release.line.mirrors import Behind
from release.line.yard import Yard
from release.mirror.directory import DirectoryStore
from release.mirror.replica import Document
from release.mirror.store import LostRaceError
from release.mirror.store_replica import StoreReplica
from release.trust.channel_document import channel_document_key
from release.wiring import open_yard
from tests.cutting_mirrors import CutError, Cutter, cutting, raise_cut
from tests.e2e.refusal import REFUSED, Terminal
from tests.mirror_yard import NAMES, MirrorYard, shown
from tests.small_yard import BOARD, NEW, OLD

ROOT = Path(__file__).resolve().parents[2]
ALPHA = channel_document_key("alpha", Board.parse(BOARD))
RACER = "tests.e2e.racing_pipeline"
LIMIT = 120.0
"""Seconds for one pipeline."""


def only(yard: MirrorYard, name: str) -> None:
    """Let the settings know one mirror alone."""
    settings = yard.small.settings
    before, *parts = settings.read_text().split("\n[mirrors.")
    wanted = [part for part in parts if part.startswith(f"{name}]")]
    settings.write_text("\n[mirrors.".join([before, *wanted]))


def sync(yard: Yard) -> list[Behind]:
    """Bring everything, and look again at what is there."""
    behind: list[Behind] = []
    for step in sync_job(yard, behind, again=True):
        step.run(lambda _done, _total: None)
    return [one for one in behind if one.mirror == "a"]


def first_and_last(keys: Sequence[str]) -> list[int]:
    """Of each kind of key, by its first segment: which are written first and last."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for number, key in enumerate(keys):
        kind = key.partition("/")[0]
        first.setdefault(kind, number)
        last[kind] = number
    return sorted({*first.values(), *last.values()})


def check_consistent(yard: MirrorYard, name: str) -> None:
    """Whatever a mirror shows, it has all that this leads to."""
    head, root = yard.head(name), yard.root(name)
    if head is None:
        assert not (root / PAGES_PREFIX).exists()
        assert not (root / ALPHA).exists()
        return
    assert all((root / ledger_key(number)).is_file() for number in range(head.ledger.sequence + 1))
    for channel, one in head.channels.items():
        assert (root / f"releases/{one.version}/release.json.sig").is_file()
        assert (root / f"update/{BOARD}/{one.version}/flatcar_production_update.gz").is_file()
        at = yard.at(name, channel)
        assert at in {None, str(one.version), str(OLD)}
        if at is not None:
            folder = root / channel / BOARD
            names = {path.name for path in (folder / at).iterdir() if not path.name.startswith("index.")}
            assert names <= {path.name for path in (folder / "current").iterdir()}


def test_wherever_a_run_is_cut_off_a_mirror_leads_nowhere_and_the_next_run_ends_the_same(
    mirrored: MirrorYard,
) -> None:
    """Cut after the first and the last write of every kind; then run again, and compare all bytes."""
    only(mirrored, "a")
    root = mirrored.root("a")
    with open_yard(mirrored.small.settings) as yard:
        assert sync(yard) == []
        expected = shown(root)
        shutil.rmtree(root)
        all_writes = Cutter(-2, raise_cut)
        assert sync(cutting(yard, all_writes)) == []
        assert shown(root) == expected
        entries = yard.ledger.state().sequence
        for number in first_and_last(all_writes.names):
            shutil.rmtree(root)
            with pytest.raises(CutError):
                sync(cutting(yard, Cutter(number, raise_cut)))
            check_consistent(mirrored, "a")
            assert sync(yard) == [], all_writes.names[number]
            assert shown(root) == expected, all_writes.names[number]
        assert yard.ledger.state().sequence == entries, "it knew all that before"


@pytest.mark.parametrize("number", [5, 60, 110, 118])
def test_a_promotion_that_is_killed_is_completed_by_the_next(settled: MirrorYard, number: int) -> None:
    """SIGKILL while bytes are brought, what vouches for them, and while mirrors show the new state."""
    settled.ask()
    command = [sys.executable, "-m", "tests.e2e.killed_mirroring", str(settled.small.settings), str(number)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=LIMIT)
    assert done.returncode == -signal.SIGKILL, done.stderr
    for name in NAMES:
        check_consistent(settled, name)
    assert settled.promote() == 0
    first = shown(settled.root("a"))
    for name in NAMES:
        assert settled.at(name) == str(NEW)
        assert settled.verify(name) == 0
        assert shown(settled.root(name)) == first
    before = settled.state().sequence
    assert settled.promote() == 0
    assert settled.state().sequence == before


def race(yard: MirrorYard, go: Path, *commands: Sequence[str]) -> list[tuple[int, str]]:
    """Run command lines in processes of their own that begin at the same moment; exit codes and stderr."""
    racers = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.e2e.racing_pipeline",
                str(go),
                *one,
                "--settings",
                yard.small.settings,
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for one in commands
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n", racer.communicate()[1]
    go.touch()
    said = [racer.communicate(timeout=LIMIT)[1] for racer in racers]
    return [(racer.returncode, text) for racer, text in zip(racers, said, strict=True)]


def test_two_pipelines_at_once_bring_each_mirror_to_the_same_state(
    mirrored: MirrorYard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One promotes, the other brings all that mirrors lack; each release is recorded once for each mirror."""
    mirrored.ask()
    ended = race(mirrored, tmp_path / "go", ["promote", "run"], ["mirrors", "sync"])
    assert ended[0][0] == 0, ended
    assert mirrored.small.humpyard("mirrors", "sync") == 0
    first = shown(mirrored.root("a"))
    for name in NAMES:
        assert mirrored.at(name) == str(NEW)
        assert mirrored.verify(name) == 0
        assert shown(mirrored.root(name)) == first
    capsys.readouterr()
    assert mirrored.small.humpyard("ledger", "log", "--json") == 0
    entries = [one["data"] for one in json.loads(capsys.readouterr().out) if one["kind"] == "mirror"]
    seen = [(one["mirror"], one["channel"], one["version"]) for one in entries]
    assert sorted(seen) == sorted(set(seen))


def test_a_pipeline_from_the_past_takes_no_mirror_back(settled: MirrorYard, terminal: Terminal) -> None:
    """Neither when it looks before, nor when it does not; and a store that was put back is told of."""
    origin, past = settled.small.mirror, settled.small.root / "past"
    shutil.copytree(origin, past)
    with open_yard(settled.small.settings) as yard:
        saying = saying_of(yard)
        assert saying is not None
        documents = [(HEAD_FILE, saying.data), (ALPHA, (origin / ALPHA).read_bytes())]
        settled.ask()
        assert settled.promote() == 0
        after = shown(settled.roots)
        replica = StoreReplica.linked(DirectoryStore(settled.root("a")))
        for key, data in documents:
            with pytest.raises(LostRaceError):
                replica.replace([Document(key=key, data=data)], Judge(yard, saying.chain).may_follow)

    shutil.rmtree(origin)
    shutil.copytree(past, origin)
    assert settled.small.humpyard("promote", "run") == 0
    assert shown(settled.roots) == after
    settled.ask(channel="alpha")  # and so there are two ledgers
    settled.small.humpyard("promote", "run")
    terminal.fails(REFUSED, "there are two ledgers", by=lambda: settled.small.humpyard("mirrors", "sync"))
    assert shown(settled.roots) == after

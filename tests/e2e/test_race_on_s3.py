"""Two pipelines, two processes, one ledger on a real S3 server: of each number exactly one wins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from release.catalog.board import Board
from release.catalog.naming import LEDGER_PREFIX
from release.mirror.pointers import read_channel_pointer
from release.mirror.s3 import S3Store
from release.mirror.s3_options import S3Options
from tests.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS, seaweedfs  # noqa: F401 - a fixture
from tests.small_yard import BOARD, OLD, SmallYard

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = 25
"""Written by each of two writers that do nothing else."""
CHANNELS = tuple(f"ring-{number}" for number in range(5))
"""Open channels, one for each round of two promotions."""


@pytest.fixture
def store(
    seaweedfs: SeaweedFS,  # noqa: F811
    small_yard: SmallYard,
    monkeypatch: pytest.MonkeyPatch,
) -> S3Store:
    """The yard's store in a new bucket: a ledger, one release in alpha, channels that anybody may move."""
    bucket = seaweedfs.new_bucket()
    for name, value in {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_ENDPOINT_URL_S3": seaweedfs.endpoint_url,
        "HUMPYARD_STORE__URL": f"s3://{bucket}/releases",
    }.items():
        monkeypatch.setenv(name, value)
    policy = small_yard.root / "policy.toml"
    more = "".join(
        f'\n[[channels]]\nname = "{name}"\nfeeds_from = ["alpha"]\nopen = true\n' for name in CHANNELS
    )
    policy.write_text(policy.read_text() + more)
    assert small_yard.humpyard("ledger", "begin") == 0
    small_yard.publish(OLD, offered_in=("alpha",))
    return S3Store(bucket=bucket, prefix="releases", options=S3Options(endpoint_url=seaweedfs.endpoint_url))


def _race(go: Path, *commands: list[str]) -> list[tuple[int, str, str]]:
    """Start a process for each command, let all go at once; exit code, stdout and stderr of each."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.racing_pipeline", str(go), *command],
            cwd=ROOT,
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n", racer.communicate()[1]
    go.touch()
    ended = [(*racer.communicate(timeout=180), racer.returncode) for racer in racers]
    return [(code, out, err) for out, err, code in ended]


def _log(yard: SmallYard, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The ledger, verified anew."""
    capsys.readouterr()
    assert yard.humpyard("ledger", "log", "--json") == 0
    entries: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return entries


def test_two_writers_lose_no_entry_and_no_number_is_given_twice(
    store: S3Store, small_yard: SmallYard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They do nothing but write, so that nearly each entry is raced for; the loser reads and signs again."""
    before = len(_log(small_yard, capsys))
    settings = str(small_yard.settings)
    ended = _race(
        tmp_path / "go", *(["--append", name, str(ENTRIES), settings] for name in ("race-a", "race-b"))
    )
    assert [code for code, _, _ in ended] == [0, 0], ended
    collisions = [int(out) for _, out, _ in ended]
    assert sum(collisions) > 0, "they never met: this raced for nothing"
    entries = _log(small_yard, capsys)
    assert len(entries) == before + 2 * ENTRIES == len(list(store.list(LEDGER_PREFIX)))
    assert [entry["sequence"] for entry in entries] == list(range(len(entries)))
    for name in ("race-a", "race-b"):
        written = [entry["data"]["detail"] for entry in entries if entry["data"].get("name") == name]
        assert written == [f"number {number}" for number in range(ENTRIES)]


def test_two_promotions_at_once_move_each_channel_exactly_once(
    store: S3Store, small_yard: SmallYard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever comes second finds it carried out, and both agree on the pointer."""
    command = ["promote", "run", "--settings", str(small_yard.settings)]
    for channel in CHANNELS:
        asked = ["promote", "request", str(OLD), "--to", channel, *small_yard.secret("ada")]
        assert small_yard.humpyard(*asked) == 0
        ended = _race(tmp_path / channel, command, command)
        assert [code for code, _, _ in ended] == [0, 0], ended
        pointer = read_channel_pointer(store, channel, Board.parse(BOARD))
        assert pointer is not None
        assert pointer.version == OLD
    moved = [entry["data"] for entry in _log(small_yard, capsys) if entry["kind"] == "pointer"]
    assert sorted(one["channel"] for one in moved) == sorted(CHANNELS)
    assert {one["generation"] for one in moved} == {1}


def test_of_two_requests_for_one_channel_raced_for_one_is_carried_out_and_the_other_refused(
    store: S3Store, small_yard: SmallYard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both were asked at the same generation; the second to be carried out is void."""
    channel = CHANNELS[0]
    for name in ("ada", "grace"):
        asked = ["promote", "request", str(OLD), "--to", channel, *small_yard.secret(name)]
        assert small_yard.humpyard(*asked) == 0
    command = ["promote", "run", "--settings", str(small_yard.settings)]
    ended = _race(tmp_path / "go", command, command)
    assert all(code == 0 or "has moved since this one" in err for code, _, err in ended), ended
    entries = _log(small_yard, capsys)
    kinds = Counter(entry["kind"] for entry in entries)
    assert (kinds["request"], kinds["pointer"]) == (2, 1)
    pointer = read_channel_pointer(store, channel, Board.parse(BOARD))
    assert pointer is not None
    assert pointer.version == OLD
    assert small_yard.humpyard("promote", "run") == 0  # nothing is left to do

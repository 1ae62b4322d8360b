"""Two processes on a real S3 server: one asks for a release and promotes it, the other collects it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from release.catalog.board import Board
from release.cli.main import run
from release.digests import Digest
from release.mirror.directory import DirectoryStore
from release.mirror.pointers import read_channel_pointer
from release.mirror.s3 import S3Store
from release.mirror.s3_options import S3Options
from tests.keeping_policy import RING, UNNEEDED
from tests.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS, seaweedfs  # noqa: F401 - a fixture
from tests.small_yard import BOARD, PRODUCT, SmallYard

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, MOST_ROUNDS = 4, 12
"""So many, and more until both have won."""
STEP = 1500
"""Milliseconds."""


@dataclass(frozen=True)
class Bucket:
    """A bucket, whose folders are stores."""

    name: str
    endpoint: str

    def store(self, prefix: str) -> S3Store:
        return S3Store(bucket=self.name, prefix=prefix, options=S3Options(endpoint_url=self.endpoint))

    def url(self, prefix: str) -> str:
        return f"s3://{self.name}/{prefix}"


@pytest.fixture
def bucket(
    seaweedfs: SeaweedFS,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Bucket:
    """Where rounds have their stores, and what racers need to reach them."""
    bucket = Bucket(seaweedfs.new_bucket(), seaweedfs.endpoint_url)
    for name, value in {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_ENDPOINT_URL_S3": seaweedfs.endpoint_url,
    }.items():
        monkeypatch.setenv(name, value)
    return bucket


def _copied(yard: SmallYard, bucket: Bucket, prefix: str) -> S3Store:
    """The yard's store, in which alpha needs a release no more, under a prefix of the bucket."""
    start, copy = DirectoryStore(yard.mirror), bucket.store(prefix)

    def bring(key: str) -> None:
        data = start.read(key)
        copy.create(key, data, sha256=Digest.sha256(data))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bring, start.list("")))
    return copy


def _race(yard: SmallYard, go: Path, url: str, delay: int) -> list[tuple[int, str]]:
    """Exit code and stderr of the one who promotes, and of the one who collects."""
    settings = ["--settings", str(yard.settings)]
    asked = ["promote", "request", str(UNNEEDED), "--to", RING, *yard.secret("ada"), *settings]
    promote = [str(max(0, -delay)), *asked, "--then", "promote", "run", *settings]
    collect = [str(max(0, delay)), "garbage", "collect", "--really", *settings]
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.racing_keeper", str(go), *words],
            cwd=ROOT,
            env={**os.environ, "HUMPYARD_STORE__URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for words in (promote, collect)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n", racer.communicate()[1]
    go.touch()
    ended = [(*racer.communicate(timeout=180), racer.returncode) for racer in racers]
    return [(code, " ".join(err.split())) for _, err, code in ended]


def test_the_channel_moves_with_all_its_bytes_or_the_release_is_collected_and_the_move_refused(
    bucket: Bucket,
    kept: SmallYard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    won: Counter[str] = Counter()
    delay = 0  # how much later the collector begins, or earlier: so that now one wins, now the other
    for number in range(MOST_ROUNDS):
        if number >= ROUNDS and len(won) > 1:
            break
        store, url = _copied(kept, bucket, f"round-{number}"), bucket.url(f"round-{number}")
        (promoted, refusal), (collected, trouble) = _race(kept, tmp_path / str(number), url, delay)
        assert collected == 0, trouble
        monkeypatch.setenv("HUMPYARD_STORE__URL", url)
        pointer = read_channel_pointer(store, RING, Board.parse(BOARD))
        kinds = Counter(entry["kind"] for entry in _log(kept, capsys))
        if promoted == 0:
            won["moved"] += 1
            delay -= STEP
            assert pointer is not None
            assert pointer.version == UNNEEDED
            assert kinds["collected"] == 0
            assert kept.humpyard("garbage", "collect", "--really") == 0
            assert _verified(kept, url, capsys) == 0
        else:
            won["collected"] += 1
            delay += STEP
            assert "collected" in refusal, refusal
            assert (pointer, kinds["collected"]) == (None, 1)
            assert kept.humpyard("garbage", "collect", "--really") == 0
            there = [key for key in store.list("") if f"/{UNNEEDED}/" in key]
            assert [key for key in there if not key.startswith(("releases/", "pages/"))] == []
    assert set(won) == {"moved", "collected"}, won


def _log(yard: SmallYard, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert yard.humpyard("ledger", "log", "--json") == 0
    entries: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return entries


def _verified(yard: SmallYard, url: str, capsys: pytest.CaptureFixture[str]) -> int:
    """What anybody does who installs from the ring."""
    keys = yard.root / "keys"
    given = [f"--release-key={keys}/pipeline.asc", f"--build-key={keys}/build.asc"]
    given += [f"--payload-key={keys}/payload-2048.pub.pem", f"--product={PRODUCT}"]
    code = run(["verify", url, "--channel", RING, *given])
    capsys.readouterr()
    return code

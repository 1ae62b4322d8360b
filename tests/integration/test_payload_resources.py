"""What building takes, and what it leaves when it is stopped: real processes under real limits."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from release.cli.main import run
from release.errors import InputError
from release.payload.build import BuildOrder, build_payload
from release.payload.profile import POSITIONAL_BSPATCH

MIB = 1 << 20
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts beside itself ignores it
from release.cli.main import main
main()
"""
LIMITED = """
import resource, sys
from pathlib import Path
from release.payload.apply import prove_payload
from release.payload.build import BuildOrder, build_payload
from release.payload.profile import get_profile
import release.payload.native
folder, limit, memory, workers, profile = Path(sys.argv[1]), *map(int, sys.argv[2:5]), sys.argv[5]
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
order = BuildOrder(
    new_image=folder / "new", old_image=folder / "old", out=folder / f"out-{profile}-{workers}",
    profile=get_profile(profile), workers=workers, memory=memory,
)
print(build_payload(order).size)
"""


def loose(seed: int, size: int) -> bytes:
    """Loose data, of which every seed is indexed: what takes the most memory."""
    chance = random.Random(seed)  # noqa: S311  test data
    words = [chance.randbytes(6) for _ in range(5000)]
    return b"".join(chance.choices(words, k=size // 6 + 1))[:size]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An old and a new image of 160 MiB, half of it loose, all of it moved by some bytes."""
    folder = tmp_path_factory.mktemp("resources")
    chance = random.Random(1)  # noqa: S311  test data
    noise, code = chance.randbytes(60 * MIB), loose(2, 30 * MIB)
    (folder / "old").write_bytes(noise + code + bytes(70 * MIB))
    changed = bytearray(code)
    changed[::5003] = bytes(len(changed[::5003]))
    fresh = chance.randbytes(10 * MIB)
    new = b"moved" + bytes(changed) + noise[: 30 * MIB] + fresh + b"again" + fresh
    (folder / "new").write_bytes(new.ljust(150 * MIB, b"\0"))
    return folder


@pytest.mark.parametrize("profile", ["flatcar", "positional-bspatch"])
def test_a_build_keeps_below_its_memory_and_makes_the_same_bytes_with_more_workers(
    folder: Path, profile: str
) -> None:
    """The limit is the kernel's, on all private memory, Python's own and thread stacks included."""
    memory = 512 * MIB
    made = set()
    for workers in (1, 2, 4):
        arguments = [str(folder), str(memory), str(memory), str(workers), profile]
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        made.add((folder / f"out-{profile}-{workers}").read_bytes())
    assert len(made) == 1


def test_what_is_found_does_not_have_to_fit_in_memory(tmp_path: Path) -> None:
    """Every 18th byte is another one: a stretch, and so a cover, in every 18 bytes of the image."""
    old = bytearray(loose(3, 64 * MIB))
    (tmp_path / "old").write_bytes(old)
    old[::18] = bytes(byte ^ 0x80 for byte in old[::18])
    (tmp_path / "new").write_bytes(old)
    arguments = [str(tmp_path), str(360 * MIB), str(360 * MIB), "2", "positional-bspatch"]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_memory_that_is_too_little_is_told_at_once(folder: Path, tmp_path: Path) -> None:
    order = BuildOrder(
        new_image=folder / "new",
        old_image=folder / "old",
        out=tmp_path / "out",
        profile=POSITIONAL_BSPATCH,
        memory=100 * MIB,
    )
    with pytest.raises(InputError, match=r"memory: expected at least \d+ MiB .* found 100 MiB"):
        build_payload(order)
    images = [str(folder / "new"), "--from", str(folder / "old")]
    assert run(["payload", "build", *images, "--out", str(tmp_path / "out"), "--memory", "100"]) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_build_that_is_interrupted_leaves_nothing(folder: Path, tmp_path: Path, workers: str) -> None:
    images = [str(folder / "new"), "--from", str(folder / "old"), "--profile", "positional-bspatch"]
    argv = ["payload", "build", *images, "--out", str(tmp_path / "out"), "--workers", workers]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    while not list(tmp_path.glob(".out.partial")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []

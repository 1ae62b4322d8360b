"""Scratch directories come and go, whatever becomes of their owner."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from release.errors import InputError
from release.scratch import scratch_directory

_MAKE_ONE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from release.scratch import scratch_directory
with scratch_directory(Path(sys.argv[1])) as directory:
    (directory / "large").write_bytes(bytes(1 << 20))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_is_there_while_it_is_used_and_gone_afterwards(tmp_path: Path) -> None:
    with scratch_directory(tmp_path / "made") as directory:
        (directory / "file").write_text("x")
        assert directory.parent == tmp_path / "made"
    assert list((tmp_path / "made").iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _MAKE_ONE_AND_DIE, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    with scratch_directory(tmp_path) as directory:
        assert list(tmp_path.iterdir()) == [directory]
    assert not left.exists()


def test_one_in_use_is_left_alone(tmp_path: Path) -> None:
    with scratch_directory(tmp_path) as first, scratch_directory(tmp_path) as second:
        assert sorted(tmp_path.iterdir()) == sorted([first, second])


def test_a_place_that_cannot_hold_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="file"), scratch_directory(tmp_path / "file" / "below"):
        pass

"""Directories for work in progress, and the remains of those whose owner was killed.

A killed process cannot clean up, and what it leaves may be as large as an image. Each scratch
directory is locked (``flock``) for as long as its owner lives, so whoever makes the next one beside
it can tell what is abandoned and removes it. Locks end with the process, in containers as well.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from release.errors import storage_errors

_PREFIX = ".scratch-"


@contextmanager
def scratch_directory(parent: Path) -> Iterator[Path]:
    """A private directory below ``parent``, on the same file system, gone afterwards.

    Makes ``parent`` when it is missing. Removes what killed processes left beside it.

    Raises:
        StorageFullError, InputError, UnavailableError: from making it.
    """
    with storage_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        sweep(parent)
        directory, lock = _make(parent)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def sweep(parent: Path) -> None:
    """Remove the scratch directories below ``parent`` that no living process holds."""
    for directory in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody's, or gone meanwhile
            lock = _lock(directory)
            shutil.rmtree(directory, ignore_errors=True)
            os.close(lock)


def _make(parent: Path) -> tuple[Path, int]:
    while True:
        directory = Path(tempfile.mkdtemp(dir=parent, prefix=_PREFIX))
        with suppress(BlockingIOError, FileNotFoundError):  # a sweeper was quicker than our lock
            lock = _lock(directory)
            if directory.is_dir():
                return directory, lock
            os.close(lock)


def _lock(directory: Path) -> int:
    """Lock a directory, or raise BlockingIOError when a living process holds it."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle

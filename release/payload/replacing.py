"""Writing a file that others see only when it is whole."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from release.errors import InputError, UnavailableError, storage_errors

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


def check_place(path: Path) -> None:
    """Look, before any work is done, whether a file could be written at ``path``. Raises InputError."""
    if path.is_dir():
        raise InputError(f"{path}: expected a file to write, found a directory")
    if not path.parent.is_dir():
        raise InputError(f"{path}: cannot be written, {path.parent} is no directory", hint="make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"{path}: cannot be written, {path.parent} is read-only here")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open ``.<name>.partial`` beside ``path``, empty, for reading and writing.

    When the block ends well the file is on disk (fsync) under ``path``; when it does not, nothing is
    left. A file that a killed run left behind is taken over, and a lock keeps two runs apart.

    Raises:
        UnavailableError: another run is writing ``path``.
        StorageFullError, InputError: from the file system.
    """
    partial = path.with_name(f".{path.name}.partial")
    check_place(path)
    with storage_errors(path):
        file = _open_locked(partial, path)
        try:
            with file:
                file.truncate(0)
                yield file
                file.flush()
                os.fsync(file.fileno())
                partial.replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                partial.unlink()
            raise
        _sync_directory(path.parent)


def _open_locked(partial: Path, path: Path) -> BinaryIO:
    while True:
        file = os.fdopen(os.open(partial, _FLAGS, 0o666), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another run may have finished between open and lock: what we hold is then its result.
            if partial.exists() and partial.stat().st_ino == os.fstat(file.fileno()).st_ino:
                return file
        except BlockingIOError:
            file.close()
            raise UnavailableError(f"{path}: another run is writing it") from None
        except BaseException:
            file.close()
            raise
        file.close()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

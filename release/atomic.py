"""A new file that others see whole or not at all."""

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
def replacing(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Open ``.<name>.partial`` beside ``path``, empty, for reading and writing.

    When the block ends well the file is under ``path`` and on disk, file and directory (fsync); when
    it does not, nothing is left and ``path`` is as it was. What is at ``path`` is replaced: a symbolic
    link too, not the file it points to. A file that a killed run left behind is taken over, and a lock
    (flock(2) of the open file: between threads, too) keeps two runs apart.

    Args:
        path: in a directory that exists.
        mode: of the new file, less the umask.

    Raises:
        UnavailableError: another run is writing ``path``.
        StorageFullError, InputError: from the file system. An ``OSError`` that the block raises is
            mapped in the same way.
    """
    partial = path.with_name(f".{path.name}.partial")
    check_place(path)
    with storage_errors(path):
        with _open_locked(partial, path, mode) as file:
            try:
                file.truncate(0)
                yield file
                file.flush()
                os.fsync(file.fileno())
                partial.replace(path)
            except BaseException:
                # While the lock is held: behind it this name may be another run's.
                with suppress(FileNotFoundError):
                    partial.unlink()
                raise
        _sync_directory(path.parent)


def _open_locked(partial: Path, path: Path, mode: int) -> BinaryIO:
    while True:
        file = os.fdopen(os.open(partial, _FLAGS, mode), "r+b")
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

"""Every error humpyard raises on purpose. The families answer one question: what now?

HumpyardError
├── InputError            what we were given is wrong; never retry       exit 1
├── RefusedError          a rule or a check said no; tell a human        exit 1
│   └── NotVerifiedError  a signature, hash or proof does not hold
├── UnavailableError      it may work later; retry                       exit 3
│   └── StorageFullError  no space left; free some, then run again
└── ToolError             a program or its environment failed            exit 4
    └── ToolMissingError  the program is not installed

Leaves live beside the code that raises them. Mistakes of the programmer are ``RuntimeError`` and
``ValueError``, outside this tree. "Could not verify" is a kind of "not verified".
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar


class HumpyardError(Exception):
    """Base of the tree. ``message`` says where, what was expected, what was found."""

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """``hint`` says what a person can do about it; it is printed on a line of its own."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(HumpyardError):
    """What we were given is wrong. The same input fails again: never retry."""

    exit_code = 1


class RefusedError(HumpyardError):
    """A rule said no. A human decides what happens next."""

    exit_code = 1


class NotVerifiedError(RefusedError):
    """A signature, a hash or a proof does not hold, or could not be checked."""


class UnavailableError(HumpyardError):
    """Something we depend on does not answer, or not now. Trying again may help."""

    exit_code = 3


class StorageFullError(UnavailableError):
    """No space left where we write. Nothing was published; run again after making room."""


class ToolError(HumpyardError):
    """A program, or the environment it needs, failed."""

    exit_code = 4


class ToolMissingError(ToolError):
    """A program is not installed."""


_WRONG_PATH = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the ``OSError``s of reading or writing ``path`` into this tree.

    Raises:
        StorageFullError: ENOSPC, EDQUOT, or EFBIG (a limit on the size of files).
        InputError: the path is missing, of the wrong kind, taken, or may not be opened or written.
        UnavailableError: any other ``OSError`` (EIO, ESTALE, ...).
    """
    try:
        yield
    except OSError as error:
        where = error.filename if error.filename is not None else path
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFullError(
                f"{where}: no space left while writing",
                hint="free some space, then run the same command again",
            ) from error
        if error.errno == errno.EFBIG:
            raise StorageFullError(
                f"{where}: larger than the file system or the process's file size limit allows",
                hint="raise the limit (ulimit -f), then run the same command again",
            ) from error
        if error.errno in _WRONG_PATH:
            raise InputError(f"{where}: {error.strerror}") from error
        raise UnavailableError(f"{where}: {error.strerror or error}") from error

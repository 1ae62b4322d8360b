"""Folders and files of a store in a directory, reached without ever following a symbolic link.

Every folder is opened relative to the one above with ``O_NOFOLLOW`` (openat(2)), so that no link below the
root leads anywhere, whoever put it there and when. What is raised is ``OSError``, unless ``object_errors``
is around.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from release.errors import InputError, storage_errors
from release.mirror.keys import is_key
from release.mirror.store import MissingObjectError

PRIVATE = ".humpyard"
"""The folder below the root for locks and for what is being written: no key begins with a dot."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # non-blocking, lest a FIFO makes us wait for ever
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


@contextmanager
def object_errors(path: Path) -> Iterator[None]:
    """Turn ``OSError``s about the object at ``path`` into ours; MissingObjectError when it is not there."""
    with storage_errors(path):
        try:
            yield
        except FileNotFoundError as error:
            raise MissingObjectError(f"{path}: there is no such object") from error
        except OSError as error:
            error.filename = str(path)  # names given relative to a descriptor say too little
            if error.errno == errno.ELOOP:
                raise InputError(f"{path}: is a symbolic link, which this store never follows") from error
            raise


@contextmanager
def lock(root: Path, name: str) -> Iterator[None]:
    """Hold one of the store's locks; made when it is missing. Whoever holds it excludes all others."""
    with open_folder(root, (PRIVATE, "locks"), create=True) as folder:
        held = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666, dir_fd=folder)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)  # of the open file: excludes threads as well as processes
        yield
    finally:
        os.close(held)


def segments(path: str) -> Sequence[str]:
    """The names along ``path``; none for the root itself."""
    return path.split("/") if path else ()


@contextmanager
def open_folder(root: Path, folders: Sequence[str], *, create: bool = False) -> Iterator[int]:
    """A descriptor of the folder below ``root``, reached without following a symbolic link."""
    if create:
        root.mkdir(parents=True, exist_ok=True)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)  # the root itself is the operator's choice
    try:
        for name in folders:
            inner = _inner_folder(folder, name, create=create)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _inner_folder(outer: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=outer)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=outer)
    os.fsync(outer)
    return os.open(name, _FOLDER, dir_fd=outer)


def open_object(folder: int, name: str) -> int:
    """A descriptor of a regular file. FileNotFoundError when it is of another kind."""
    file = os.open(name, _FILE, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    return file


def exists(folder: int, name: str) -> bool:
    """Whether the name is taken, by whatever."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def is_link_to(source: tuple[int, str], target: tuple[int, str]) -> bool:
    """Whether two names are of one file. Raises FileNotFoundError only when there is no source."""
    one = os.stat(source[1], dir_fd=source[0], follow_symlinks=False)
    try:
        return os.path.samestat(one, os.stat(target[1], dir_fd=target[0], follow_symlinks=False))
    except FileNotFoundError:
        return False


def walk(folder: int) -> Iterator[str]:
    """Regular files below ``folder``, by their paths from it."""
    for path, folders, files, here in os.fwalk(".", dir_fd=folder, onerror=_raise, follow_symlinks=False):
        folders[:] = [name for name in folders if is_key(name)]
        for name in files:
            with suppress(FileNotFoundError):
                if stat.S_ISREG(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
                    yield f"{path}/{name}".removeprefix("./")


def _raise(error: OSError) -> None:
    raise error


def new_file(folder: int) -> tuple[str, int]:
    """A new file that this process holds a lock on, by name and descriptor."""
    while True:
        name = secrets.token_hex(16)
        file = os.open(name, _NEW, 0o666, dir_fd=folder)
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_nlink == 1:
                return name, file
        os.close(file)  # another process's sweep came between the two calls


def sweep(folder: int) -> None:
    """Remove what killed writers left: the files nobody holds a lock on."""
    for name in os.listdir(folder):
        with suppress(FileNotFoundError, BlockingIOError):
            file = os.open(name, _FILE, dir_fd=folder)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name, dir_fd=folder)
            finally:
                os.close(file)


def flush(stream: BinaryIO) -> None:
    """Bring what was written to the disk."""
    stream.flush()
    os.fsync(stream.fileno())

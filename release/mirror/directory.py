"""A store in a directory, for a web server or rsync to serve. Local or network file system.

Objects are plain files under their keys. What is being written, and the lock for pointers, are in
``.humpyard/`` below the root: no key begins with a dot, so it is never listed or read as an object.
Below the root no symbolic link is followed, whoever put it there and when: every folder is opened
relative to the one above with ``O_NOFOLLOW`` (openat(2)).

A process killed at any point leaves an object whole or absent. What it leaves in ``.humpyard/tmp`` is
removed by the next writer: live writers hold a lock (flock(2)) on their temporary file, dead ones do not.
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

from release.digests import Digest, hash_stream
from release.errors import InputError, storage_errors
from release.mirror.keys import check_key, check_prefix, is_key
from release.mirror.store import (
    DEFAULT_READ_LIMIT,
    POINTER_LIMIT,
    AlreadyThere,
    ConflictError,
    Created,
    LostRaceError,
    MissingObjectError,
    ObjectStat,
    Pointer,
    WriteResult,
)
from release.mirror.streams import check_sha256, mapped_stream, read_bounded, verified_chunks

_PRIVATE = ".humpyard"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # non-blocking, lest a FIFO makes us wait for ever
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class DirectoryStore:
    """All of ``release.mirror.store.Store`` in a directory.

    The root is made by the first write; until then the store is empty. Content types are the web
    server's business here and are ignored.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._swept = False

    def open(self, key: str) -> BinaryIO:
        """See ``ObjectReader.open``."""
        check_key(key)
        with self._errors(key), self._folder_of(key) as (folder, name):
            file = _open_object(folder, name)
        return mapped_stream(
            lambda count: os.read(file, count), lambda: os.close(file), lambda: self._errors(key)
        )

    def read(self, key: str, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        """See ``ObjectReader.read``."""
        with self.open(key) as stream:
            return read_bounded(stream, key, limit)

    def stat(self, key: str) -> ObjectStat | None:
        """See ``ObjectReader.stat``. The SHA-256 is never known without reading."""
        check_key(key)
        try:
            with self._errors(key), self._folder_of(key) as (folder, name):
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except MissingObjectError:
            return None
        if stat.S_ISDIR(found.st_mode):
            return None
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{self.root / key}: expected a regular file, found something else")
        return ObjectStat(
            size=found.st_size, etag=f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"
        )

    def list(self, prefix: str) -> Iterator[str]:
        """See ``ObjectReader.list``. Symbolic links and other special files are left out."""
        check_prefix(prefix)
        top, _, _ = prefix.rpartition("/")
        keys: list[str] = []
        with suppress(MissingObjectError), self._errors(prefix), _folder(self.root, _segments(top)) as folder:
            for name in _walk(folder):
                key = f"{top}/{name}" if top else name
                if key.startswith(prefix) and is_key(key):
                    keys.append(key)
        return iter(sorted(keys))

    def create(
        self,
        key: str,
        source: Path | bytes,
        *,
        sha256: Digest,
        content_type: str | None = None,  # noqa: ARG002  # the web server's business
        cache_control: str | None = None,  # noqa: ARG002  # the web server's business
    ) -> WriteResult:
        """See ``ObjectWriter.create``. link(2) refuses a name that is taken."""
        check_key(key)
        check_sha256(sha256)
        with self._errors(key), self._folder_of(key, create=True) as (folder, name):
            if _exists(folder, name):
                return self._compare(key, folder, name, sha256)
            with self._temporary() as (temporary, stream):
                for data in verified_chunks(key, source, sha256):
                    stream.write(data)
                _flush(stream)
                return self._link(temporary, key, (folder, name), sha256)

    def copy(self, source_key: str, key: str, *, sha256: Digest) -> WriteResult:
        """See ``ObjectWriter.copy``. A hard link, so it needs no space, and is not read when it is there."""
        check_key(source_key)
        check_key(key)
        check_sha256(sha256)
        with self._errors(source_key), self._folder_of(source_key) as source:
            self._compare(source_key, *source, sha256)
            with self._errors(key), self._folder_of(key, create=True) as (folder, name):
                if _is_link_to(source, (folder, name)):
                    os.fsync(folder)
                    return AlreadyThere(key)
                if _exists(folder, name):
                    return self._compare(key, folder, name, sha256)
                return self._link(source, key, (folder, name), sha256)

    def replace(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str | None = None,  # noqa: ARG002  # the web server's business
        cache_control: str | None = None,  # noqa: ARG002  # the web server's business
    ) -> None:
        """See ``ObjectWriter.replace``. rename(2) takes the old file's place."""
        check_key(key)
        with self._errors(key), self._folder_of(key, create=True) as (folder, name):
            with self._temporary() as ((temporaries, temporary), stream):
                stream.write(data)
                _flush(stream)
                os.replace(temporary, name, src_dir_fd=temporaries, dst_dir_fd=folder)
            os.fsync(folder)

    def read_pointer(self, key: str) -> Pointer | None:
        """See ``PointerReader.read_pointer``. The tag is the SHA-256 of the content."""
        try:
            data = self.read(key, POINTER_LIMIT)
        except MissingObjectError:
            return None
        return Pointer(data=data, tag=Digest.sha256(data).hex)

    def swap_pointer(self, key: str, expected: str | None, data: bytes) -> Pointer:
        """See ``PointerStore.swap_pointer``. One lock file for all pointers of this store."""
        check_key(key)
        with self._errors(key), self._pointer_lock():
            current = self.read_pointer(key)
            if current is not None and current.data == data:
                return current
            found = current.tag if current is not None else None
            if found != expected:
                raise LostRaceError(
                    f"{self.root / key}: expected the pointer to be at {expected}, found {found}",
                    hint="someone else moved it; look at it, then run the same command again",
                )
            self.replace(key, data)
        return Pointer(data=data, tag=Digest.sha256(data).hex)

    def delete(self, key: str) -> None:
        """See ``ObjectPruner.delete``. Folders stay."""
        check_key(key)
        with suppress(MissingObjectError), self._errors(key), self._folder_of(key) as (folder, name):
            os.unlink(name, dir_fd=folder)
            os.fsync(folder)

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        path = self.root / key
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
    def _folder_of(self, key: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        *folders, name = key.split("/")
        with _folder(self.root, folders, create=create) as folder:
            yield folder, name

    @contextmanager
    def _temporary(self) -> Iterator[tuple[tuple[int, str], BinaryIO]]:
        """A new file of ours, open for writing, and where it is; gone afterwards unless it was renamed."""
        with _folder(self.root, (_PRIVATE, "tmp"), create=True) as folder:
            if not self._swept:
                _sweep(folder)
                self._swept = True
            name, file = _new_file(folder)
            with os.fdopen(file, "wb") as stream:
                try:
                    yield (folder, name), stream
                finally:
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=folder)

    @contextmanager
    def _pointer_lock(self) -> Iterator[None]:
        with _folder(self.root, (_PRIVATE, "locks"), create=True) as folder:
            lock = os.open("pointers", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666, dir_fd=folder)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of the open file: excludes threads as well as processes
            yield
        finally:
            os.close(lock)

    def _link(
        self, source: tuple[int, str], key: str, target: tuple[int, str], sha256: Digest
    ) -> WriteResult:
        folder, name = target
        try:
            os.link(source[1], name, src_dir_fd=source[0], dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            return self._compare(key, folder, name, sha256)
        os.fsync(folder)
        return Created(key)

    def _compare(self, key: str, folder: int, name: str, sha256: Digest) -> AlreadyThere:
        """AlreadyThere when these bytes are there, and on the disk then; ConflictError if not."""
        with os.fdopen(_open_object(folder, name), "rb") as stream:
            found = hash_stream(stream).sha256
            os.fsync(stream.fileno())
        if found != sha256:
            raise ConflictError(f"{self.root / key}: expected {sha256}, found {found}")
        os.fsync(folder)  # whoever linked it may have been killed before he did
        return AlreadyThere(key)


def _segments(path: str) -> Sequence[str]:
    return path.split("/") if path else ()


@contextmanager
def _folder(root: Path, folders: Sequence[str], *, create: bool = False) -> Iterator[int]:
    """A descriptor of the folder below ``root``, reached without following a symbolic link."""
    if create:
        root.mkdir(parents=True, exist_ok=True)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)  # the root itself is the operator's choice
    try:
        for name in folders:
            inner = _open_folder(folder, name, create=create)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _open_folder(outer: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=outer)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=outer)
    os.fsync(outer)
    return os.open(name, _FOLDER, dir_fd=outer)


def _open_object(folder: int, name: str) -> int:
    file = os.open(name, _FILE, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    return file


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_link_to(source: tuple[int, str], target: tuple[int, str]) -> bool:
    """Whether two names are of one file. Raises FileNotFoundError only when there is no source."""
    one = os.stat(source[1], dir_fd=source[0], follow_symlinks=False)
    try:
        return os.path.samestat(one, os.stat(target[1], dir_fd=target[0], follow_symlinks=False))
    except FileNotFoundError:
        return False


def _walk(folder: int) -> Iterator[str]:
    """Regular files below ``folder``, by their paths from it."""
    for path, folders, files, here in os.fwalk(".", dir_fd=folder, onerror=_raise, follow_symlinks=False):
        folders[:] = [name for name in folders if is_key(name)]
        for name in files:
            with suppress(FileNotFoundError):
                if stat.S_ISREG(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
                    yield f"{path}/{name}".removeprefix("./")


def _raise(error: OSError) -> None:
    raise error


def _new_file(folder: int) -> tuple[str, int]:
    """A new file that this process holds a lock on, by name and descriptor."""
    while True:
        name = secrets.token_hex(16)
        file = os.open(name, _NEW, 0o666, dir_fd=folder)
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_nlink == 1:
                return name, file
        os.close(file)  # another process's sweep came between the two calls


def _sweep(folder: int) -> None:
    """Remove what killed writers left: the files nobody holds a lock on."""
    for name in os.listdir(folder):
        with suppress(FileNotFoundError, BlockingIOError):
            file = os.open(name, _FILE, dir_fd=folder)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name, dir_fd=folder)
            finally:
                os.close(file)


def _flush(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())

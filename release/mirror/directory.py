"""A store in a directory, for a web server or rsync to serve. Local or network file system.

Objects are plain files under their keys. What is being written, and the lock for pointers, are in
``.humpyard/`` below the root: no key begins with a dot, so it is never listed or read as an object.
Below the root no symbolic link is followed, whoever put it there and when (``folders``).

A process killed at any point leaves an object whole or absent. What it leaves in ``.humpyard/tmp`` is
removed by the next writer: live writers hold a lock (flock(2)) on their temporary file, dead ones do not.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from release.digests import Digest, hash_stream
from release.errors import InputError
from release.mirror.folders import (
    PRIVATE,
    exists,
    flush,
    is_link_to,
    lock,
    new_file,
    object_errors,
    open_folder,
    open_object,
    segments,
    sweep,
    walk,
)
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
    Source,
    WriteResult,
)
from release.mirror.streams import check_sha256, mapped_stream, read_bounded, verified_chunks


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
            file = open_object(folder, name)
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
        with (
            suppress(MissingObjectError),
            self._errors(prefix),
            open_folder(self.root, segments(top)) as folder,
        ):
            for name in walk(folder):
                key = f"{top}/{name}" if top else name
                if key.startswith(prefix) and is_key(key):
                    keys.append(key)
        return iter(sorted(keys))

    def create(
        self,
        key: str,
        source: Source,
        *,
        sha256: Digest,
        content_type: str | None = None,  # noqa: ARG002  # the web server's business
        cache_control: str | None = None,  # noqa: ARG002  # the web server's business
    ) -> WriteResult:
        """See ``ObjectWriter.create``. link(2) refuses a name that is taken."""
        check_key(key)
        check_sha256(sha256)
        with self._errors(key), self._folder_of(key, create=True) as (folder, name):
            if exists(folder, name):
                return self._compare(key, folder, name, sha256)
            with self._temporary() as (temporary, stream):
                for data in verified_chunks(key, source, sha256):
                    stream.write(data)
                flush(stream)
                return self._link(temporary, key, (folder, name), sha256)

    def copy(self, source_key: str, key: str, *, sha256: Digest) -> WriteResult:
        """See ``ObjectWriter.copy``. A hard link, so it needs no space, and is not read when it is there."""
        check_key(source_key)
        check_key(key)
        check_sha256(sha256)
        with self._errors(source_key), self._folder_of(source_key) as source:
            self._compare(source_key, *source, sha256)
            with self._errors(key), self._folder_of(key, create=True) as (folder, name):
                if is_link_to(source, (folder, name)):
                    os.fsync(folder)
                    return AlreadyThere(key)
                if exists(folder, name):
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
                flush(stream)
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
        with self._errors(key), lock(self.root, "pointers"):
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

    def _errors(self, key: str) -> AbstractContextManager[None]:
        return object_errors(self.root / key)

    @contextmanager
    def _folder_of(self, key: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        *folders, name = key.split("/")
        with open_folder(self.root, folders, create=create) as folder:
            yield folder, name

    @contextmanager
    def _temporary(self) -> Iterator[tuple[tuple[int, str], BinaryIO]]:
        """A new file of ours, open for writing, and where it is; gone afterwards unless it was renamed."""
        with open_folder(self.root, (PRIVATE, "tmp"), create=True) as folder:
            if not self._swept:
                sweep(folder)
                self._swept = True
            name, file = new_file(folder)
            with os.fdopen(file, "wb") as stream:
                try:
                    yield (folder, name), stream
                finally:
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=folder)

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
        with os.fdopen(open_object(folder, name), "rb") as stream:
            found = hash_stream(stream).sha256
            os.fsync(stream.fileno())
        if found != sha256:
            raise ConflictError(f"{self.root / key}: expected {sha256}, found {found}")
        os.fsync(folder)  # whoever linked it may have been killed before he did
        return AlreadyThere(key)

"""Byte streams that cross a store's border: what is uploaded, and what is read back."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from release.digests import CHUNK_SIZE, Digest, Hasher, chunks
from release.errors import InputError, storage_errors
from release.mirror.store import ObjectTooLargeError


class _MappedRaw(io.RawIOBase):
    """Reads by a function, inside a context that maps foreign errors onto ours."""

    def __init__(
        self,
        read: Callable[[int], bytes],
        close: Callable[[], object],
        errors: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._read = read
        self._close = close
        self._errors = errors

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io passes a memoryview
        with self._errors():
            data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._close()


def mapped_stream(
    read: Callable[[int], bytes],
    close: Callable[[], object],
    errors: Callable[[], AbstractContextManager[None]],
) -> BinaryIO:
    """A stream over ``read(n)``, which gives up to n bytes and ``b""`` at the end.

    ``errors`` wraps every read, so that what goes wrong in the middle comes out in our error tree.
    """
    return io.BufferedReader(_MappedRaw(read, close, errors), buffer_size=CHUNK_SIZE)


def read_bounded(stream: BinaryIO, key: str, limit: int) -> bytes:
    """The rest of ``stream``, which is left open. Raises ObjectTooLargeError above ``limit`` bytes."""
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise ObjectTooLargeError(f"{key}: expected at most {limit} bytes, found more")
    return data


def source_size(source: Path | bytes) -> int:
    """The size in bytes of what is to be uploaded. Raises InputError when it cannot be read."""
    if isinstance(source, bytes):
        return len(source)
    with storage_errors(source):
        return source.stat().st_size


def source_chunks(source: Path | bytes) -> Iterator[bytes]:
    """The bytes of what is to be uploaded, in pieces; its read errors name it, not the store."""
    if isinstance(source, bytes):
        yield source
        return
    with storage_errors(source), source.open("rb") as stream:
        yield from chunks(stream)


def verified_chunks(key: str, source: Path | bytes, sha256: Digest) -> Iterator[bytes]:
    """``source_chunks``, with an InputError at the end when they do not have the digest ``sha256``.

    Whoever stores them must not make them visible before the end was reached.
    """
    hasher = Hasher()
    for data in source_chunks(source):
        hasher.update(data)
        yield data
    found = hasher.result().sha256
    if found != sha256:
        where = "bytes given" if isinstance(source, bytes) else str(source)
        raise InputError(f"{where}, to be stored as {key}: expected {sha256}, found {found}")


def check_sha256(digest: Digest) -> Digest:
    """Return ``digest`` if it is a SHA-256; what identifies content must be collision-free."""
    if digest.algorithm != "sha256":
        raise InputError(f"digest {digest}: expected a SHA-256")
    return digest

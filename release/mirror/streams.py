"""Byte streams that cross a store's border: what is uploaded, and what is read back."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from release.digests import CHUNK_SIZE, Digest, Hasher, chunks
from release.errors import InputError, storage_errors
from release.mirror.store import ObjectTooLargeError, OpenStream, Source


class WrongSourceError(InputError):
    """What was to be uploaded is not what it was said to be."""


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


def source_size(source: Source) -> int | None:
    """The size in bytes of what is to be uploaded; None of a stream, which only tells when it was read.

    Raises InputError when it cannot be read.
    """
    if isinstance(source, bytes):
        return len(source)
    if isinstance(source, Path):
        with storage_errors(source):
            return source.stat().st_size
    return None


def source_name(source: Source) -> str:
    """How messages call it."""
    if isinstance(source, Path):
        return str(source)
    return "bytes given" if isinstance(source, bytes) else "stream given"


def source_chunks(source: Source) -> Generator[bytes, None, None]:
    """The bytes of what is to be uploaded, in pieces; its read errors name it, not the store."""
    if isinstance(source, bytes):
        yield source
    elif isinstance(source, Path):
        with storage_errors(source), source.open("rb") as stream:
            yield from chunks(stream)
    else:
        with source() as stream:
            yield from chunks(stream)


def watched(source: Source, tell: Callable[[int], None]) -> OpenStream:
    """The same bytes as a stream, which tells how many were read of it so far. ``tell`` must not raise."""

    def open_stream() -> BinaryIO:
        pieces, done, rest = source_chunks(source), 0, b""

        def read(count: int) -> bytes:
            nonlocal done, rest
            data = rest or next(pieces, b"")
            data, rest = data[:count], data[count:]
            done += len(data)
            tell(done)
            return data

        return mapped_stream(read, pieces.close, nullcontext)

    return open_stream


def verified_chunks(key: str, source: Source, sha256: Digest) -> Iterator[bytes]:
    """``source_chunks``, with a WrongSourceError at the end when they do not have the digest ``sha256``.

    Whoever stores them must not make them visible before the end was reached.
    """
    hasher = Hasher()
    for data in source_chunks(source):
        hasher.update(data)
        yield data
    found = hasher.result().sha256
    if found != sha256:
        raise WrongSourceError(
            f"{source_name(source)}, to be stored as {key}: expected {sha256}, found {found}"
        )


def check_sha256(digest: Digest) -> Digest:
    """Return ``digest`` if it is a SHA-256; what identifies content must be collision-free."""
    if digest.algorithm != "sha256":
        raise InputError(f"digest {digest}: expected a SHA-256")
    return digest

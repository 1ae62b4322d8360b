"""Digest values, and readers and writers that hash what passes through them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Self

from release.errors import InputError, storage_errors

CHUNK_SIZE = 1 << 20
"""Bytes read at once when streaming."""

_SIZES = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A hash value together with the algorithm that made it."""

    algorithm: str
    value: bytes

    def __post_init__(self) -> None:
        size = _SIZES.get(self.algorithm)
        if size is None:
            raise InputError(f"digest algorithm {self.algorithm!r}: expected one of {', '.join(_SIZES)}")
        if len(self.value) != size:
            raise InputError(f"{self.algorithm} digest: expected {size} bytes, found {len(self.value)}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"sha256:<hex>"``. Raises InputError on any other form."""
        algorithm, colon, digits = text.partition(":")
        try:
            value = bytes.fromhex(digits)
        except ValueError:
            value = b""
        if not colon or value.hex() != digits:
            raise InputError(f"digest {text!r}: expected 'algorithm:' and lower-case hexadecimal digits")
        return cls(algorithm, value)

    @classmethod
    def sha256(cls, data: bytes) -> Self:
        """The SHA-256 of ``data``."""
        return cls("sha256", hashlib.sha256(data).digest())

    @property
    def hex(self) -> str:
        """The value as lower-case hexadecimal digits, without the algorithm."""
        return self.value.hex()

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


@dataclass(frozen=True, slots=True)
class FileDigests:
    """What a file is: its size in bytes and its digests, one per algorithm asked for."""

    size: int
    digests: tuple[Digest, ...]

    def get(self, algorithm: str) -> Digest:
        """The digest of one algorithm. Raises KeyError when it was not asked for."""
        for digest in self.digests:
            if digest.algorithm == algorithm:
                return digest
        raise KeyError(algorithm)

    @property
    def sha256(self) -> Digest:
        """The SHA-256, which is what everything here is named by."""
        return self.get("sha256")


class Hasher:
    """Several digests and the size of one byte stream, computed in one pass."""

    def __init__(self, algorithms: Iterable[str] = ("sha256",)) -> None:
        self._states = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
        self.size = 0

    def update(self, data: bytes | memoryview) -> None:
        """Add bytes to the stream."""
        for state in self._states.values():
            state.update(data)
        self.size += len(data)

    def result(self) -> FileDigests:
        """Size and digests of everything so far."""
        return FileDigests(
            self.size, tuple(Digest(name, state.digest()) for name, state in self._states.items())
        )


class HashingWriter:
    """Writes through to ``target`` and hashes what it writes. Does not close ``target``."""

    def __init__(self, target: IO[bytes], algorithms: Iterable[str] = ("sha256",)) -> None:
        self._target = target
        self.hasher = Hasher(algorithms)

    def write(self, data: bytes | memoryview) -> int:
        """Write all of ``data``; returns its length in bytes."""
        self._target.write(data)
        self.hasher.update(data)
        return len(data)


def chunks(source: BinaryIO | IO[bytes], limit: int | None = None) -> Iterator[bytes]:
    """The bytes of ``source`` from its position, in pieces of at most ``CHUNK_SIZE``.

    ``limit`` stops after that many bytes. Leaves ``source`` open, behind what was yielded.
    """
    remaining = limit
    while remaining is None or remaining > 0:
        want = CHUNK_SIZE if remaining is None else min(CHUNK_SIZE, remaining)
        data = source.read(want)
        if not data:
            return
        if remaining is not None:
            remaining -= len(data)
        yield data


def hash_stream(source: BinaryIO | IO[bytes], algorithms: Iterable[str] = ("sha256",)) -> FileDigests:
    """Size and digests of the rest of ``source``. Leaves it open, at its end."""
    hasher = Hasher(algorithms)
    for data in chunks(source):
        hasher.update(data)
    return hasher.result()


def hash_file(path: Path, algorithms: Iterable[str] = ("sha256",)) -> FileDigests:
    """Size and digests of a file. Raises InputError or UnavailableError when it cannot be read."""
    with storage_errors(path), path.open("rb") as source:
        return hash_stream(source, algorithms)

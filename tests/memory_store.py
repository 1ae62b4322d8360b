"""A store in memory that keeps the same promises as the real ones, and breaks them when told to."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from release.digests import Digest
from release.errors import UnavailableError
from release.mirror.keys import check_key, check_prefix
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
from release.mirror.streams import check_sha256, read_bounded, verified_chunks


@dataclass
class Faults:
    """What goes wrong. Writes (create, copy, replace, swap, delete) are counted from 1.

    ``fail_before`` refuses these writes; ``fail_after`` does them and loses the answer; ``truncate``
    stores only half of these keys; ``lie`` flips a bit whenever these keys are read; ``down`` refuses
    everything.
    """

    fail_before: set[int] = field(default_factory=set)
    fail_after: set[int] = field(default_factory=set)
    truncate: set[str] = field(default_factory=set)
    lie: set[str] = field(default_factory=set)
    down: bool = False


class MemoryStore:
    """All of ``Store``. ``objects`` is open for tests to look at and to tamper with."""

    def __init__(self, objects: dict[str, bytes] | None = None, *, knows_sha256: bool = True) -> None:
        """``knows_sha256`` tells whether ``stat`` states digests, as S3 does and a directory does not."""
        self.objects: dict[str, bytes] = dict(objects or {})
        self.faults = Faults()
        self.log: list[str] = []
        """Keys in the order they were written."""
        self.writes = 0
        self._knows = knows_sha256
        self._lock = threading.RLock()

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self._get(key))

    def read(self, key: str, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        with self.open(key) as stream:
            return read_bounded(stream, key, limit)

    def stat(self, key: str) -> ObjectStat | None:
        self._up()
        data = self.objects.get(check_key(key))
        if data is None:
            return None
        sha256 = Digest.sha256(data)
        return ObjectStat(size=len(data), sha256=sha256 if self._knows else None, etag=sha256.hex)

    def list(self, prefix: str) -> Iterator[str]:
        self._up()
        check_prefix(prefix)
        return iter(sorted(key for key in self.objects if key.startswith(prefix)))

    def create(
        self,
        key: str,
        source: Source,
        *,
        sha256: Digest,
        content_type: str | None = None,
        cache_control: str | None = None,
    ) -> WriteResult:
        del content_type, cache_control
        check_key(key)
        check_sha256(sha256)
        self._up()
        if key in self.objects:
            return self._compare(key, sha256)
        data = b"".join(verified_chunks(key, source, sha256))
        with self._lock:
            if key in self.objects:
                return self._compare(key, sha256)
            self._put(key, data)
        return Created(key)

    def copy(self, source_key: str, key: str, *, sha256: Digest) -> WriteResult:
        check_key(key)
        data = self._get(source_key)
        self._compare(source_key, sha256)
        return self.create(key, data, sha256=sha256)

    def replace(
        self, key: str, data: bytes, *, content_type: str | None = None, cache_control: str | None = None
    ) -> None:
        del content_type, cache_control
        check_key(key)
        with self._lock:
            self._put(key, data)

    def read_pointer(self, key: str) -> Pointer | None:
        try:
            data = self.read(key, POINTER_LIMIT)
        except MissingObjectError:
            return None
        return Pointer(data=data, tag=Digest.sha256(data).hex)

    def swap_pointer(self, key: str, expected: str | None, data: bytes) -> Pointer:
        with self._lock:
            current = self.read_pointer(key)
            if current is not None and current.data == data:
                return current
            found = current.tag if current is not None else None
            if found != expected:
                raise LostRaceError(f"{key}: expected the pointer to be at {expected}, found {found}")
            self._put(key, data)
        return Pointer(data=data, tag=Digest.sha256(data).hex)

    def delete(self, key: str) -> None:
        check_key(key)
        with self._lock:
            self._put(key, None)

    def _up(self) -> None:
        if self.faults.down:
            raise UnavailableError("memory: the store is down")

    def _get(self, key: str) -> bytes:
        self._up()
        data = self.objects.get(check_key(key))
        if data is None:
            raise MissingObjectError(f"memory:{key}: there is no such object")
        if key in self.faults.lie:
            return bytes([data[0] ^ 1]) + data[1:] if data else b"?"
        return data

    def _put(self, key: str, data: bytes | None) -> None:
        self._up()
        self.writes += 1
        if self.writes in self.faults.fail_before:
            raise UnavailableError(f"memory:{key}: write {self.writes} failed")
        if data is None:
            self.objects.pop(key, None)
        else:
            self.objects[key] = data[: len(data) // 2] if key in self.faults.truncate else data
        self.log.append(key)
        if self.writes in self.faults.fail_after:
            raise UnavailableError(f"memory:{key}: no answer to write {self.writes}")

    def _compare(self, key: str, sha256: Digest) -> AlreadyThere:
        found = Digest.sha256(self.objects[key])
        if found != sha256:
            raise ConflictError(f"memory:{key}: expected {sha256}, found {found}")
        return AlreadyThere(key)

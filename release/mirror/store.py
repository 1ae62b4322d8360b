"""What a store of objects can do, as a ladder of protocols, and the words of its answers.

An object under a version is written once and never changed; a pointer moves by compare-and-swap.
Every store checks keys by ``release.mirror.keys`` and raises nothing but ``release.errors``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from release.digests import Digest
from release.errors import InputError, RefusedError, UnavailableError

DEFAULT_READ_LIMIT = 16 << 20
"""Bytes ``read`` returns at most unless told otherwise. Larger things are for ``open``."""

POINTER_LIMIT = 256 << 10
"""Bytes a pointer may have."""


OpenStream = Callable[[], BinaryIO]
"""Opens the same bytes anew, from their beginning, whenever it is called. Raises nothing but our errors."""

Source = Path | bytes | OpenStream
"""What is written: a file, bytes, or what is somewhere else and never whole in this place."""


class MissingObjectError(InputError):
    """There is no object of this key."""


class ObjectTooLargeError(InputError):
    """The object is larger than the reader is willing to hold."""


class ConflictError(RefusedError):
    """The key is taken by other bytes, and what is written once is not changed."""


class LostRaceError(UnavailableError):
    """The pointer is not what it was: someone else moved it. Read it again and decide again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStat:
    """What a store says about an object without reading it.

    ``size`` is in bytes. ``sha256`` is None when the store does not know it or contradicts itself; it
    is a claim until somebody has read the bytes. ``etag`` changes when the object does.
    """

    size: int
    sha256: Digest | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Created:
    """This call wrote the object."""

    key: str


@dataclass(frozen=True, slots=True)
class AlreadyThere:
    """The same bytes were there before (or an earlier try of this very call wrote them)."""

    key: str


WriteResult = Created | AlreadyThere


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """A small object that moves. ``tag`` names its present content; compare it, never parse it."""

    data: bytes
    tag: str


class ObjectReader(Protocol):
    """Reads objects. Absent keys raise MissingObjectError, storage that fails UnavailableError."""

    def open(self, key: str) -> BinaryIO:
        """The object's bytes as a stream; use it as a context manager. Errors may come while reading."""
        ...

    def read(self, key: str, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        """All bytes of a small object. Raises ObjectTooLargeError above ``limit`` bytes."""
        ...

    def stat(self, key: str) -> ObjectStat | None:
        """Size and claims about the object, None when it is absent."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """All keys that start with ``prefix`` (``""`` for all), sorted by code point.

        Names that are no valid keys are not objects and are left out.
        """
        ...


class ObjectWriter(ObjectReader, Protocol):
    """Writes objects. Nothing is visible under a key before all of it is stored."""

    def create(
        self,
        key: str,
        source: Source,
        *,
        sha256: Digest,
        content_type: str | None = None,
        cache_control: str | None = None,
    ) -> WriteResult:
        """Write once. Of several writers at the same time at most one gets Created.

        ``content_type`` and ``cache_control`` default to what ``content_types`` says for the key.

        Raises:
            ConflictError: other bytes are there already.
            InputError: ``source`` does not have the digest ``sha256``; nothing was published.
            StorageFullError: no space left; nothing was published.
        """
        ...

    def copy(self, source_key: str, key: str, *, sha256: Digest) -> WriteResult:
        """Write once under ``key`` what is under ``source_key``, without moving bytes where possible.

        Raises:
            MissingObjectError: there is no ``source_key``.
            ConflictError: it does not have the digest ``sha256``, or ``key`` holds other bytes.
        """
        ...

    def replace(
        self, key: str, data: bytes, *, content_type: str | None = None, cache_control: str | None = None
    ) -> None:
        """Write or overwrite in one step. Only for what can be rendered again: pages and indexes."""
        ...


class PointerReader(Protocol):
    """Reads pointers."""

    def read_pointer(self, key: str) -> Pointer | None:
        """The pointer, None when it was never set. At most ``POINTER_LIMIT`` bytes."""
        ...


class PointerStore(PointerReader, Protocol):
    """Moves pointers."""

    def swap_pointer(self, key: str, expected: str | None, data: bytes) -> Pointer:
        """Set the pointer if its tag is still ``expected`` (None: if it was never set).

        A pointer that holds ``data`` already is what was asked for: no error, nothing written. Tags
        name content, so a pointer that went away and came back counts as unmoved.

        Raises:
            LostRaceError: the pointer holds something else than expected.
        """
        ...


class ObjectPruner(Protocol):
    """Removes objects, for retention only."""

    def delete(self, key: str) -> None:
        """Remove the object; an absent one is no error."""
        ...


class PublishingStore(ObjectWriter, PointerStore, Protocol):
    """What publishing needs: objects and pointers, no deleting."""


class Store(PublishingStore, ObjectPruner, Protocol):
    """All of it."""

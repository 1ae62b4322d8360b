"""What a release is, as values. ``release.bundle.document`` reads and writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from release.bundle.change import Change
from release.catalog.artifact import Artifact
from release.catalog.board import Board
from release.catalog.channel import Channel
from release.catalog.lineage import Lineage
from release.catalog.version import Version
from release.digests import Digest, FileDigests
from release.errors import InputError
from release.image.packages import Package

_PROFILE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_KEY_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)

_DERIVED = (".sig", ".DIGESTS")
_DERIVED_FROM_PAYLOAD = (*_DERIVED, ".sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Bytes that are not published as they are: a raw partition, a kernel. ``size`` is in bytes."""

    size: int
    sha256: Digest

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise InputError(f"size: expected at least 1 byte, found {self.size}")
        _check_sha256("sha256", self.sha256)

    @classmethod
    def from_digests(cls, measured: FileDigests) -> Measured:
        """Keep the size and the SHA-256 of what was hashed."""
        return cls(size=measured.size, sha256=measured.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadRecord:
    """A payload as it is published, and what is known about it.

    Attributes:
        artifact: the file, published under ``update/<board>/<version>/``.
        extension: the system extension image that it makes, a file of the board; None when it makes
            the board's partition.
        source: the version that must be on the machine; None for a full payload.
        source_image: SHA-256 of the raw partition of ``source``; None for a full payload.
        profile: the client profile whose rules the payload keeps.
        metadata_size: bytes of header and manifest.
        operations: how many operations of each type, by the type's name in the format.
        signatures: SHA-256 of the SubjectPublicKeyInfo of the keys that verify, in slot order.
        proven: it was applied as a client does, and the outcome compared with the image.
    """

    artifact: Artifact
    extension: str | None = None
    source: Version | None = None
    source_image: Digest | None = None
    profile: str
    metadata_size: int
    operations: Mapping[str, int] = field(hash=False)
    signatures: tuple[str, ...]
    proven: bool

    def __post_init__(self) -> None:
        if (self.source is None) != (self.source_image is None):
            raise InputError("source_image: expected for a delta payload, and only for one")
        if self.source_image is not None:
            _check_sha256("source_image", self.source_image)
        if self.extension is not None and self.source is not None:
            raise InputError("source: expected none for a system extension, which is always sent whole")
        if not _PROFILE.fullmatch(self.profile):
            raise InputError(f"profile: expected lower-case words joined by '-', found {self.profile!r}")
        if not 0 < self.metadata_size <= self.artifact.size:
            raise InputError(
                f"metadata_size: expected 1 to {self.artifact.size} (the payload's size),"
                f" found {self.metadata_size}"
            )
        for name, count in self.operations.items():
            if count <= 0:
                raise InputError(f"operations.{name}: expected at least 1, found {count}")
        for index, key in enumerate(self.signatures):
            if not _KEY_ID.fullmatch(key):
                raise InputError(f"signatures[{index}]: expected 64 hexadecimal digits, found {key!r}")
        _check_unique("signatures", self.signatures)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRelease:
    """What a release ships for one board.

    Attributes:
        board: which one.
        image: the raw partition that every payload turns a machine's partition into, but for those
            that make system extensions.
        kernel: the kernel these payloads install; None when they install none.
        files: published under ``<channel>/<board>/<version>/``, sorted by name. System extension
            images are among them.
        payloads: published under ``update/<board>/<version>/``; the full one first, then the
            deltas by source version, then system extensions by name. At most one for each.
    """

    board: Board
    image: Measured
    kernel: Measured | None = None
    files: tuple[Artifact, ...]
    payloads: tuple[PayloadRecord, ...]

    def __post_init__(self) -> None:
        _check_ascending("files", [artifact.name for artifact in self.files])
        _check_ascending("payloads", [payload_order(payload) for payload in self.payloads])
        _check_not_derived("files", [artifact.name for artifact in self.files], _DERIVED)
        names = [payload.artifact.name for payload in self.payloads]
        _check_unique("payloads", names)
        _check_not_derived("payloads", names, _DERIVED_FROM_PAYLOAD)
        files = {artifact.name for artifact in self.files}
        for index, payload in enumerate(self.payloads):
            if payload.extension is not None and payload.extension not in files:
                raise InputError(f"payloads[{index}]: {payload.extension}: expected among the board's files")

    def extension(self, payload: PayloadRecord) -> Artifact | None:
        """The system extension image that ``payload`` makes; None when it makes the partition."""
        return next((file for file in self.files if file.name == payload.extension), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Everything one version ships.

    Attributes:
        product: whose release it is.
        version: which one.
        channel: the channel it was built for; the channels that offer it are another matter.
        created: when it was assembled; UTC, whole seconds.
        lineage: which release it derives from.
        boards: sorted, at least one.
        notes: the release notes, Markdown, not yet made safe.
        software: what people ask for first (kernel, docker, systemd ...), sorted. A name may
            occur with several versions.
        changes: every item of the changelog that it was built with, ascending by id: with its text
            where it was new then, or must not be missed; without where it was only there, too. None for
            a release that was made without a changelog, or before they were recorded.
    """

    product: str
    version: Version
    channel: str
    created: datetime
    lineage: Lineage = field(default_factory=Lineage)
    boards: tuple[BoardRelease, ...]
    notes: str
    software: tuple[Package, ...] = ()
    changes: tuple[Change, ...] = ()

    def __post_init__(self) -> None:
        if self.created.utcoffset() != timedelta(0) or self.created.microsecond:
            raise InputError(f"created: expected whole seconds in UTC, found {self.created.isoformat()}")
        if self.created.tzinfo is not UTC:
            object.__setattr__(self, "created", self.created.astimezone(UTC))
        Channel(self.channel)
        if self.lineage.derives_from == self.version:
            raise InputError(f"lineage: release {self.version} cannot derive from itself")
        if not self.boards:
            raise InputError("boards: expected at least one, found none")
        _check_ascending("boards", [entry.board for entry in self.boards])
        _check_ascending("software", list(self.software))
        _check_ascending("changes", [change.id for change in self.changes])
        for index, entry in enumerate(self.boards):
            if self.version in (payload.source for payload in entry.payloads):
                raise InputError(f"boards[{index}].payloads: a delta from {self.version} to itself")

    def board(self, board: Board) -> BoardRelease:
        """What is shipped for ``board``. Raises InputError when nothing is."""
        for entry in self.boards:
            if entry.board == board:
                return entry
        known = ", ".join(str(entry.board) for entry in self.boards)
        raise InputError(f"release {self.version}: nothing for board {board}; it covers {known}")


def payload_order(payload: PayloadRecord) -> tuple[int, tuple[int, ...], str]:
    """Sort key: the full payload first, then deltas by source version, then extensions by name."""
    source, extension = payload.source, payload.extension
    if extension is not None:
        return 2, (), extension
    return (0, (), "") if source is None else (1, (source.major, source.branch, source.patch), "")


def _check_sha256(where: str, digest: Digest) -> None:
    if digest.algorithm != "sha256":
        raise InputError(f"{where}: expected a sha256 digest, found {digest.algorithm}")


def _check_ascending(
    where: str, keys: list[str] | list[tuple[int, tuple[int, ...], str]] | list[Board] | list[Package]
) -> None:
    for index in range(1, len(keys)):
        if not keys[index - 1] < keys[index]:  # type: ignore[operator]  # one type per list
            raise InputError(f"{where}[{index}]: out of order, or there twice")


def _check_not_derived(where: str, names: Iterable[str], suffixes: tuple[str, ...]) -> None:
    for index, name in enumerate(names):
        if name.endswith(suffixes):
            raise InputError(f"{where}[{index}]: {name}: signatures and digests are not listed themselves")


def _check_unique(where: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            raise InputError(f"{where}[{index}]: {name} is there twice")
        seen.add(name)

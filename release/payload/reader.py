"""Opening a payload: header, manifest, blobs and signatures, and a description for people and scripts."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from release.canonical import Json
from release.digests import CHUNK_SIZE, Digest, Hasher
from release.errors import InputError, NotVerifiedError, storage_errors
from release.payload import container, signature_blob, structure
from release.payload.operations import Info, Manifest, Operation, OperationType
from release.payload.profile import PROFILES
from release.payload.rules import PayloadFormatError, Rule
from release.payload.signature_blob import SignatureEntry


class ChangedPayloadError(NotVerifiedError):
    """What was verified may not be what would be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """An open payload whose header, manifest and layout have been checked. Made by ``open_payload``.

    Blobs are read with ``pread``, so threads may share it.
    """

    path: Path
    layout: container.Layout
    manifest: Manifest
    descriptor: int
    identity: tuple[int, ...]
    """What is another after the file was written to, and for another file."""

    def __str__(self) -> str:
        return str(self.path)

    def check_unchanged(self) -> None:
        """Whether the file is as it was opened, and still what ``path`` names.

        Told by inode, size and times: a write that a file system's clock is too coarse for is missed.

        Raises:
            ChangedPayloadError: it is not.
        """
        with storage_errors(self.path):
            found = {_identity(os.fstat(self.descriptor)), _identity(self.path.stat())}
        if found != {self.identity}:
            raise ChangedPayloadError(
                f"{self.path}: was changed or replaced while it was looked at",
                hint="see who writes there, then run the same command again",
            )

    @property
    def size(self) -> int:
        """Bytes of the file, signatures included."""
        return self.layout.file_size

    @property
    def metadata_size(self) -> int:
        """Bytes of header and manifest."""
        return self.layout.metadata_size

    @property
    def signed_size(self) -> int | None:
        """Bytes in front of the Signatures message, which are what is signed; ``None`` if unsigned."""
        if self.manifest.signatures_offset is None:
            return None
        return self.metadata_size + self.manifest.signatures_offset

    def pieces(self, offset: int, size: int) -> Iterator[bytes]:
        """``size`` bytes from ``offset`` (bytes from the start of the file), at most 1 MiB at a time."""
        while size:
            with storage_errors(self.path):
                data = os.pread(self.descriptor, min(CHUNK_SIZE, size), offset)
            if not data:
                raise PayloadFormatError(Rule.PAYLOAD_SIZE, f"{self.path}: the file became shorter")
            yield data
            offset += len(data)
            size -= len(data)

    def blob_pieces(self, operation: Operation) -> Iterator[bytes]:
        """The data of ``operation``, at most 1 MiB at a time; nothing if it has none. Not verified."""
        start = self.metadata_size + (operation.data_offset or 0)
        return self.pieces(start, operation.data_length)

    def verified_blob(self, operation: Operation, where: str) -> bytes:
        """The data of ``operation`` at once, after comparing them with their hash.

        Raises:
            PayloadFormatError: rule ``blob-hash``.
        """
        data = b"".join(self.blob_pieces(operation))
        self._compare(Digest.sha256(data), operation, where)
        return data

    def check_blob(self, operation: Operation, where: str) -> None:
        """Compare the data of ``operation`` with its hash. Raises rule ``blob-hash``."""
        hasher = Hasher()
        for piece in self.blob_pieces(operation):
            hasher.update(piece)
        self._compare(hasher.result().sha256, operation, where)

    def _compare(self, found: Digest, operation: Operation, where: str) -> None:
        if found.value != operation.data_sha256:
            raise PayloadFormatError(
                Rule.BLOB_HASH, f"{self.path}: {where}: the data do not match their hash"
            )

    def signed_digest(self) -> Digest | None:
        """SHA-256 of everything in front of the Signatures message; ``None`` if the payload has none."""
        if self.signed_size is None:
            return None
        hasher = Hasher()
        for piece in self.pieces(0, self.signed_size):
            hasher.update(piece)
        return hasher.result().sha256

    @property
    def signature_bytes(self) -> bytes:
        """The Signatures message as it is in the file; empty if the payload has none."""
        if self.signed_size is None or self.manifest.signatures_size is None:
            return b""
        return b"".join(self.pieces(self.signed_size, self.manifest.signatures_size))

    @property
    def signatures(self) -> tuple[SignatureEntry, ...]:
        """The signatures in the order of the file; none if unsigned or if the hole is still empty.

        Raises:
            PayloadFormatError: rule ``signatures``, if the message cannot be read.
        """
        data = self.signature_bytes
        return signature_blob.decode(data) if any(data) else ()


@contextmanager
def open_payload(path: Path | Payload) -> Iterator[Payload]:
    """Open the payload at ``path`` for reading; one that is open already is handed on, and stays open.

    Checks header, manifest and layout (rules 1 to 4 and 10 to 12). Does not look at blobs, hashes or
    signatures: ``check_payload`` and ``apply_payload`` do.

    Raises:
        PayloadFormatError: the file is no well-formed payload.
        InputError: the file is missing or not a regular file.
    """
    if isinstance(path, Payload):
        yield path
        return
    with storage_errors(path):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{path}: expected a payload file")
        file = path.open("rb")
    with file:
        try:
            with storage_errors(path):
                opened = os.fstat(file.fileno())
                layout, manifest = container.read_metadata(file, opened.st_size)
            structure.check_layout(manifest, layout)
        except PayloadFormatError as error:
            raise error.at(path) from error
        yield Payload(
            path=path,
            layout=layout,
            manifest=manifest,
            descriptor=file.fileno(),
            identity=_identity(opened),
        )


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def count_operations(manifest: Manifest) -> Mapping[str, int]:
    """How many operations of each type, procedures included."""
    counts = Counter(operation.type for _, _, operation in manifest.all_operations())
    return {kind.name: counts[kind] for kind in OperationType if counts[kind]}


def count_blob_bytes(manifest: Manifest) -> Mapping[str, int]:
    """Bytes of blobs of each operation type, procedures included."""
    counts: Counter[OperationType] = Counter()
    for _, _, operation in manifest.all_operations():
        counts[operation.type] += operation.data_length
    return {kind.name: counts[kind] for kind in OperationType if counts[kind]}


def describe(path: Path | Payload) -> dict[str, Json]:
    """What the payload at ``path`` says about itself, for ``payload show``.

    Sizes are bytes, hashes lower-case hexadecimal. ``kind`` is ``full`` if the payload needs nothing
    that was there before. ``profiles`` names the client profiles it satisfies, and ``problem`` the
    first broken rule of the manifest; blobs and signatures are not verified. ``unrepeatable`` counts the
    operations that overwrite what they read: a client that is stopped in one starts all over.

    Raises:
        PayloadFormatError: header, manifest or layout are broken.
    """
    with open_payload(path) as payload:
        manifest = payload.manifest
        whole, signed = Hasher(), payload.signed_digest()
        for piece in payload.pieces(0, payload.size):
            whole.update(piece)
        problem = _problem(payload)
        return {
            "size": payload.size,
            "sha256": whole.result().sha256.hex,
            "metadata_size": payload.metadata_size,
            "blobs_size": manifest.blobs_size,
            "block_size": manifest.block_size,
            "kind": None if problem else _kind(manifest),
            "problem": problem,
            "profiles": [] if problem else _profiles(manifest),
            "new_image": _info(manifest.new_partition),
            "old_image": _info(manifest.old_partition),
            "operations": dict(count_operations(manifest)),
            "blob_bytes": dict(count_blob_bytes(manifest)),
            "unrepeatable": sum(not structure.repeatable(operation) for operation in manifest.operations),
            "procedures": _procedures(manifest),
            "signed_sha256": signed.hex if signed else None,
            **_signatures(payload),
        }


def _problem(payload: Payload) -> str | None:
    try:
        structure.check_structure(payload.manifest, payload.layout, None)
    except PayloadFormatError as error:
        return error.message
    return None


def _kind(manifest: Manifest) -> str:
    partition = structure.parts(manifest)[0]
    needed = manifest.old_partition is not None or structure.needs_source(partition, manifest.block_size)
    return "delta" if needed else "full"


def _profiles(manifest: Manifest) -> list[Json]:
    satisfied: list[Json] = []
    for profile in PROFILES.values():
        try:
            structure.check_profile(manifest, profile)
        except PayloadFormatError:
            continue
        satisfied.append(profile.name)
    return satisfied


def _info(info: Info | None) -> Json:
    if info is None:
        return None
    return {"size": info.size, "sha256": info.sha256.hex() if info.sha256 is not None else None}


def _procedures(manifest: Manifest) -> list[Json]:
    return [
        {
            "type": procedure.type.name if procedure.type is not None else None,
            "operations": len(procedure.operations),
            "old": _info(procedure.old_info),
            "new": _info(procedure.new_info),
        }
        for procedure in manifest.procedures
    ]


def _signatures(payload: Payload) -> dict[str, Json]:
    data = payload.signature_bytes
    entries: list[Json] = []
    readable = True
    try:
        entries += [{"version": entry.version, "bytes": len(entry.data)} for entry in payload.signatures]
    except PayloadFormatError:
        readable = False
    state = "unsigned" if not data else "hole" if not any(data) else "signed" if readable else "unreadable"
    return {"signature_state": state, "signatures_size": len(data), "signatures": entries}

"""Putting a payload file together: blobs first into a scratch file, then header, manifest and blobs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from release.digests import Digest, FileDigests, HashingWriter, chunks
from release.errors import InputError, storage_errors
from release.payload import manifest as manifest_wire
from release.payload.container import BLOBS_LIMIT, MANIFEST_LIMIT, encode_header
from release.payload.operations import HOLE, Extent, Info, Manifest, Operation, OperationType, Procedure
from release.payload.packing import Planned
from release.payload.structure import blocks_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where the parts of a written payload lie (bytes), and what is to be signed."""

    size: int
    metadata_size: int
    signed_digest: Digest | None


class BlobFile:
    """Blobs in operation order, in an unnamed scratch file beside the payload."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.size = 0
        with storage_errors(out):
            self._file = tempfile.TemporaryFile(dir=out.parent)  # noqa: SIM115  closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, planned: Planned) -> Operation:
        """Store the data of one operation; returns it with their place and hash.

        Raises:
            InputError: the blobs no longer fit the 32-bit offsets of the format.
        """
        if not planned.data:
            return planned.operation
        if self.size + len(planned.data) >= BLOBS_LIMIT:
            raise InputError(f"{self._out}: the data of a payload must stay below {BLOBS_LIMIT} bytes")
        with storage_errors(self._out):
            self._file.write(planned.data)
        operation = replace(
            planned.operation,
            data_offset=self.size,
            data_length=len(planned.data),
            data_sha256=Digest.sha256(planned.data).value,
        )
        self.size += len(planned.data)
        return operation

    def copy_to(self, target: HashingWriter) -> None:
        """Append all blobs to ``target``."""
        self._file.seek(0)
        for data in chunks(self._file):
            target.write(data)


def assemble(
    operations: Sequence[Operation], new: FileDigests, procedures: Sequence[Procedure], signatures_size: int
) -> Manifest:
    """The manifest of operations that have their blobs, with the place of the signatures and the noops.

    ``old_partition_info`` stays out: clients compare it with the hash of their whole partition, which
    may be larger than the image; a wrong source is told by the hash of the result.
    """
    manifest = Manifest(
        operations=tuple(operations),
        new_partition=to_info(new),
        procedures=tuple(procedures),
    )
    mirrored = [
        _noop(operation, manifest.block_size)
        for procedure in procedures
        for operation in procedure.operations
        if operation.data_length
    ]
    if not signatures_size:
        return replace(manifest, noop_operations=tuple(mirrored))
    place = Operation(
        type=OperationType.REPLACE, data_offset=manifest.blobs_size, data_length=signatures_size
    )
    return replace(
        manifest,
        noop_operations=(*mirrored, _noop(place, manifest.block_size)),
        signatures_offset=manifest.blobs_size,
        signatures_size=signatures_size,
    )


def to_info(digests: FileDigests) -> Info:
    """Size and SHA-256 as the manifest holds them."""
    return Info(digests.size, digests.sha256.value)


def _noop(operation: Operation, block_size: int) -> Operation:
    # Clients before 0.2.0 account for bytes behind the partition's only through these.
    return Operation(
        type=OperationType.REPLACE,
        data_offset=operation.data_offset,
        data_length=operation.data_length,
        data_sha256=operation.data_sha256,
        dst_extents=(Extent(HOLE, blocks_of(operation.data_length, block_size)),),
    )


def write(file: BinaryIO, manifest: Manifest, blob_file: BlobFile) -> Written:
    """Write header, manifest, blobs and, where the manifest names signatures, a hole of zeros."""
    encoded = manifest_wire.encode(manifest)
    if len(encoded) > MANIFEST_LIMIT:
        raise InputError(f"the manifest has {len(encoded)} bytes, expected at most {MANIFEST_LIMIT}")
    writer = HashingWriter(file)
    header = encode_header(len(encoded))
    writer.write(header)
    writer.write(encoded)
    blob_file.copy_to(writer)
    signed = writer.hasher.result()
    hole = manifest.signatures_size or 0
    file.write(bytes(hole))
    return Written(
        size=signed.size + hole,
        metadata_size=len(header) + len(encoded),
        signed_digest=signed.sha256 if hole else None,
    )


def store(blob_file: BlobFile, planned: Iterable[Planned]) -> list[Operation]:
    """Store each operation's data in turn; returns the operations with the places of their data."""
    return [blob_file.add(item) for item in planned]

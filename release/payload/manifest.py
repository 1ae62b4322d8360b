"""The manifest on the wire: protobuf to values and back. Knows types and counts, no rules of meaning."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import DecodeError

from release.payload import update_metadata_pb2 as wire
from release.payload.operations import (
    Extent,
    Info,
    Manifest,
    Operation,
    OperationType,
    Procedure,
    ProcedureType,
)
from release.payload.rules import PayloadFormatError, Rule

OPERATION_LIMIT = 1 << 20
"""Operations a manifest may hold; a 256 GiB image in 1 MiB pieces has a quarter of that."""

EXTENT_LIMIT = 1 << 22
"""Extents all operations may hold together."""


def decode(data: bytes) -> Manifest:
    """Read a manifest.

    An operation of a type that version 1 lacks (Android's) makes the manifest unreadable, as it does
    for the client: its required ``type`` is then missing. Unknown fields are ignored.

    Raises:
        PayloadFormatError: rule ``manifest``.
    """
    message = wire.DeltaArchiveManifest()
    try:
        message.ParseFromString(data)
    except (DecodeError, RecursionError, ValueError) as error:
        raise PayloadFormatError(Rule.MANIFEST, f"not a readable protobuf message: {error}") from error
    _bound(message)
    if not message.IsInitialized():
        raise PayloadFormatError(
            Rule.MANIFEST,
            "an operation has no type, or one that is not part of this format; "
            f"expected {', '.join(kind.name for kind in OperationType)}",
        )
    return Manifest(
        operations=tuple(map(_operation, message.partition_operations)),
        noop_operations=tuple(map(_operation, message.noop_operations)),
        block_size=message.block_size,
        signatures_offset=message.signatures_offset if message.HasField("signatures_offset") else None,
        signatures_size=message.signatures_size if message.HasField("signatures_size") else None,
        old_partition=_info(message.old_partition_info) if message.HasField("old_partition_info") else None,
        new_partition=_info(message.new_partition_info) if message.HasField("new_partition_info") else None,
        procedures=tuple(map(_procedure, message.procedures)),
    )


def encode(manifest: Manifest) -> bytes:
    """The bytes of ``manifest``; the same value always gives the same bytes."""
    message = wire.DeltaArchiveManifest(block_size=manifest.block_size)
    message.partition_operations.extend(map(_operation_message, manifest.operations))
    message.noop_operations.extend(map(_operation_message, manifest.noop_operations))
    if manifest.signatures_offset is not None:
        message.signatures_offset = manifest.signatures_offset
    if manifest.signatures_size is not None:
        message.signatures_size = manifest.signatures_size
    if manifest.old_partition is not None:
        message.old_partition_info.CopyFrom(_info_message(manifest.old_partition))
    if manifest.new_partition is not None:
        message.new_partition_info.CopyFrom(_info_message(manifest.new_partition))
    for procedure in manifest.procedures:
        entry = message.procedures.add()
        if procedure.type is not None:
            entry.type = _PROCEDURE_NUMBERS[procedure.type]
        entry.operations.extend(map(_operation_message, procedure.operations))
        if procedure.old_info is not None:
            entry.old_info.CopyFrom(_info_message(procedure.old_info))
        if procedure.new_info is not None:
            entry.new_info.CopyFrom(_info_message(procedure.new_info))
    return message.SerializeToString(deterministic=True)


_TYPE_NUMBERS = {
    OperationType.REPLACE: wire.InstallOperation.REPLACE,
    OperationType.REPLACE_BZ: wire.InstallOperation.REPLACE_BZ,
    OperationType.MOVE: wire.InstallOperation.MOVE,
    OperationType.BSDIFF: wire.InstallOperation.BSDIFF,
}
_PROCEDURE_NUMBERS = {
    ProcedureType.KERNEL: wire.InstallProcedure.KERNEL,
    ProcedureType.PCR_POLICY: wire.InstallProcedure.PCR_POLICY,
}


def _bound(message: wire.DeltaArchiveManifest) -> None:
    lists = [message.partition_operations, message.noop_operations]
    lists += [procedure.operations for procedure in message.procedures]
    operations = sum(map(len, lists)) + len(message.procedures)
    if operations > OPERATION_LIMIT:
        raise PayloadFormatError(
            Rule.MANIFEST, f"expected at most {OPERATION_LIMIT} operations, found {operations}"
        )
    extents = sum(len(item.src_extents) + len(item.dst_extents) for items in lists for item in items)
    if extents > EXTENT_LIMIT:
        raise PayloadFormatError(Rule.MANIFEST, f"expected at most {EXTENT_LIMIT} extents, found {extents}")


def _extents(messages: Iterable[wire.Extent]) -> tuple[Extent, ...]:
    return tuple(Extent(message.start_block, message.num_blocks) for message in messages)


def _operation(message: wire.InstallOperation) -> Operation:
    return Operation(
        type=OperationType(message.type),
        data_offset=message.data_offset if message.HasField("data_offset") else None,
        data_length=message.data_length,
        data_sha256=message.data_sha256_hash if message.HasField("data_sha256_hash") else None,
        src_extents=_extents(message.src_extents),
        src_length=message.src_length if message.HasField("src_length") else None,
        dst_extents=_extents(message.dst_extents),
        dst_length=message.dst_length if message.HasField("dst_length") else None,
    )


def _procedure(message: wire.InstallProcedure) -> Procedure:
    return Procedure(
        type=ProcedureType(message.type) if message.HasField("type") else None,
        operations=tuple(map(_operation, message.operations)),
        old_info=_info(message.old_info) if message.HasField("old_info") else None,
        new_info=_info(message.new_info) if message.HasField("new_info") else None,
    )


def _info(message: wire.InstallInfo) -> Info:
    return Info(
        message.size if message.HasField("size") else None,
        message.hash if message.HasField("hash") else None,
    )


def _info_message(info: Info) -> wire.InstallInfo:
    return wire.InstallInfo(size=info.size, hash=info.sha256)


def _extent_messages(extents: Iterable[Extent]) -> list[wire.Extent]:
    return [wire.Extent(start_block=extent.start, num_blocks=extent.count) for extent in extents]


def _operation_message(operation: Operation) -> wire.InstallOperation:
    message = wire.InstallOperation(
        type=_TYPE_NUMBERS[operation.type],
        data_offset=operation.data_offset,
        src_extents=_extent_messages(operation.src_extents),
        src_length=operation.src_length,
        dst_extents=_extent_messages(operation.dst_extents),
        dst_length=operation.dst_length,
        data_sha256_hash=operation.data_sha256,
    )
    if operation.data_length or operation.data_offset is not None:
        message.data_length = operation.data_length
    return message

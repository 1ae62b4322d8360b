"""Payloads made by hand for the tests, right except for what a test changes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from release.digests import Digest
from release.payload import manifest as wire
from release.payload.container import encode_header
from release.payload.operations import (
    BLOCK_SIZE,
    Extent,
    Info,
    Manifest,
    Operation,
    OperationType,
    Procedure,
    ProcedureType,
)


@dataclass(frozen=True, slots=True)
class Planned:
    """An operation with its data, before ``place`` gives both a place in a payload."""

    operation: Operation
    data: bytes = b""


def noise(seed: int, blocks: int = 1) -> bytes:
    return random.Random(seed).randbytes(blocks * BLOCK_SIZE)  # noqa: S311  test data


def info(content: bytes) -> Info:
    return Info(len(content), Digest.sha256(content).value)


def raw(data: bytes, *extents: tuple[int, int], kind: OperationType = OperationType.REPLACE) -> Planned:
    """An operation that carries ``data`` as it is."""
    return Planned(
        Operation(type=kind, dst_extents=tuple(Extent(start, count) for start, count in extents)), data
    )


def move(src: Sequence[tuple[int, int]], dst: Sequence[tuple[int, int]]) -> Planned:
    operation = Operation(
        type=OperationType.MOVE,
        src_extents=tuple(Extent(*extent) for extent in src),
        dst_extents=tuple(Extent(*extent) for extent in dst),
    )
    return Planned(operation)


def place(planned: Sequence[Planned], offset: int = 0) -> tuple[Operation, ...]:
    """Operations with the place and hash of their data, which lie from ``offset`` on."""
    placed = []
    for item in planned:
        operation = item.operation
        if item.data:
            operation = replace(
                operation,
                data_offset=offset,
                data_length=len(item.data),
                data_sha256=operation.data_sha256 or Digest.sha256(item.data).value,
            )
        placed.append(operation)
        offset += len(item.data)
    return tuple(placed)


def assemble(planned: Sequence[Planned], new: bytes, kernel: Sequence[Planned] = ()) -> Manifest:
    """The manifest of ``planned``; with ``kernel`` a procedure whose file is ``b"kernel"``."""
    operations = place(planned)
    offset = sum(operation.data_length for operation in operations)
    procedures: tuple[Procedure, ...] = ()
    if kernel:
        procedure = Procedure(
            type=ProcedureType.KERNEL, operations=place(kernel, offset), new_info=info(b"kernel")
        )
        procedures = (procedure,)
    return Manifest(operations=operations, new_partition=info(new), procedures=procedures)


def write(path: Path, manifest: Manifest, planned: Sequence[Planned], tail: bytes = b"") -> Path:
    encoded = wire.encode(manifest)
    blobs = b"".join(item.data for item in planned)
    path.write_bytes(encode_header(len(encoded)) + encoded + blobs + tail)
    return path

"""What a payload is made of, as values: extents, operations, procedures, the manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

BLOCK_SIZE = 4096
"""Bytes of a block in every payload built here, and in one that names none."""

HOLE = 2**64 - 1
"""``Extent.start`` of a sparse hole: what is written there is dropped, nothing can be read from it."""


class OperationType(IntEnum):
    """The four operations of format version 1. Numbers are the wire's."""

    REPLACE = 0
    REPLACE_BZ = 1
    MOVE = 2
    BSDIFF = 3


class ProcedureType(IntEnum):
    """What a procedure makes. Numbers are the wire's."""

    KERNEL = 0
    PCR_POLICY = 1


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of ``count`` blocks from block ``start`` on."""

    start: int
    count: int

    @property
    def end(self) -> int:
        """The first block behind the run."""
        return self.start + self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One step of an update. Lengths are bytes; ``None`` means that the field is absent.

    ``data_offset`` counts from the first byte behind the manifest.
    """

    type: OperationType
    data_offset: int | None = None
    data_length: int = 0
    data_sha256: bytes | None = None
    src_extents: tuple[Extent, ...] = ()
    src_length: int | None = None
    dst_extents: tuple[Extent, ...] = ()
    dst_length: int | None = None

    @property
    def reads_target(self) -> bool:
        """Whether it reads blocks of the target (MOVE and BSDIFF do)."""
        return self.type in {OperationType.MOVE, OperationType.BSDIFF}


@dataclass(frozen=True, slots=True)
class Info:
    """Size in bytes and raw SHA-256 of an image or file; ``None`` where the field is absent."""

    size: int | None
    sha256: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """Operations on a plain file, from its block 0 on.

    ``type`` is ``None`` for a kind that neither the client nor we know: its data are skipped.
    """

    type: ProcedureType | None
    operations: tuple[Operation, ...] = ()
    old_info: Info | None = None
    new_info: Info | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything the payload says about itself. Offsets and sizes are bytes."""

    operations: tuple[Operation, ...]
    new_partition: Info | None
    old_partition: Info | None = None
    procedures: tuple[Procedure, ...] = ()
    noop_operations: tuple[Operation, ...] = ()
    block_size: int = BLOCK_SIZE
    signatures_offset: int | None = None
    signatures_size: int | None = None

    def all_operations(self) -> Iterator[tuple[str, Procedure | None, Operation]]:
        """Every operation in blob order with its name for messages and the procedure it belongs to."""
        for index, operation in enumerate(self.operations):
            yield f"operation {index} ({operation.type.name})", None, operation
        for number, procedure in enumerate(self.procedures):
            kind = procedure.type.name if procedure.type is not None else "unknown kind"
            for index, operation in enumerate(procedure.operations):
                where = f"procedure {number} ({kind}) operation {index} ({operation.type.name})"
                yield where, procedure, operation

    def procedure(self, kind: ProcedureType) -> Procedure | None:
        """The procedure of one kind, or ``None``."""
        return next((item for item in self.procedures if item.type is kind), None)

    @property
    def blobs_size(self) -> int:
        """Bytes of all blobs together, procedures included, signatures not."""
        return sum(operation.data_length for _, _, operation in self.all_operations())

"""The rules that header and manifest alone can break. Pure: no data are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from release.payload.container import BLOBS_LIMIT, SIGNATURES_LIMIT, Layout
from release.payload.extents import block_count
from release.payload.operations import HOLE, Extent, Info, Manifest, Operation, OperationType
from release.payload.profile import Profile
from release.payload.rules import PayloadFormatError, Rule

BLOCK_LIMIT = 1 << 26
"""Blocks an image may have: 256 GiB in blocks of 4 KiB."""

READ_LIMIT = 1 << 30
"""Bytes one operation may read, the limit of the client's bspatch, and bytes a BSDIFF may make."""

WRITE_FACTOR, READ_FACTOR, WORK_FLOOR = 16, 64, 1 << 30
"""Operations may write (read) this multiple of the new image, plus ``WORK_FLOOR`` bytes."""

_HASH_SIZE = 32

Flags = npt.NDArray[np.bool_]
"""One truth per block."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation with its name for messages."""

    where: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class Part:
    """What one target goes through: the partition, or the file of a procedure."""

    name: str
    steps: Sequence[Step]
    new_info: Info
    old_info: Info | None

    def blocks(self, block_size: int) -> int:
        """Blocks of the new content, the last one counted whole."""
        return blocks_of(self.new_info.size or 0, block_size)


def blocks_of(size: int, block_size: int) -> int:
    """Blocks that ``size`` bytes touch."""
    return -(-size // block_size)


def parts(manifest: Manifest) -> tuple[Part, ...]:
    """The partition and every procedure of a known kind. Call after ``check_structure``."""
    found: list[Part] = []
    if manifest.new_partition is not None:
        steps = [
            Step(f"operation {index} ({operation.type.name})", operation)
            for index, operation in enumerate(manifest.operations)
        ]
        found.append(Part("partition", steps, manifest.new_partition, manifest.old_partition))
    for procedure in manifest.procedures:
        if procedure.type is None or procedure.new_info is None:
            continue
        name = procedure.type.name
        steps = [
            Step(f"procedure {name} operation {index} ({operation.type.name})", operation)
            for index, operation in enumerate(procedure.operations)
        ]
        found.append(Part(name, steps, procedure.new_info, procedure.old_info))
    return tuple(found)


def check_structure(manifest: Manifest, layout: Layout, profile: Profile | None) -> None:
    """Hold header and manifest to every rule that needs no data.

    Args:
        manifest: as read.
        layout: where its parts lie.
        profile: the client to please; ``None`` for whatever the format allows.

    Raises:
        PayloadFormatError: naming the first rule that is broken.
    """
    check_layout(manifest, layout)
    _check_info(Rule.NEW_INFO, "new_partition_info", manifest.new_partition, manifest.block_size)
    _check_old_info("old_partition_info", manifest.old_partition)
    _check_procedures(manifest)
    for part in parts(manifest):
        for step in part.steps:
            _check_operation(step, manifest.block_size)
        _check_work(part, manifest.block_size)
    if profile is not None:
        check_profile(manifest, profile)


def check_layout(manifest: Manifest, layout: Layout) -> None:
    """Blobs, signatures and the end of the file lie where the manifest says, without gaps."""
    size = manifest.block_size
    if not 512 <= size <= 1 << 20 or size & (size - 1):
        raise PayloadFormatError(Rule.BLOCK_SIZE, f"expected a power of two, 512 to 1048576, found {size}")
    offset = 0
    for where, _, operation in manifest.all_operations():
        if operation.data_length and operation.data_offset != offset:
            raise PayloadFormatError(
                Rule.BLOB_ORDER, f"{where}: expected its data at {offset}, found {operation.data_offset}"
            )
        offset += operation.data_length
    if offset > BLOBS_LIMIT:
        raise PayloadFormatError(Rule.BLOB_ORDER, f"expected blobs below {BLOBS_LIMIT}, they end at {offset}")
    if (manifest.signatures_offset is None) != (manifest.signatures_size is None):
        raise PayloadFormatError(Rule.SIGNATURES, "expected both signatures_offset and signatures_size")
    end = layout.metadata_size + offset
    if manifest.signatures_offset is not None and manifest.signatures_size is not None:
        _check_signature_place(manifest.signatures_offset, manifest.signatures_size, offset)
        end += manifest.signatures_size
    if layout.file_size != end:
        what = "truncated" if layout.file_size < end else "followed by other bytes"
        raise PayloadFormatError(
            Rule.PAYLOAD_SIZE, f"expected a file of {end} bytes, found {layout.file_size}: it is {what}"
        )


def _check_signature_place(offset: int, size: int, blobs_end: int) -> None:
    if offset != blobs_end:
        raise PayloadFormatError(
            Rule.SIGNATURES, f"expected signatures_offset {blobs_end}, where the blobs end, found {offset}"
        )
    if not 0 < size <= SIGNATURES_LIMIT:
        raise PayloadFormatError(
            Rule.SIGNATURES, f"expected signatures_size from 1 to {SIGNATURES_LIMIT}, found {size}"
        )


def _check_info(rule: Rule, name: str, info: Info | None, block_size: int) -> None:
    if info is None or info.size is None or info.sha256 is None:
        raise PayloadFormatError(rule, f"{name}: expected size and hash, found none")
    if len(info.sha256) != _HASH_SIZE:
        raise PayloadFormatError(rule, f"{name}: expected a hash of 32 bytes, found {len(info.sha256)}")
    if blocks_of(info.size, block_size) > BLOCK_LIMIT:
        raise PayloadFormatError(
            rule, f"{name}: expected at most {BLOCK_LIMIT} blocks, found {info.size} bytes"
        )


def _check_old_info(name: str, info: Info | None) -> None:
    if info is not None and (info.sha256 is None or len(info.sha256) != _HASH_SIZE):
        raise PayloadFormatError(Rule.OLD_INFO, f"{name}: expected a hash of 32 bytes; clients abort without")


def _check_procedures(manifest: Manifest) -> None:
    seen = set()
    for number, procedure in enumerate(manifest.procedures):
        if procedure.type is None:
            continue
        name = f"procedure {number} ({procedure.type.name})"
        if procedure.type in seen:
            raise PayloadFormatError(Rule.PROCEDURE, f"{name}: there was one of this kind before")
        seen.add(procedure.type)
        _check_info(Rule.PROCEDURE, f"{name}: new_info", procedure.new_info, manifest.block_size)
        _check_old_info(f"{name}: old_info", procedure.old_info)


def _check_operation(step: Step, block_size: int) -> None:
    operation = step.operation
    if operation.data_length and (operation.data_sha256 is None or len(operation.data_sha256) != _HASH_SIZE):
        raise PayloadFormatError(Rule.BLOB_HASH, f"{step.where}: its blob has no SHA-256")
    if operation.type is OperationType.MOVE and operation.data_length:
        raise PayloadFormatError(Rule.OPERATION, f"{step.where}: a MOVE has no data")
    if operation.type is not OperationType.MOVE and not operation.data_length:
        raise PayloadFormatError(Rule.OPERATION, f"{step.where}: expected data, found none")
    if operation.reads_target and any(extent.start == HOLE for extent in operation.src_extents):
        raise PayloadFormatError(Rule.OPERATION, f"{step.where}: a sparse hole cannot be read")
    _check_extents(step.where, (*operation.src_extents, *operation.dst_extents))
    room = block_count(operation.dst_extents)
    if operation.type is OperationType.MOVE and room != block_count(operation.src_extents):
        raise PayloadFormatError(
            Rule.OPERATION,
            f"{step.where}: reads {block_count(operation.src_extents)} blocks and writes {room}",
        )
    if operation.type is OperationType.REPLACE and operation.data_length > room * block_size:
        raise PayloadFormatError(
            Rule.BLOB_LENGTH, f"{step.where}: {operation.data_length} bytes for {room * block_size}"
        )
    if operation.reads_target and block_count(operation.src_extents) * block_size > READ_LIMIT:
        raise PayloadFormatError(Rule.OPERATION, f"{step.where}: reads more than {READ_LIMIT} bytes")
    if operation.type is OperationType.BSDIFF:
        _check_lengths(step.where, operation, block_size)


def _check_extents(where: str, extents: Sequence[Extent]) -> None:
    for extent in extents:
        if not extent.count:
            raise PayloadFormatError(Rule.EXTENTS, f"{where}: an extent has no blocks")
        start = 0 if extent.start == HOLE else extent.start
        if start + extent.count > BLOCK_LIMIT:
            raise PayloadFormatError(
                Rule.EXTENTS, f"{where}: expected blocks below {BLOCK_LIMIT}, found {extent}"
            )


def _check_lengths(where: str, operation: Operation, block_size: int) -> None:
    sides = (
        ("src_length", operation.src_length, operation.src_extents),
        ("dst_length", operation.dst_length, operation.dst_extents),
    )
    for name, length, extents in sides:
        room = min(block_count(extents) * block_size, READ_LIMIT)
        if length is None or length > room:
            raise PayloadFormatError(
                Rule.OPERATION, f"{where}: expected {name} of at most {room} bytes, found {length}"
            )


def _check_work(part: Part, block_size: int) -> None:
    base, floor = part.blocks(block_size), WORK_FLOOR // block_size
    written = sum(block_count(step.operation.dst_extents) for step in part.steps)
    read = sum(block_count(step.operation.src_extents) for step in part.steps)
    if written > WRITE_FACTOR * base + floor or read > READ_FACTOR * base + floor:
        raise PayloadFormatError(
            Rule.WORK,
            f"{part.name}: {written} blocks are written and {read} read for a result of {base} blocks",
        )


def check_profile(manifest: Manifest, profile: Profile) -> None:
    """What ``profile`` forbids although the format has it. Raises rule ``profile`` or ``source-needed``."""
    if manifest.procedures and not profile.procedures:
        raise PayloadFormatError(Rule.PROFILE, f"{profile.name}: these clients take no procedures")
    if manifest.old_partition is not None and not profile.old_partition_info:
        raise PayloadFormatError(
            Rule.PROFILE,
            f"{profile.name}: old_partition_info never matches, as these clients hash the whole partition",
        )
    for where, _, operation in manifest.all_operations():
        _check_operation_profile(where, operation, manifest.block_size, profile)
    if profile.self_contained:
        for part in parts(manifest):
            reason = needs_source(part, manifest.block_size)
            if reason is not None:
                raise PayloadFormatError(Rule.SOURCE_NEEDED, f"{profile.name}: {reason}")


def _check_operation_profile(where: str, operation: Operation, block_size: int, profile: Profile) -> None:
    if operation.type not in profile.operations:
        allowed = ", ".join(sorted(kind.name for kind in profile.operations))
        raise PayloadFormatError(Rule.PROFILE, f"{where}: {profile.name} clients apply only {allowed}")
    if profile.single_extent and len(operation.dst_extents) != 1:
        found = len(operation.dst_extents)
        raise PayloadFormatError(
            Rule.PROFILE, f"{where}: {profile.name} wants exactly one destination extent, found {found}"
        )
    if operation.type is OperationType.BSDIFF:
        _check_bsdiff_limits(where, operation, profile)
    held = client_memory(operation, block_size)
    if held > profile.operation_memory_limit:
        raise PayloadFormatError(
            Rule.PROFILE,
            f"{where}: expected at most {profile.operation_memory_limit} bytes for a client to hold at once,"
            f" found {held}",
        )


def _check_bsdiff_limits(where: str, operation: Operation, profile: Profile) -> None:
    most = max(len(operation.src_extents), len(operation.dst_extents))
    if most > profile.bsdiff_extent_limit:
        raise PayloadFormatError(
            Rule.PROFILE, f"{where}: expected at most {profile.bsdiff_extent_limit} extents, found {most}"
        )
    if (operation.src_length or 0) > profile.bsdiff_source_limit:
        raise PayloadFormatError(
            Rule.PROFILE,
            f"{where}: expected at most {profile.bsdiff_source_limit} source bytes, "
            f"found {operation.src_length}",
        )


def needs_source(part: Part, block_size: int) -> str | None:
    """Why ``part`` can only be applied to what was there before; ``None`` if it needs nothing.

    A REPLACE_BZ blob is taken to fill its extents; applying sees what it really does.
    """
    ends = [part.blocks(block_size)]
    for step in part.steps:
        extents = (*step.operation.src_extents, *step.operation.dst_extents)
        ends += [extent.end for extent in extents if extent.start != HOLE]
    written = np.zeros(max(ends), dtype=np.bool_)
    for step in part.steps:
        operation = step.operation
        if operation.reads_target:
            for extent in operation.src_extents:
                if not written[extent.start : extent.end].all():
                    return f"{step.where} reads blocks of {extent} that nothing has written before"
        _mark_written(written, operation, block_size)
    needed = written[: part.blocks(block_size)]
    left = first_false(needed)
    if left is not None:
        count = len(needed) - np.count_nonzero(needed)
        return f"{part.name}: block {left} is left as it was ({count} such blocks)"
    return None


def first_false(flags: Flags) -> int | None:
    """The index of the first of ``flags`` that is not set."""
    if not len(flags):
        return None
    index = int(flags.argmin())
    return None if flags[index] else index


def _mark_written(written: Flags, operation: Operation, block_size: int) -> None:
    remaining = block_count(operation.dst_extents)
    if operation.type is OperationType.REPLACE:
        remaining = blocks_of(operation.data_length, block_size)
    elif operation.type is OperationType.BSDIFF:
        remaining = blocks_of(operation.dst_length or 0, block_size)
    for extent in operation.dst_extents:
        if extent.start != HOLE:
            written[extent.start : extent.start + min(extent.count, remaining)] = True
        remaining -= min(extent.count, remaining)


def client_memory(operation: Operation, block_size: int) -> int:
    """Bytes that a client holds for ``operation``: its data, and what MOVE and BSDIFF read and make."""
    read = block_count(operation.src_extents) * block_size if operation.reads_target else 0
    made = operation.dst_length or 0 if operation.type is OperationType.BSDIFF else 0
    return operation.data_length + read + made


def repeatable(operation: Operation) -> bool:
    """Whether an operation leaves what it reads as it was, so that it may be run again after a stop."""
    read = sorted((extent.start, extent.end) for extent in operation.src_extents)
    written = sorted((extent.start, extent.end) for extent in operation.dst_extents)
    position = 0
    for start, end in read:
        while position < len(written) and written[position][1] <= start:
            position += 1
        if position < len(written) and written[position][0] < end:
            return False
    return True

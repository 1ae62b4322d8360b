"""What the clients do and what they ask for, written down a second time, from the description alone.

``check_and_apply`` is stricter than any client: it refuses all that one of them would refuse, abort on,
or take without anybody being able to say why it is there. It shares no code with ``release``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.property.payload_oracle_wire import (
    BSDIFF,
    HOLE,
    KERNEL,
    MOVE,
    NAMES,
    REPLACE,
    REPLACE_BZ,
    Op,
    Payload,
    Procedure,
    bspatch,
    bunzip2,
    check_signatures,
    read_payload,
    require,
)

Extents = Sequence[tuple[int, int]]

_OPERATIONS = {
    "flatcar": {REPLACE, REPLACE_BZ, MOVE},
    "positional-bspatch": {REPLACE, REPLACE_BZ, MOVE, BSDIFF},
    "replace-only": {REPLACE, REPLACE_BZ},
}
"""By the name of the profile."""

_ARGUMENT_LIMIT = 1 << 17
"""Bytes of one argument of a program on Linux, its end included; bspatch takes positions as arguments."""

_BSPATCH_SOURCE_LIMIT = 1 << 30
_BSPATCH_EXTENT_LIMIT = 5000


@dataclass
class Report:
    """What a payload was found to do. Sizes are bytes; the kernel's operations count in all but the name.

    Attributes:
        operations: how many of each type.
        blob_bytes: data in the payload of each type.
        bytes_read: that MOVE and BSDIFF read from the target.
        bytes_written: to the target, the filling of a last block included.
        rewritten_bytes: of those, what was written by an operation before: blocks set aside and the like.
        not_repeatable: operations whose source and destination share a block; a client that is
            interrupted in one starts over.
        largest_not_repeatable: bytes that the largest of them writes.
        largest_operation: bytes that the largest of all writes.
        extents: of all operations.
        manifest_size: of the manifest.
        payload_size: of the file.
    """

    operations: Counter[str] = field(default_factory=Counter)
    blob_bytes: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0
    bytes_written: int = 0
    rewritten_bytes: int = 0
    not_repeatable: int = 0
    largest_not_repeatable: int = 0
    largest_operation: int = 0
    extents: int = 0
    manifest_size: int = 0
    payload_size: int = 0


def check_and_apply(
    payload: Path | bytes,
    profile_name: str,
    old: bytes | None,
    expect: bytes,
    *,
    old_kernel: bytes | None = None,
    expect_kernel: bytes | None = None,
) -> Report:
    """Hold a payload to every rule, apply it in place and in order, and compare what comes out.

    Checked: the layout, every field (unknown ones are refused), blobs contiguous in operation order with
    their SHA-256, exactly one bzip2 stream each, data that fill their extents to the last byte (the last
    block of a kernel may be short), extents that are not empty and lie inside the target, no block twice
    in one destination, MOVE counts equal, sources that hold known content, the limits of bspatch, the
    profile's operations, the shape of ``noop_operations``, the form of the Signatures message, and that
    size and hash promised and made are those of ``expect``. Not checked: whether signatures verify.

    Args:
        payload: the file, or its bytes.
        profile_name: ``flatcar``, ``positional-bspatch`` or ``replace-only``.
        old: the image it is applied to; ``None`` for a payload that must need none: every block is then
            written before it is read and before the end.
        expect: the new image.
        old_kernel: the kernel on the client.
        expect_kernel: the kernel it must install; ``None`` if there must be none.

    Returns:
        What was counted on the way.

    Raises:
        OracleError: an AssertionError that says which operation breaks what.
    """
    content = payload if isinstance(payload, bytes) else payload.read_bytes()
    found = read_payload(content)
    _check_layout(found)
    _check_noops(found)
    _check_profile(found, profile_name, old)
    _check_promise("new_partition_info", found.new.size, found.new.sha256, expect)
    report = Report(manifest_size=found.manifest_size, payload_size=len(content))
    target = _Target(found, old, found.new.size, report, whole_blocks=True)
    consumed = target.run(found.operations, 0)
    require(that=target.result(len(expect)) == expect, otherwise="the image made is not the one expected")
    kernels = [procedure for procedure in found.procedures if procedure.kind == KERNEL]
    require(
        that=len(kernels) == len(found.procedures) == (expect_kernel is not None),
        otherwise="expected one procedure for the kernel, or none without one",
    )
    for procedure in kernels:
        consumed = _install(
            found, procedure, old_kernel, expect_kernel or b"", consumed=consumed, report=report
        )
    return report


def client_applies(payload: bytes, source: bytes) -> bytes:
    """update_engine with a bspatch that takes positions: in place, on a partition like ``source``.

    Returns the new image; its hash is the one promised. Procedures are not applied.
    """
    result = what_it_makes(payload, source)
    promised = read_payload(payload).new.sha256
    require(that=hashlib.sha256(result).digest() == promised, otherwise="the result's hash differs")
    return result


def what_it_makes(payload: bytes, source: bytes | None) -> bytes:
    """What ``client_applies`` makes, whatever hash is promised; without a source of nothing."""
    found = read_payload(payload)
    _check_layout(found)
    require(that=found.new.size < 1 << 31, otherwise="an image that is too large for this test")
    target = _Target(found, source, found.new.size, Report(), whole_blocks=True)
    target.run(found.operations, 0)
    return target.result(found.new.size)


def extension_client_unpacks(payload: bytes) -> bytes:
    """ue-rs: each operation is written at the start of its one extent; anything but bzip2 is raw."""
    found = read_payload(payload)
    content = bytearray()
    for operation in found.operations:
        require(that=operation.offset is not None, otherwise="no data_offset")
        ((start, _),) = operation.dst
        offset = operation.offset or 0
        data = bytes(found.blobs[offset : offset + operation.length])
        data = bunzip2(data, "ue-rs") if operation.kind == REPLACE_BZ else data
        at = start * found.block_size
        content.extend(bytes(max(0, at + len(data) - len(content))))
        content[at : at + len(data)] = data
    require(that=hashlib.sha256(content).digest() == found.new.sha256, otherwise="the result's hash differs")
    return bytes(content)


def _check_layout(found: Payload) -> None:
    size = found.block_size
    require(that=512 <= size <= 1 << 20 and size & (size - 1) == 0, otherwise=f"block size {size}")
    everything = [*found.operations, *(op for item in found.procedures for op in item.operations)]
    end = sum(operation.length for operation in everything)
    require(that=end < 1 << 32, otherwise="blobs reach 4 GiB")
    signatures = found.signatures
    if signatures is None:
        require(that=len(found.blobs) == end, otherwise="the file does not end where the blobs do")
        return
    require(that=signatures[0] == end, otherwise="signatures_offset is not where the blobs end")
    require(
        that=0 < signatures[1] == len(found.blobs) - end,
        otherwise="the file does not end where signatures do",
    )
    check_signatures(bytes(found.blobs[end:]))


def _check_noops(found: Payload) -> None:
    """Section 7: a mirror of the procedures' data, then the signatures without a hash."""
    size = found.block_size
    wanted = [
        (op.offset, op.length, op.sha256)
        for procedure in found.procedures
        for op in procedure.operations
        if op.length
    ]
    if found.signatures is not None:
        wanted.append((*found.signatures, None))
    made = [
        Op(REPLACE, offset, length, sha256, [], None, [(HOLE, -(-length // size))], None)
        for offset, length, sha256 in wanted
    ]
    require(that=found.noops == made, otherwise="noop_operations are not the mirror of what is behind them")


def _check_profile(found: Payload, name: str, old: bytes | None) -> None:
    operations = [*found.operations, *(op for item in found.procedures for op in item.operations)]
    for index, operation in enumerate(operations):
        where = f"{name}: operation {index}"
        require(
            that=operation.kind in _OPERATIONS[name],
            otherwise=f"{where}: a {NAMES[operation.kind]} is an error",
        )
        if name == "replace-only":
            require(that=len(operation.dst) == 1, otherwise=f"{where}: expected one extent")
    if name == "replace-only":
        require(that=not found.procedures, otherwise="replace-only: no procedures")
        require(that=old is None, otherwise="replace-only: there are no deltas")
    if found.old is not None:
        require(that=name == "positional-bspatch", otherwise=f"{name}: old_partition_info never matches")
        _check_promise("old_partition_info", found.old.size, found.old.sha256, old or b"")


def _check_promise(what: str, size: int, sha256: bytes, content: bytes) -> None:
    require(
        that=(size, sha256) == (len(content), hashlib.sha256(content).digest()),
        otherwise=f"{what} names something else",
    )


def _install(
    found: Payload, procedure: Procedure, old: bytes | None, expect: bytes, *, consumed: int, report: Report
) -> int:
    _check_promise("new_info of the kernel", procedure.new.size, procedure.new.sha256, expect)
    if procedure.old is not None:
        require(that=old is not None, otherwise="old_info without an old kernel kills the client")
        _check_promise("old_info of the kernel", procedure.old.size, procedure.old.sha256, old or b"")
    target = _Target(
        found, old if procedure.old is not None else None, procedure.new.size, report, whole_blocks=False
    )
    if not procedure.operations:  # an unchanged kernel
        require(that=old == expect, otherwise="no operations, but another kernel")
        return consumed
    consumed = target.run(procedure.operations, consumed)
    require(that=target.result(len(expect)) == expect, otherwise="the kernel made is not the one expected")
    return consumed


class _Target:
    """A partition or file while operations change it. Blocks that nobody can know hold 0xA5."""

    def __init__(
        self, payload: Payload, old: bytes | None, size: int, report: Report, *, whole_blocks: bool
    ) -> None:
        self._payload, self._size, self._report = payload, payload.block_size, report
        self._whole = whole_blocks
        before = len(old or b"")
        blocks = -(-max(before, size) // self._size)
        self._content = bytearray(b"\xa5") * (blocks * self._size)
        self._content[:before] = old or b""
        self._known = bytearray(blocks)
        known = before // self._size if whole_blocks else -(-before // self._size)
        self._known[:known] = b"\1" * known
        if not whole_blocks:
            self._content[before : known * self._size] = bytes(known * self._size - before)
        self._written = bytearray(blocks)

    def run(self, operations: Sequence[Op], consumed: int) -> int:
        """Apply in order; returns where in the blobs the next operation's data begin."""
        for index, operation in enumerate(operations):
            where = f"operation {index} ({NAMES[operation.kind]})"
            blob = bytes(self._payload.blobs[consumed : consumed + operation.length])
            self._check_fields(operation, blob, consumed, where)
            self._count(operation)
            self._apply(operation, blob, where)
            consumed += operation.length
        return consumed

    def result(self, size: int) -> bytes:
        """The first ``size`` bytes, all of which are known."""
        blocks = -(-size // self._size)
        require(that=all(self._known[:blocks]), otherwise="a block was never written")
        return bytes(self._content[:size])

    def _check_fields(self, operation: Op, blob: bytes, consumed: int, where: str) -> None:
        reads = operation.kind in {MOVE, BSDIFF}
        require(that=bool(operation.dst), otherwise=f"{where}: writes nothing")
        require(that=reads == bool(operation.src), otherwise=f"{where}: sources")
        source, made = operation.src_length, operation.dst_length
        if operation.kind == BSDIFF:
            require(that=source is not None and made is not None, otherwise=f"{where}: lengths are missing")
        else:  # a MOVE of delta_generator says how long the file is
            moved = operation.kind == MOVE and (made or 0) <= _blocks(operation.dst) * self._size
            require(that=source == made and (made is None or moved), otherwise=f"{where}: lengths")
        for side in (operation.src, operation.dst):
            for start, count in side:
                require(
                    that=count > 0 and start + count <= len(self._known),
                    otherwise=f"{where}: extent {start}+{count}",
                )
        written = np.concatenate([np.arange(start, start + count) for start, count in operation.dst])
        require(that=len(np.unique(written)) == len(written), otherwise=f"{where}: writes a block twice")
        if operation.kind == MOVE:
            require(
                that=operation.length == 0 and operation.offset is None and operation.sha256 is None,
                otherwise=f"{where}: has data",
            )
            return
        require(that=operation.length > 0, otherwise=f"{where}: has no data")
        require(that=operation.offset == consumed, otherwise=f"{where}: data_offset is not {consumed}")
        require(that=hashlib.sha256(blob).digest() == operation.sha256, otherwise=f"{where}: SHA-256 differs")

    def _apply(self, operation: Op, blob: bytes, where: str) -> None:
        if operation.kind == REPLACE:
            self._write(operation.dst, blob, where)
        elif operation.kind == REPLACE_BZ:
            self._write(operation.dst, bunzip2(blob, where), where)
        elif operation.kind == MOVE:
            require(
                that=_blocks(operation.src) == _blocks(operation.dst),
                otherwise=f"{where}: block counts differ",
            )
            self._write(operation.dst, self._read(operation.src, where), where)
        else:
            length, size = operation.src_length or 0, operation.dst_length or 0
            self._check_positions(operation, where)
            old = self._read(operation.src, where)
            require(that=len(old) - self._size < length <= len(old), otherwise=f"{where}: src_length")
            self._write(operation.dst, bspatch(old[:length], blob, size), where)

    def _check_positions(self, operation: Op, where: str) -> None:
        """Both lists fit an argument of bspatch, which holds the whole source in memory."""
        require(
            that=_blocks(operation.src) * self._size <= _BSPATCH_SOURCE_LIMIT, otherwise=f"{where}: source"
        )
        for side in (operation.src, operation.dst):
            text = ",".join(f"{start * self._size}:{count * self._size}" for start, count in side)
            require(
                that=len(side) <= _BSPATCH_EXTENT_LIMIT and len(text) < _ARGUMENT_LIMIT,
                otherwise=f"{where}: {len(side)} extents are {len(text)} characters",
            )

    def _read(self, extents: Extents, where: str) -> bytes:
        for start, count in extents:
            require(
                that=all(self._known[start : start + count]),
                otherwise=f"{where}: reads {start}+{count}, which nothing has written",
            )
        pieces = [
            self._content[start * self._size : (start + count) * self._size] for start, count in extents
        ]
        data = b"".join(pieces)
        self._report.bytes_read += len(data)
        return data

    def _write(self, extents: Extents, data: bytes, where: str) -> None:
        room = _blocks(extents) * self._size
        short = room - len(data)
        require(
            that=short == 0 if self._whole else 0 <= short < self._size,
            otherwise=f"{where}: {len(data)} bytes for {room}",
        )
        data += bytes(short)
        at = 0
        for start, count in extents:
            length = count * self._size
            self._content[start * self._size : start * self._size + length] = data[at : at + length]
            self._known[start : start + count] = b"\1" * count
            self._report.rewritten_bytes += self._written[start : start + count].count(1) * self._size
            self._written[start : start + count] = b"\1" * count
            at += length
        self._report.bytes_written += room
        self._report.largest_operation = max(self._report.largest_operation, room)

    def _count(self, operation: Op) -> None:
        report, name = self._report, NAMES[operation.kind]
        report.operations[name] += 1
        report.blob_bytes[name] += operation.length
        report.extents += len(operation.src) + len(operation.dst)
        read = {block for start, count in operation.src for block in range(start, start + count)}
        if any(block in read for start, count in operation.dst for block in range(start, start + count)):
            size = _blocks(operation.dst) * self._size
            report.not_repeatable += 1
            report.largest_not_repeatable = max(report.largest_not_repeatable, size)


def _blocks(extents: Extents) -> int:
    return sum(count for _, count in extents)

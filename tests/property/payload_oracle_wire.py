"""The container, the manifest and BSDIFF40 patches, read a second time from the description of the format.

Shares no code with ``release``. Everything that is not exactly as described is an ``OracleError``.
"""

from __future__ import annotations

import bz2
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

HOLE = 2**64 - 1
REPLACE, REPLACE_BZ, MOVE, BSDIFF = range(4)
NAMES = ("REPLACE", "REPLACE_BZ", "MOVE", "BSDIFF")
KERNEL, PCR_POLICY = 0, 1


class OracleError(AssertionError):
    """What was looked at breaks a rule."""


def require(*, that: bool, otherwise: str) -> None:
    if not that:
        raise OracleError(otherwise)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        require(that=at < len(data) and shift < 70, otherwise="protobuf: broken varint")
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            require(that=value < 2**64, otherwise="protobuf: a number above 64 bits")
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field: an integer, or bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value, at = _varint(data, at)
        if key & 7 == 0:
            yield key >> 3, value
        else:
            require(that=key & 7 == 2 and at + value <= len(data), otherwise="protobuf: broken field")
            yield key >> 3, data[at : at + value]
            at += value


class Message:
    """Fields by name, after a schema ``{number: (name, is bytes, is repeated)}``; others are refused."""

    def __init__(self, data: bytes, schema: dict[int, tuple[str, bool, bool]], what: str) -> None:
        self._what = what
        self._found: dict[str, list[int | bytes]] = {name: [] for name, _, _ in schema.values()}
        for number, value in _fields(data):
            require(that=number in schema, otherwise=f"{what}: field {number} is not known")
            name, is_bytes, repeated = schema[number]
            require(that=isinstance(value, bytes) == is_bytes, otherwise=f"{what}: {name} has a wrong type")
            require(that=repeated or not self._found[name], otherwise=f"{what}: {name} comes twice")
            self._found[name].append(value)

    def number(self, name: str, bits: int = 64) -> int | None:
        for value in self._found[name]:
            require(that=isinstance(value, int) and value < 1 << bits, otherwise=f"{self._what}: {name}")
            return int(value)
        return None

    def data(self, name: str) -> bytes | None:
        return next(iter(self.many(name)), None)

    def many(self, name: str) -> list[bytes]:
        return [value for value in self._found[name] if isinstance(value, bytes)]


@dataclass(frozen=True)
class Op:
    kind: int
    offset: int | None
    length: int
    sha256: bytes | None
    src: list[tuple[int, int]]
    src_length: int | None
    dst: list[tuple[int, int]]
    dst_length: int | None


@dataclass(frozen=True)
class Named:
    """Size and SHA-256 of an image or file."""

    size: int
    sha256: bytes


@dataclass(frozen=True)
class Procedure:
    kind: int
    operations: list[Op]
    old: Named | None
    new: Named


@dataclass(frozen=True)
class Payload:
    """A payload taken apart. ``blobs`` is all behind the manifest, signatures included."""

    operations: list[Op]
    noops: list[Op]
    procedures: list[Procedure]
    block_size: int
    signatures: tuple[int, int] | None
    old: Named | None
    new: Named
    blobs: memoryview
    manifest_size: int


_EXTENT = {1: ("start_block", False, False), 2: ("num_blocks", False, False)}
_OPERATION = {
    1: ("type", False, False),
    2: ("data_offset", False, False),
    3: ("data_length", False, False),
    4: ("src_extents", True, True),
    5: ("src_length", False, False),
    6: ("dst_extents", True, True),
    7: ("dst_length", False, False),
    8: ("data_sha256_hash", True, False),
}
_INFO = {1: ("size", False, False), 2: ("hash", True, False)}
_PROCEDURE = {
    1: ("type", False, False),
    2: ("operations", True, True),
    3: ("old_info", True, False),
    4: ("new_info", True, False),
}
_MANIFEST = {
    1: ("operations", True, True),
    2: ("noops", True, True),
    3: ("block_size", False, False),
    4: ("signatures_offset", False, False),
    5: ("signatures_size", False, False),
    8: ("old", True, False),
    9: ("new", True, False),
    10: ("procedures", True, True),
}
_SIGNATURES = {1: ("signatures", True, True)}
_SIGNATURE = {1: ("version", False, False), 2: ("data", True, False)}


def _extent(data: bytes) -> tuple[int, int]:
    message = Message(data, _EXTENT, "extent")
    start, count = message.number("start_block"), message.number("num_blocks")
    if start is None or count is None:
        raise OracleError("extent: expected both fields")
    return start, count


def _operation(data: bytes) -> Op:
    message = Message(data, _OPERATION, "operation")
    kind, length = message.number("type"), message.number("data_length", 32)
    if kind is None or kind > BSDIFF:
        raise OracleError(f"operation: type {kind}")
    offset, sha256 = message.number("data_offset", 32), message.data("data_sha256_hash")
    return Op(
        kind=kind,
        offset=offset,
        length=length or 0,
        sha256=sha256,
        src=[_extent(extent) for extent in message.many("src_extents")],
        src_length=message.number("src_length"),
        dst=[_extent(extent) for extent in message.many("dst_extents")],
        dst_length=message.number("dst_length"),
    )


def _named(data: bytes | None, what: str) -> Named:
    require(that=data is not None, otherwise=f"{what}: missing")
    message = Message(data or b"", _INFO, what)
    size, sha256 = message.number("size"), message.data("hash")
    if size is None or sha256 is None or len(sha256) != 32:
        raise OracleError(f"{what}: expected size and a hash of 32 bytes")
    return Named(size, sha256)


def _procedure(data: bytes) -> Procedure:
    message = Message(data, _PROCEDURE, "procedure")
    kind, old = message.number("type"), message.data("old_info")
    require(that=kind in {KERNEL, PCR_POLICY}, otherwise=f"procedure: type {kind}")
    return Procedure(
        kind=kind or 0,
        operations=[_operation(operation) for operation in message.many("operations")],
        old=None if old is None else _named(old, "old_info"),
        new=_named(message.data("new_info"), "new_info"),
    )


def read_payload(content: bytes) -> Payload:
    """Take a payload apart, by the layout in section 2 and the fields in section 3 of the description."""
    require(that=len(content) >= 20, otherwise="header: too short")
    magic, version, size = struct.unpack(">4sQQ", content[:20])
    require(that=(magic, version) == (b"CrAU", 1), otherwise=f"header: {magic!r} {version}")
    require(that=20 + size <= len(content), otherwise="the manifest ends behind the file")
    message = Message(content[20 : 20 + size], _MANIFEST, "manifest")
    offset, length = message.number("signatures_offset"), message.number("signatures_size")
    require(that=(offset is None) == (length is None), otherwise="expected both signature fields or none")
    old, block_size = message.data("old"), message.number("block_size", 32)
    return Payload(
        operations=[_operation(operation) for operation in message.many("operations")],
        noops=[_operation(operation) for operation in message.many("noops")],
        procedures=[_procedure(procedure) for procedure in message.many("procedures")],
        block_size=4096 if block_size is None else block_size,
        signatures=None if offset is None or length is None else (offset, length),
        old=None if old is None else _named(old, "old_partition_info"),
        new=_named(message.data("new"), "new_partition_info"),
        blobs=memoryview(content)[20 + size :],
        manifest_size=size,
    )


def check_signatures(data: bytes) -> None:
    """A Signatures message with at least one signature of a usual size, or a hole of zeros."""
    if not any(data):
        return
    entries = Message(data, _SIGNATURES, "signatures").many("signatures")
    require(that=bool(entries), otherwise="signatures: none")
    for entry in entries:
        message = Message(entry, _SIGNATURE, "signature")
        size = len(message.data("data") or b"")
        require(that=message.number("version", 32) is not None, otherwise="signature: no version")
        require(that=size in {256, 384, 512}, otherwise=f"signature: {size} bytes")


def bunzip2(data: bytes, what: str) -> bytes:
    """Exactly one whole bzip2 stream."""
    decoder = bz2.BZ2Decompressor()
    try:
        unpacked = decoder.decompress(data)
    except OSError as error:
        raise OracleError(f"{what}: {error}") from error
    require(that=decoder.eof, otherwise=f"{what}: truncated")
    require(that=not decoder.unused_data, otherwise=f"{what}: bytes behind the stream")
    return unpacked


def _signed(data: bytes) -> int:
    value = int.from_bytes(data, "little")
    return value if value < 1 << 63 else -(value - (1 << 63))


def bspatch(old: bytes, patch: bytes, size: int) -> bytes:
    """What bspatch makes: one control entry after the other, nothing added outside ``old``."""
    require(that=len(patch) >= 32 and patch[:8] == b"BSDIFF40", otherwise="patch: magic")
    ctrl_size, diff_size, made = (_signed(patch[at : at + 8]) for at in (8, 16, 24))
    require(that=made == size, otherwise=f"patch: makes {made} of {size} bytes")
    require(
        that=min(ctrl_size, diff_size) >= 0 and 32 + ctrl_size + diff_size <= len(patch),
        otherwise="patch: parts are too long",
    )
    ctrl = bunzip2(patch[32 : 32 + ctrl_size], "patch control")
    diff = bunzip2(patch[32 + ctrl_size : 32 + ctrl_size + diff_size], "patch diff")
    extra = bunzip2(patch[32 + ctrl_size + diff_size :], "patch extra")
    require(that=len(ctrl) % 24 == 0, otherwise="patch: control data")
    source, added = np.frombuffer(old, np.uint8), np.frombuffer(diff, np.uint8)
    result, old_at, diff_at, extra_at = bytearray(), 0, 0, 0
    for at in range(0, len(ctrl), 24):
        add, copy, seek = (_signed(ctrl[place : place + 8]) for place in (at, at + 8, at + 16))
        require(
            that=0 <= add < 2**31 and 0 <= copy < 2**31 and abs(seek) < 2**31,
            otherwise=f"patch: entry {add}, {copy}, {seek}",
        )
        require(
            that=diff_at + add <= len(diff) and extra_at + copy <= len(extra), otherwise="patch: too short"
        )
        part = added[diff_at : diff_at + add].copy()
        low, high = min(max(old_at, 0), len(old)), min(max(old_at + add, 0), len(old))
        part[low - old_at : high - old_at] += source[low:high]
        result += part.tobytes() + extra[extra_at : extra_at + copy]
        diff_at, extra_at, old_at = diff_at + add, extra_at + copy, old_at + add + seek
    require(
        that=len(result) == size and diff_at == len(diff) and extra_at == len(extra),
        otherwise="patch: lengths differ",
    )
    return bytes(result)

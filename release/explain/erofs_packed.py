"""Where the packed data of an erofs file lie: its index of logical clusters, both forms.

Format: ``fs/erofs/erofs_fs.h`` of Linux, from ``struct z_erofs_map_header`` on. A logical cluster is a
head, which begins a run of packed blocks, or it is not, and says how far its head is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from release.explain.files import Flat

_HEADER: Final = 8
_NOT_HEAD = 2
_TWO_BYTES, _LARGE, _INLINE_TAIL, _FRAGMENT = 0x01, 0x06, 0x08, 0x20
_COUNT_FLAG = 1 << 11
_CLUSTERS = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """A packed file: its size in bytes, the byte behind its inode, the form of index, bits of a block."""

    size: int
    body: int
    full: bool
    bits: int


@dataclass(frozen=True, slots=True)
class PackedRun:
    """Bytes of the file from ``at`` on, and the bytes of the image that hold them.

    ``tail``: ``start`` counts from the start of the common file of tails instead.
    """

    at: int
    length: int
    start: int
    stored: int
    tail: bool = False


@dataclass(frozen=True, slots=True)
class _Cluster:
    """A logical cluster.

    Attributes:
        head: whether a run begins in it; at its byte ``offset`` and, in the image, at ``block``.
        count: of blocks of the run that it belongs to, if it tells that.
    """

    head: bool
    offset: int = 0
    block: int = 0
    count: int = 0


def packed_runs(image: Flat, packing: Packing) -> Iterator[PackedRun]:
    """The runs of a file in order.

    Raises:
        ValueError, struct.error: the index is damaged.
    """
    header = -(-packing.body // 8) * 8
    raw = image[header : header + _HEADER].tobytes()
    _, inline, advice, _, cluster_bits = struct.unpack("<HHHBB", raw)
    if cluster_bits & 0x80:
        whole = int.from_bytes(raw, "little") & ((1 << 63) - 1)
        yield PackedRun(0, packing.size, whole, packing.size, tail=True)
        return
    bits = packing.bits + (cluster_bits & 7)
    count = -(-packing.size // (1 << bits))
    if count > _CLUSTERS or bits > 14:
        raise ValueError(f"{count} clusters of 2^{bits} bytes")
    index = header + _HEADER
    if packing.full:
        clusters = _full_index(image, index + 8, count)
    else:
        clusters = _compact_index(image, index, count, bits, advice)
    heads = [
        (number, cluster)
        for number, cluster in enumerate(clusters)
        # mkfs.erofs may put a head at the very end of the file, which begins nothing.
        if cluster.head and (number << bits) + cluster.offset < packing.size
    ]
    starts = [(number << bits) + cluster.offset for number, cluster in heads] + [packing.size]
    for position, (number, cluster) in enumerate(heads):
        last = position == len(heads) - 1
        length = starts[position + 1] - starts[position]
        follower = clusters[number + 1] if number + 1 < len(clusters) else None
        blocks = follower.count if follower and not follower.head and follower.count else 1
        if last and advice & _FRAGMENT:
            yield PackedRun(starts[position], length, int.from_bytes(raw[:4], "little"), length, tail=True)
        elif last and advice & _INLINE_TAIL:
            end = index + _index_size(packing.full, count, advice, index)
            yield PackedRun(starts[position], length, end, inline)
        else:
            yield PackedRun(starts[position], length, cluster.block << packing.bits, blocks << packing.bits)


def _full_index(image: Flat, start: int, count: int) -> list[_Cluster]:
    found = []
    for advice, offset, block in struct.iter_unpack("<HHI", image[start : start + 8 * count].tobytes()):
        if advice & 3 == _NOT_HEAD:
            delta = block & 0xFFFF
            found.append(_Cluster(False, count=delta & ~_COUNT_FLAG if delta & _COUNT_FLAG else 0))
        else:
            found.append(_Cluster(True, offset, block))
    if len(found) != count:
        raise ValueError("an index ends behind the image")
    return found


def _parts(index: int, count: int, advice: int) -> tuple[int, int]:
    """How many entries of the compact index have four bytes in front, and how many two in the middle."""
    front = (32 - index % 32) // 4 % 8
    front = min(front, count)
    middle = (count - front) // 16 * 16 if advice & _TWO_BYTES else 0
    return front, middle


def _index_size(full: bool, count: int, advice: int, index: int) -> int:
    if full:
        return 8 + 8 * count
    front, middle = _parts(index, count, advice)
    rest = count - front - middle
    return 4 * (front + front % 2) + 2 * middle + 4 * (rest + rest % 2)


def _compact_index(image: Flat, index: int, count: int, bits: int, advice: int) -> list[_Cluster]:
    front, middle = _parts(index, count, advice)
    found: list[_Cluster] = []
    place = index
    for entries, width in ((front, 4), (middle, 2), (count - front - middle, 4)):
        pack = 2 if width == 4 else 16
        for start in range(0, entries, pack):
            data = image[place : place + pack * width].tobytes()
            found += _unpack(data, pack, max(bits, 12), bool(advice & _LARGE))[: entries - start]
            place += pack * width
    return found


def _unpack(data: bytes, entries: int, low_bits: int, large: bool) -> list[_Cluster]:
    """The clusters of one pack: bit fields, and behind them the block of its first head."""
    width = (len(data) - 4) * 8 // entries
    fields = int.from_bytes(data[:-4], "little")
    (block,) = struct.unpack("<I", data[-4:])
    raw = [fields >> (width * number) & ((1 << width) - 1) for number in range(entries)]
    lows = [value & ((1 << low_bits) - 1) for value in raw]
    kinds = [value >> low_bits & 3 for value in raw]
    return [_cluster(number, kinds, lows, block, large) for number in range(entries)]


def _cluster(number: int, kinds: Sequence[int], lows: Sequence[int], block: int, large: bool) -> _Cluster:
    low = lows[number]
    if kinds[number] == _NOT_HEAD:
        counts = large and low & _COUNT_FLAG
        return _Cluster(False, count=low & ~_COUNT_FLAG if counts else 0)
    return _Cluster(True, low, block + _blocks_before(number, kinds, lows, large))


def _blocks_before(number: int, kinds: Sequence[int], lows: Sequence[int], large: bool) -> int:
    """Blocks between the one that a pack names and the head ``number`` in it."""
    blocks, at = 0 if large else 1, number
    while at > 0:
        at -= 1
        if kinds[at] != _NOT_HEAD:
            blocks += 1
        elif not large:
            at -= lows[at]
            blocks += at >= 0
        elif lows[at] & _COUNT_FLAG:
            at -= 1
            blocks += lows[at + 1] & ~_COUNT_FLAG
        elif lows[at] <= 1:
            raise ValueError("a cluster that is no head points at nothing")
        else:
            at -= lows[at] - 2
    return blocks

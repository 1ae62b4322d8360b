"""Operations that carry their data: what to pack, in which company, and what to leave as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from release.payload import native
from release.payload.bzip2 import compress
from release.payload.extents import Blocks, to_extents
from release.payload.image_blocks import Blocks2D
from release.payload.operations import BLOCK_SIZE, Extent, Operation, OperationType
from release.payload.parallel import ordered_map

DATA_BLOCKS = 1024
"""Most blocks of one operation with data: 4 MiB, which the client holds in memory. Larger ones pack
hardly better: 4 MiB 0.2 % smaller than 1 MiB."""

PAIRED_BLOCKS = 219
"""Blocks that one bzip2 block of 900,000 bytes holds, less the 19 bytes it keeps free."""

ZERO_BLOCKS = 4096
"""Most zero blocks of one operation: 16 MiB, which the client writes a MiB at a time."""

PACKED = 8090
"""Entropy (1/1024 bit a byte) from which on bzip2 makes data larger, 7.9 bits: random blocks of 4 KiB
measure 7.95, and bzip2 adds half a percent to them."""

_SHORT_RUN = 16
"""Blocks of a run of packed, or zero, data that is not worth an operation of its own."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An operation with its data, before both have a place in a payload. ``blocks`` counts its target."""

    operation: Operation
    data: bytes
    blocks: int


def carry(data: bytes, extents: Sequence[Extent], *, pack: bool = True) -> Planned:
    """Write ``data`` to ``extents``, packed if that may be tried and is smaller."""
    packed = compress(data) if pack else data
    kind, blob = OperationType.REPLACE, data
    if len(packed) < len(data):
        kind, blob = OperationType.REPLACE_BZ, packed
    operation = Operation(type=kind, dst_extents=tuple(extents))
    return Planned(operation, blob, sum(extent.count for extent in extents))


def carry_blocks(new: Blocks2D, blocks: Blocks, beside: Blocks, workers: int) -> Iterator[Planned]:
    """The given blocks of ``new``: those of ``beside`` in its order, the rest in theirs.

    Blocks of ``beside`` repeat others of it: as many as one bzip2 block holds are packed together. The
    others go by their entropy: loose ones are packed, packed ones are left as they are.
    """
    others = np.setdiff1d(blocks, beside)
    dense = _entropy(new, others, workers) >= PACKED
    jobs = [
        *((piece, True) for piece in _pieces(beside, PAIRED_BLOCKS)),
        *((piece, True) for piece in _pieces(others[~dense], DATA_BLOCKS)),
        *((piece, False) for piece in _pieces(others[dense], DATA_BLOCKS)),
    ]

    def one(job: tuple[Blocks, bool]) -> Planned:
        piece, pack = job
        return carry(new[piece].tobytes(), to_extents(piece), pack=pack)

    return ordered_map(one, jobs, workers)


def carry_zeros(blocks: Blocks) -> Iterator[Planned]:
    """Zeros for the given blocks."""
    for piece in _pieces(blocks, ZERO_BLOCKS):
        operation = Operation(type=OperationType.REPLACE_BZ, dst_extents=to_extents(piece))
        yield Planned(operation, _zeros(len(piece)), len(piece))


def carry_front_to_back(content: native.Bytes, workers: int) -> Iterator[Planned]:
    """All bytes of ``content`` in their order, one extent each; the last block may be short."""
    runs = list(_runs(content, workers))

    def one(run: tuple[int, int, bool]) -> Planned:
        start, stop, pack = run
        data = content[start * BLOCK_SIZE : stop * BLOCK_SIZE].tobytes()
        return carry(data, [Extent(start, stop - start)], pack=pack)

    return ordered_map(one, runs, workers)


def _runs(content: native.Bytes, workers: int) -> Iterator[tuple[int, int, bool]]:
    """First block, block behind the last, and whether to pack, of what goes into one operation each."""
    whole = content.size // BLOCK_SIZE
    image = content[: whole * BLOCK_SIZE].reshape(-1, BLOCK_SIZE)
    pack = np.ones(-(-content.size // BLOCK_SIZE), dtype=np.bool_)
    pack[:whole] = _entropy(image, np.arange(whole, dtype=np.int64), workers) < PACKED
    if whole:
        pack[whole:] = pack[whole - 1]
    start = 0
    for stop, packs in _long_runs(pack):
        for low in range(start, stop, DATA_BLOCKS):
            yield low, min(low + DATA_BLOCKS, stop), packs
        start = stop


def _long_runs(pack: native.Flags) -> Iterator[tuple[int, bool]]:
    """Where runs end and whether they are packed; a short run that is not goes with what surrounds it."""
    ends = [*(np.flatnonzero(np.diff(pack)) + 1).tolist(), len(pack)]
    start, open_end = 0, 0
    for end in ends:
        packs = bool(pack[start]) or end - start < _SHORT_RUN
        if not packs:
            if open_end:
                yield open_end, True
            yield end, False
        open_end = end if packs else 0
        start = end
    if open_end:
        yield open_end, True


def _entropy(image: Blocks2D, blocks: Blocks, workers: int) -> native.Entropy:
    parts = ordered_map(
        lambda piece: native.measure_entropy(image, piece), _pieces(blocks, DATA_BLOCKS), workers
    )
    return np.concatenate([np.empty(0, dtype=np.int32), *parts])


def _pieces(blocks: Blocks, size: int) -> Iterable[Blocks]:
    return (blocks[start : start + size] for start in range(0, len(blocks), size))


@cache
def _zeros(blocks: int) -> bytes:
    return compress(bytes(blocks * BLOCK_SIZE))

"""Operations that carry their data: REPLACE or REPLACE_BZ, whichever is smaller."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from release.payload import blobs
from release.payload.extents import Blocks, to_extents
from release.payload.image_blocks import Blocks2D
from release.payload.operations import BLOCK_SIZE, Extent, Operation, OperationType
from release.payload.parallel import ordered_map

CHUNK_BLOCKS = 256
"""Blocks of one operation: 1 MiB, as the reference generator cuts; the client holds a blob in memory."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An operation with its data, before both have a place in a payload. ``blocks`` counts its target."""

    operation: Operation
    data: bytes
    blocks: int


def replace(data: bytes, extents: Sequence[Extent]) -> Planned:
    """Write ``data`` to ``extents``, packed if that is smaller."""
    packed = blobs.compress(data)
    kind, blob = OperationType.REPLACE, data
    if len(packed) < len(data):
        kind, blob = OperationType.REPLACE_BZ, packed
    operation = Operation(type=kind, dst_extents=tuple(extents))
    return Planned(operation, blob, sum(extent.count for extent in extents))


def replace_everything(content: npt.NDArray[np.uint8], workers: int) -> Iterator[Planned]:
    """All bytes of ``content``, front to back, one extent each; the last block may be short."""
    chunk = CHUNK_BLOCKS * BLOCK_SIZE

    def one(offset: int) -> Planned:
        data = content[offset : offset + chunk].tobytes()
        return replace(data, [Extent(offset // BLOCK_SIZE, -(-len(data) // BLOCK_SIZE))])

    return ordered_map(one, range(0, len(content), chunk), workers)


def replace_blocks(new: Blocks2D, blocks: Blocks, workers: int) -> Iterator[Planned]:
    """The given blocks of ``new`` in their order, at most ``CHUNK_BLOCKS`` and many extents at a time."""

    def one(start: int) -> Planned:
        piece = blocks[start : start + CHUNK_BLOCKS]
        return replace(new[piece].tobytes(), to_extents(piece))

    return ordered_map(one, range(0, len(blocks), CHUNK_BLOCKS), workers)

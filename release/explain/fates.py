"""What becomes of each block: kept, moved, diffed, replaced, and at what cost. From the manifest alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from release.explain.shares import Weights, entropy_weights, patch_weights, share_out
from release.payload.operations import HOLE, Extent, Operation, OperationType
from release.payload.reader import Payload

Blocks = npt.NDArray[np.int64]
Image = npt.NDArray[np.uint8]
"""An image, one row per block."""

_WRITTEN = -1
"""Origin of a block that the payload brings."""
_UNKNOWN = -2
"""Origin of what lies behind the end of the old image."""
_BATCH = 4096


class Fate(IntEnum):
    """How a block of the new image comes to be. The order is that of cost."""

    UNCHANGED = 0
    ZERO = 1
    MOVED = 2
    DIFFED = 3
    PACKED = 4
    RAW = 5


class Use(IntEnum):
    """What a block of the old image is good for."""

    UNCHANGED = 0
    UNUSED = 1
    MOVED = 2
    DIFFED = 3


FATE_NAMES = {
    Fate.UNCHANGED: "unchanged",
    Fate.ZERO: "zeroed",
    Fate.MOVED: "moved",
    Fate.DIFFED: "diffed",
    Fate.PACKED: "replaced, packed",
    Fate.RAW: "replaced, raw",
}


@dataclass(frozen=True, slots=True)
class Fates:
    """One entry per block of the new image, and ``used`` one per block of the old.

    Attributes:
        fate: a ``Fate`` each.
        cost: bytes of blobs each; together exactly the blobs of the payload.
        used: a ``Use`` each.
    """

    fate: npt.NDArray[np.uint8]
    cost: Blocks
    used: npt.NDArray[np.uint8]

    def blocks_of(self, fate: Fate) -> int:
        """How many blocks of the new image have it."""
        return int(np.count_nonzero(self.fate == fate))

    def bytes_of(self, fate: Fate) -> int:
        """Bytes of blobs that its blocks cost."""
        return int(self.cost[self.fate == fate].sum())


_WRITER_FATES = {
    OperationType.MOVE: Fate.MOVED,
    OperationType.BSDIFF: Fate.DIFFED,
    OperationType.REPLACE_BZ: Fate.PACKED,
    OperationType.REPLACE: Fate.RAW,
}


def trace(payload: Payload, old: Image, new: Image) -> Fates:
    """Follow every block of ``new`` through the operations of ``payload``, which turns ``old`` into it.

    Only the last writer of a block counts. A block that was put aside and moved on is what it was
    before. Reads the blobs; does not apply them, and does not look at procedures.
    """
    operations = payload.manifest.operations
    walk = _Walk(operations, len(old), len(new))
    cost = np.zeros(walk.size, dtype=np.int64)
    for index, operation in enumerate(operations):
        if operation.data_length:
            blocks, shares = _shares(payload, index, operation, walk.last_writer, new)
            np.add.at(cost, blocks, shares)
    cost[len(new) - 1] += cost[len(new) :].sum()
    fate = _fates(walk, operations, new)
    return Fates(fate, cost[: len(new)], _uses(walk, fate, len(old)))


class _Walk:
    """The blocks of the target after each operation, in the client's order."""

    def __init__(self, operations: Sequence[Operation], old: int, new: int) -> None:
        ends = [extent.end for item in operations for extent in item.dst_extents if extent.start != HOLE]
        self.size = max(old, new, *ends) if ends else max(old, new)
        self.last_writer = np.full(self.size, -1, dtype=np.int64)
        self.origin = np.full(self.size, _UNKNOWN, dtype=np.int64)
        self.origin[:old] = np.arange(old)
        self.read = np.zeros(old, dtype=np.bool_)
        for index, operation in enumerate(operations):
            self._step(index, operation)

    def _step(self, index: int, operation: Operation) -> None:
        source, target = block_numbers(operation.src_extents), block_numbers(operation.dst_extents)
        found = self.origin[source[source >= 0]]
        if operation.type is OperationType.MOVE and len(found) == len(target):
            self.origin[target] = found
        else:
            if operation.type is OperationType.BSDIFF:
                self.read[found[found >= 0]] = True
            target = target[target >= 0]
            self.origin[target] = _WRITTEN
        self.last_writer[target] = index


def block_numbers(extents: Iterable[Extent]) -> Blocks:
    """The blocks of ``extents`` in their order; -1 for those of a hole."""
    ranges = [
        np.full(extent.count, -1, dtype=np.int64)
        if extent.start == HOLE
        else np.arange(extent.start, extent.end, dtype=np.int64)
        for extent in extents
    ]
    return np.concatenate(ranges) if ranges else np.empty(0, dtype=np.int64)


def _shares(
    payload: Payload, index: int, operation: Operation, last_writer: Blocks, new: Image
) -> tuple[Blocks, Blocks]:
    """Blocks of an operation, and the bytes of each. What is overwritten later costs nothing if it can."""
    blocks = block_numbers(operation.dst_extents)
    weights = _weights(payload, operation, blocks, new)
    kept = (blocks >= 0) & (last_writer[blocks] == index)
    if not kept.any():
        kept = blocks >= 0
    if not kept.any():  # everything into a hole; must be somebody's
        return np.zeros(1, dtype=np.int64), np.array([operation.data_length])
    return blocks[kept], share_out(operation.data_length, weights[kept])


def _weights(payload: Payload, operation: Operation, blocks: Blocks, new: Image) -> Weights:
    if operation.type is OperationType.BSDIFF:
        start = payload.metadata_size + (operation.data_offset or 0)
        patch = b"".join(payload.pieces(start, operation.data_length))
        found = patch_weights(patch, len(blocks), new.shape[1])
        if found is not None:
            return found
    if operation.type is OperationType.REPLACE_BZ:
        weights = np.ones(len(blocks))
        inside = np.flatnonzero((blocks >= 0) & (blocks < len(new)))
        for start in range(0, len(inside), _BATCH):
            batch = inside[start : start + _BATCH]
            weights[batch] = entropy_weights(new[blocks[batch]])
        return weights
    return np.ones(len(blocks))


def _fates(walk: _Walk, operations: Sequence[Operation], new: Image) -> npt.NDArray[np.uint8]:
    writers = np.array([_WRITER_FATES[item.type] for item in operations] or [Fate.UNCHANGED], dtype=np.uint8)
    last = walk.last_writer[: len(new)]
    fate = np.where(last >= 0, writers[last], np.uint8(Fate.UNCHANGED))
    changed = np.flatnonzero(fate != Fate.UNCHANGED)
    for start in range(0, len(changed), _BATCH):
        batch = changed[start : start + _BATCH]
        fate[batch[~new[batch].any(axis=1)]] = Fate.ZERO
    fate[walk.origin[: len(new)] == np.arange(len(new))] = Fate.UNCHANGED
    return fate.astype(np.uint8)


def _uses(walk: _Walk, fate: npt.NDArray[np.uint8], old: int) -> npt.NDArray[np.uint8]:
    used = np.full(old, Use.UNUSED, dtype=np.uint8)
    used[walk.read] = Use.DIFFED
    origin = walk.origin[: len(fate)]
    used[origin[(origin >= 0) & (fate == Fate.MOVED)]] = Use.MOVED
    used[origin[(origin >= 0) & (fate == Fate.UNCHANGED)]] = Use.UNCHANGED
    return used

"""Lists of extents: their size, their bytes, and how block numbers become them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from release.payload.operations import HOLE, Extent

Blocks = npt.NDArray[np.int64]
"""Block numbers."""


def block_count(extents: Iterable[Extent]) -> int:
    """Blocks in all extents together."""
    return sum(extent.count for extent in extents)


def to_extents(blocks: Sequence[int] | Blocks) -> tuple[Extent, ...]:
    """The shortest list of extents that goes through ``blocks`` in their order."""
    numbers = np.asarray(blocks, dtype=np.int64)
    if not len(numbers):
        return ()
    cuts = np.flatnonzero(np.diff(numbers) != 1) + 1
    starts = numbers[np.concatenate(([0], cuts))].tolist()
    counts = np.diff(np.concatenate(([0], cuts, [len(numbers)]))).tolist()
    return tuple(Extent(start, count) for start, count in zip(starts, counts, strict=True))


def byte_ranges(extents: Iterable[Extent], block_size: int, length: int) -> Iterator[tuple[int, int]]:
    """Offset and size in bytes of each piece of the first ``length`` bytes of ``extents``.

    The offset of a hole is -1.
    """
    remaining = length
    for extent in extents:
        if remaining <= 0:
            return
        size = min(extent.count * block_size, remaining)
        yield (-1 if extent.start == HOLE else extent.start * block_size), size
        remaining -= size

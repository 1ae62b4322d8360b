"""Which blocks of the new image are where in the old one, or elsewhere in the new one. Exact copies only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from release.payload import native
from release.payload.extents import Blocks
from release.payload.image_blocks import Blocks2D
from release.payload.parallel import ordered_map

Mask = npt.NDArray[np.bool_]

_PART = 8192
"""Blocks that one thread looks at in one go."""

_UNCHANGED, _EMPTY = 1, 2
"""Kinds of blocks as ``native.compare_blocks`` tells them."""


@dataclass(frozen=True, slots=True)
class Matches:
    """What is known about each block of the new image.

    Attributes:
        source: the block of the old image with the same content, the block itself if it is unchanged in
            place, -1 if there is none.
        zero: blocks of zeros that are not already in place.
        first: for a block that is neither, the first such block of the new image with the same content.
    """

    source: Blocks
    zero: Mask
    first: Blocks

    @property
    def unchanged(self) -> Mask:
        """Blocks that have the same content in the same place."""
        same: Mask = self.source == np.arange(len(self.source))
        return same

    @property
    def moved(self) -> Blocks:
        """Blocks that are found elsewhere in the old image."""
        return np.flatnonzero((self.source >= 0) & ~self.unchanged)

    @property
    def repeats(self) -> Blocks:
        """Blocks that are new, but stand in front of this place in the new image as well."""
        return np.flatnonzero((self.first >= 0) & (self.first != np.arange(len(self.first))))

    @property
    def rest(self) -> Blocks:
        """Blocks with new content, each content once."""
        return np.flatnonzero(self.first == np.arange(len(self.first)))


def match(old: Blocks2D, new: Blocks2D, workers: int) -> Matches:
    """Compare two images block by block; ``old`` may have no blocks. Matches are confirmed by their bytes."""
    blocks = np.arange(len(new), dtype=np.int64)
    kinds = _compare(old, new, workers)
    source = np.where(kinds == _UNCHANGED, blocks, -1)
    wanted = np.flatnonzero(kinds == 0)
    hashes = _hash(new, wanted, workers)
    if len(old) and len(wanted):
        staying = np.zeros(len(old), dtype=np.bool_)
        common = min(len(old), len(new))
        staying[:common] = kinds[:common] == _UNCHANGED
        every = np.arange(len(old), dtype=np.int64)
        source[wanted] = native.find_copies(
            old, new, wanted, hashes=_hash(old, every, workers), staying=staying, new_hashes=hashes
        )
    fresh = source[wanted] < 0
    first = np.full(len(new), -1, dtype=np.int64)
    first[wanted[fresh]] = _first_copies(new, wanted[fresh], hashes[fresh])
    return Matches(source, kinds == _EMPTY, first)


def _compare(old: Blocks2D, new: Blocks2D, workers: int) -> npt.NDArray[np.uint8]:
    kinds = np.empty(len(new), dtype=np.uint8)
    flat_old, flat_new = old.reshape(-1), new.reshape(-1)

    def one(part: slice) -> None:
        native.compare_blocks(flat_old, flat_new, part.start, part.stop - part.start, kinds)

    for _ in ordered_map(one, _parts(len(new)), workers):
        pass
    return kinds


def _hash(image: Blocks2D, blocks: Blocks, workers: int) -> native.Hashes:
    flat = image.reshape(-1)
    parts = ordered_map(lambda part: native.hash_blocks(flat, blocks[part]), _parts(len(blocks)), workers)
    return np.concatenate([np.empty(0, dtype=np.uint64), *parts])


def _first_copies(new: Blocks2D, blocks: Blocks, hashes: native.Hashes) -> Blocks:
    """For each of ``blocks`` (ascending) the first one with the same content."""
    _, place, kind = np.unique(hashes, return_index=True, return_inverse=True)
    first = blocks[place[kind]]
    repeated = np.flatnonzero(first != blocks)
    for part in _parts(len(repeated)):
        some = repeated[part]
        differ = (new[blocks[some]] != new[first[some]]).any(axis=1)
        first[some[differ]] = blocks[some[differ]]
    return first


def _parts(count: int) -> Iterator[slice]:
    for start in range(0, count, _PART):
        yield slice(start, min(start + _PART, count))

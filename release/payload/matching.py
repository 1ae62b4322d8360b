"""Which blocks of the new image are where in the old one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xxhash

from release.payload.extents import Blocks
from release.payload.image_blocks import Blocks2D

Mask = npt.NDArray[np.bool_]

_STRIDE = 1024
"""Blocks compared at once; bounds the memory of a comparison to a few MiB."""


@dataclass(frozen=True, slots=True)
class Matches:
    """What is known about each block of the new image.

    ``source[b]`` is the block of the old image with the same content, ``b`` itself if it is unchanged
    in place, -1 if there is none. ``zero`` marks blocks of zeros that are not already in place.
    """

    source: Blocks
    zero: Mask

    @property
    def moved(self) -> Blocks:
        """Blocks that are found elsewhere in the old image."""
        return np.flatnonzero((self.source >= 0) & (self.source != np.arange(len(self.source))))

    @property
    def rest(self) -> Blocks:
        """Blocks with content that the old image does not have as a whole block."""
        return np.flatnonzero((self.source < 0) & ~self.zero)


def match(old: Blocks2D, new: Blocks2D) -> Matches:
    """Compare two images block by block. Every match is confirmed byte by byte."""
    common = min(len(old), len(new))
    source = np.full(len(new), -1, dtype=np.int64)
    zero = np.empty(len(new), dtype=np.bool_)
    for part in _strides(len(new)):
        zero[part] = ~new[part].any(axis=1)
    for part in _strides(common):
        stop = min(part.stop, common)
        same = (old[part.start : stop] == new[part.start : stop]).all(axis=1)
        source[part.start : stop][same] = np.flatnonzero(same) + part.start
    zero &= source < 0
    wanted = np.flatnonzero((source < 0) & ~zero)
    if len(wanted):
        _find_elsewhere(old, new, wanted, source)
    return Matches(source, zero)


def _find_elsewhere(old: Blocks2D, new: Blocks2D, wanted: Blocks, source: Blocks) -> None:
    hashes = hash_blocks(old, np.arange(len(old)))
    wanted_hashes = hash_blocks(new, wanted)
    # Copies that stay as they are come first: reading them never has to wait or be waited for.
    staying = np.zeros(len(old), dtype=np.bool_)
    common = min(len(old), len(new))
    staying[:common] = source[:common] == np.arange(common)
    order = np.lexsort((np.arange(len(old)), ~staying, hashes))
    ranked = hashes[order]
    place = np.minimum(np.searchsorted(ranked, wanted_hashes), len(old) - 1)
    found = ranked[place] == wanted_hashes
    blocks, first = wanted[found], order[place[found]]
    chosen = _prefer_runs(blocks, first, hashes, wanted_hashes[found])
    for start in range(0, len(blocks), _STRIDE):
        part = slice(start, start + _STRIDE)
        equal = (old[chosen[part]] == new[blocks[part]]).all(axis=1)
        source[blocks[part][equal]] = chosen[part][equal]


def _prefer_runs(
    blocks: Blocks, first: Blocks, hashes: npt.NDArray[np.uint64], wanted: npt.NDArray[np.uint64]
) -> Blocks:
    """Of several copies take the one that continues the run before it."""
    chosen = first.tolist()
    old = hashes.tolist()
    last_block = last_source = -2
    for index, (block, digest) in enumerate(zip(blocks.tolist(), wanted.tolist(), strict=True)):
        following = last_source + 1
        if block == last_block + 1 and following < len(old) and old[following] == digest:
            chosen[index] = following
        last_block, last_source = block, chosen[index]
    return np.array(chosen, dtype=np.int64)


def hash_blocks(image: Blocks2D, blocks: Blocks) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each of ``blocks``; equal hashes still have to be compared."""
    rows = image.shape[1]
    view = np.ascontiguousarray(image).reshape(-1).data
    digest = xxhash.xxh3_64_intdigest
    starts = (blocks * rows).tolist()
    return np.fromiter((digest(view[at : at + rows]) for at in starts), dtype=np.uint64, count=len(starts))


def _strides(count: int) -> Iterator[slice]:
    for start in range(0, count, _STRIDE):
        yield slice(start, start + _STRIDE)

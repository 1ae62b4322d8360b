"""Patches for blocks that are alike but not equal: found by seeds, made group by group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from release.payload import native, patching
from release.payload.extents import Blocks, to_extents
from release.payload.image_blocks import Blocks2D
from release.payload.matching import Mask
from release.payload.operations import BLOCK_SIZE
from release.payload.parallel import ordered_map
from release.payload.profile import Profile
from release.payload.spool import Spool, Spooled

GROUP_BLOCKS = 2048
"""Most blocks of one BSDIFF's result: 8 MiB, which the client holds in memory with source and patch."""

SOURCE_BLOCKS = 4900
"""Most blocks of one BSDIFF's source: 19 MiB, and fewer than the extents a client can be told of, should
every block be an extent of its own."""

GROUP_MEMORY = 192 << 20
"""Bytes that one group takes at the most while it is made: result, source, both streams, the index of
the source (6.4 bytes for each of its bytes), covers, and bzip2's copies."""

_NEIGHBOURS = 1
"""Blocks on either side of a match that are part of the source, for shorter matches beside it."""

DENSE = 7680
"""Entropy (1/1024 bit a byte) of packed data. What is below, 7.5 bits, has short matches worth finding."""

_SPARSE_STRIDE = 16
_WORTH = 80
"""Bytes that a block must save to be part of a patch: about what its extents and its share of the
control stream take."""

_OPERATION_COST, _EXTENT_COST = 60, 7
"""Bytes of the manifest that an operation and each of its extents take."""


@dataclass(frozen=True, slots=True)
class Group:
    """Blocks of the new image in order, and where the seeds found their content (places in the source)."""

    blocks: Blocks
    covers: native.Covers

    def only(self, keep: Mask) -> Group:
        """The blocks for which ``keep`` is true."""
        return Group(self.blocks[keep], native.cut_covers(self.covers, keep))


@dataclass(frozen=True, slots=True)
class KeptGroup:
    """A group whose covers wait in a spool: all groups together may have more than fits in memory."""

    blocks: Blocks
    covers: Spooled

    @classmethod
    def keep(cls, group: Group, spool: Spool) -> KeptGroup:
        """Put the covers of ``group`` into ``spool``."""
        return cls(group.blocks, spool.add(np.ascontiguousarray(group.covers).tobytes()))

    def load(self, spool: Spool) -> Group:
        """The group with its covers."""
        covers = np.frombuffer(spool.read(self.covers), dtype=np.int64).reshape(-1, 3)
        return Group(self.blocks, covers)


@dataclass(frozen=True, slots=True)
class Patch:
    """Make the ``dst`` blocks from the ``src`` blocks by a patch that lies in a spool."""

    dst: Blocks
    src: Blocks
    data: Spooled


@dataclass(frozen=True, slots=True)
class Source:
    """An image to make patches from: its blocks, which of them may be read, and how packed they are.

    ``in_place`` tells that a new block may be like the block in the same place.
    """

    image: Blocks2D
    usable: Mask
    in_place: bool


def patches(
    groups: Sequence[tuple[KeptGroup, Mask]],
    *,
    source: Source,
    new: Blocks2D,
    profile: Profile,
    spool: Spool,
    workers: int,
) -> Iterator[tuple[Patch | None, Blocks]]:
    """For the chosen blocks of each group a patch, where one pays, and the blocks that it does not make."""

    def one(chosen: tuple[KeptGroup, Mask]) -> tuple[Patch | None, Blocks]:
        kept, choice = chosen
        group = kept.load(spool).only(choice)
        made = _Maker(source, new, profile).make(group)
        if made is None:
            return None, group.blocks
        dst, src, data = made
        return Patch(dst, src, spool.add(data)), np.setdiff1d(group.blocks, dst, assume_unique=True)

    return ordered_map(one, groups, workers)


@dataclass(frozen=True, slots=True)
class _Maker:
    source: Source
    new: Blocks2D
    profile: Profile

    def make(self, group: Group) -> tuple[Blocks, Blocks, bytes] | None:
        """New blocks, source blocks and patch; ``None`` if none pays."""
        entropy = native.measure_entropy(self.new, group.blocks)
        candidates = self._candidates(group, entropy)
        if not len(candidates):
            return None
        near = native.count_covered(group.covers, len(group.blocks)) > 0
        near[1:] |= near[:-1].copy()
        near[:-1] |= near[1:].copy()
        kept = near | (entropy < DENSE)
        blocks, entropy = group.blocks[kept], entropy[kept]
        if not len(blocks):
            return None
        covers = self._compare(candidates, blocks)
        saved = native.count_covered(covers, len(blocks)) * entropy // 8192
        worth = saved > _WORTH
        if not worth.any():
            return None
        covers, read = patching.compact(native.cut_covers(covers, worth))
        return self._encode(candidates[read], blocks[worth], entropy[worth], covers)

    def _candidates(self, group: Group, entropy: native.Entropy) -> Blocks:
        """Source blocks that the seeds point to, with their neighbours, and those in the same place."""
        total = len(self.source.image)
        marks = np.zeros(total + 1, dtype=np.int64)
        starts, lengths = group.covers[:, 1], group.covers[:, 2]
        np.add.at(marks, np.maximum(starts // BLOCK_SIZE - _NEIGHBOURS, 0), 1)
        ends = (starts + lengths - 1) // BLOCK_SIZE + 1 + _NEIGHBOURS
        np.add.at(marks, np.minimum(ends, total), -1)
        wanted = np.cumsum(marks[:-1]) > 0
        if self.source.in_place:
            same = group.blocks[(entropy < DENSE) & (group.blocks < total)]
            wanted[same] |= self.source.image[same].any(axis=1)
        return np.flatnonzero(wanted & self.source.usable)[:SOURCE_BLOCKS]

    def _compare(self, candidates: Blocks, blocks: Blocks) -> native.Covers:
        dense = native.measure_entropy(self.source.image, candidates) >= DENSE
        strides = np.where(dense, _SPARSE_STRIDE, 1).astype(np.uint8)
        old, new = self.source.image[candidates].reshape(-1), self.new[blocks].reshape(-1)
        return patching.covers_between(old, strides, new)

    def _encode(
        self, src: Blocks, dst: Blocks, entropy: native.Entropy, covers: native.Covers
    ) -> tuple[Blocks, Blocks, bytes] | None:
        if not self._allowed(src, dst):
            return None
        old, new = self.source.image[src].reshape(-1), self.new[dst].reshape(-1)
        patch = patching.encode(covers, old, new)
        extents = len(to_extents(src)) + len(to_extents(dst))
        cost = len(patch) + _OPERATION_COST + _EXTENT_COST * extents
        # What the blocks would take as data, by their entropy: packing a block by itself does no better.
        data = int(entropy.astype(np.int64).sum()) * BLOCK_SIZE // 8192
        return (dst, src, patch) if cost < data else None

    def _allowed(self, src: Blocks, dst: Blocks) -> bool:
        # Blocks set aside while ordering may cut every extent into single blocks.
        extents_fit = max(len(src), len(dst)) <= self.profile.bsdiff_extent_limit
        return extents_fit and len(src) * BLOCK_SIZE <= self.profile.bsdiff_source_limit

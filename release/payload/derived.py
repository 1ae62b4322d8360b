"""Content that the new image has more than once, at whatever offset: sent once, made from itself after.

An image holds many files twice, for example the kernel's modules and, inside a packed filesystem, the
same modules for the first stage of the boot. Where the client patches, the second copy is made from the
first when that has been written. Where it does not, both go into one bzip2 block, which stores the
second copy of incompressible bytes at about a quarter of its size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from release.payload import native
from release.payload.extents import Blocks
from release.payload.image_blocks import Blocks2D
from release.payload.matching import Mask
from release.payload.operations import BLOCK_SIZE
from release.payload.parallel import ordered_map
from release.payload.seeds import SeedIndex
from release.payload.similar import GROUP_BLOCKS, Group, KeptGroup
from release.payload.spool import Spool

Count = Callable[[int], None]
"""Told that so many more blocks of the new image are dealt with, in the thread that plans."""

NO_SOURCE, EARLIER, FINAL = 0, 1, 2
"""Whether a block of the new image is a source: not at all, for blocks behind it, for all."""

_MARGIN = 96
"""Bytes by which a block must be better explained to be derived: it can then be no source itself."""

_QUARTER = BLOCK_SIZE // 4


@dataclass(frozen=True, slots=True)
class Derivation:
    """For the blocks of the rest, group by group: which are derived, and from where.

    ``usable`` are the blocks of the new image that derived blocks may be made from.
    """

    groups: tuple[KeptGroup, ...]
    derived: tuple[Mask, ...]
    usable: Mask


def groups_of(rest: Blocks) -> list[Blocks]:
    """The blocks in order, in groups that are looked at together."""
    return [rest[start : start + GROUP_BLOCKS] for start in range(0, len(rest), GROUP_BLOCKS)]


def find_covers(
    index: SeedIndex, new: Blocks2D, rest: Blocks, *, own: bool, spool: Spool, workers: int, count: Count
) -> tuple[KeptGroup, ...]:
    """Where the content of ``rest`` is in the indexed image, which is the new one itself if ``own``.

    Progress is told as a quarter of what is to be done about each block.
    """

    def one(blocks: Blocks) -> KeptGroup:
        covers = index.cover(new[blocks].reshape(-1), blocks if own else None)
        return KeptGroup.keep(Group(blocks, covers), spool)

    groups = []
    for group in ordered_map(one, groups_of(rest), workers):
        groups.append(group)
        count(len(group.blocks) // 4)
    return tuple(groups)


def derive(
    new: Blocks2D,
    rest: Blocks,
    final: Blocks,
    elsewhere: Sequence[KeptGroup] | None,
    *,
    spool: Spool,
    memory: int,
    workers: int,
    count: Count,
) -> Derivation:
    """Find the blocks of ``rest`` that are better made from other blocks of the new image.

    Args:
        new: the image.
        rest: blocks with new content, ascending.
        final: other blocks of it that may be read once the rest is written.
        elsewhere: where the rest is found in the old image, in the same groups; ``None`` if patches are
            not an option, then a block is derived if a quarter of it stands elsewhere.
        spool: where covers wait.
        memory: bytes of the index.
        workers: threads.
        count: told of progress.
    """
    usable = np.full(len(new), NO_SOURCE, dtype=np.uint8)
    usable[rest], usable[final] = EARLIER, FINAL
    index = SeedIndex(new, np.concatenate((final, rest)), memory=memory, workers=workers, always=len(final))
    groups = find_covers(index, new, rest, own=True, spool=spool, workers=workers, count=count)
    derived = []
    for number, kept in enumerate(groups):
        group = kept.load(spool)
        otherwise, margin = np.zeros(len(group.blocks), dtype=np.int64), _QUARTER
        if elsewhere is not None:
            otherwise, margin = _covered(elsewhere[number].load(spool)), _MARGIN
        derived.append(native.mark_derived(group.covers, group.blocks, otherwise, margin, usable))
    return Derivation(groups, tuple(derived), usable != NO_SOURCE)


def _covered(group: Group) -> native.Numbers:
    return native.count_covered(group.covers, len(group.blocks))


def side_by_side(derivation: Derivation, spool: Spool) -> Blocks:
    """Derived blocks, each behind the block that it repeats most of; every block once.

    Blocks that are repeated keep their order, so neighbours of a stretch stay neighbours.
    """
    repeated = np.zeros(len(derivation.usable), dtype=np.bool_)
    leaders = [
        native.find_leaders(group.load(spool).covers, derived, derivation.usable, repeated)
        for group, derived in zip(derivation.groups, derivation.derived, strict=True)
    ]
    lead = np.flatnonzero(repeated)
    follow = [
        group.blocks[derived] for group, derived in zip(derivation.groups, derivation.derived, strict=True)
    ]
    keys = np.concatenate(
        [lead, *(found[derived] for found, derived in zip(leaders, derivation.derived, strict=True))]
    )
    blocks = np.concatenate([lead, *follow])
    follows = np.arange(len(blocks)) >= len(lead)
    return blocks[np.lexsort((blocks, follows, keys))]

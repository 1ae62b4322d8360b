"""The operations that turn one image into another, in place; or, from nothing, make a whole one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from release.payload import derived, packing, seeds, similar
from release.payload.extents import Blocks, to_extents
from release.payload.image_blocks import Blocks2D
from release.payload.matching import Mask, Matches, match
from release.payload.merging import merge_moves
from release.payload.operations import BLOCK_SIZE, Operation, OperationType
from release.payload.order import Step, arrange
from release.payload.packing import Planned
from release.payload.profile import Profile
from release.payload.spool import Spool

MOVE_BLOCKS = 1024
"""Most blocks of one MOVE: the client holds its 4 MiB in memory."""

_SHORT_SHIFT = 64
"""A run that moves by fewer blocks than this is copied aside; by more, it is moved piece by piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a plan may use.

    Attributes:
        profile: the clients that must be able to apply it.
        spool: where patches wait.
        workers: threads.
        index_memory: bytes of the largest index; a smaller one finds less.
        count: told of progress.
    """

    profile: Profile
    spool: Spool
    workers: int
    index_memory: int
    count: derived.Count


@dataclass(slots=True)
class _Patched:
    """Patches from the old image, patches from the new one, and what must be sent."""

    from_old: list[similar.Patch] = field(default_factory=list)
    from_new: list[similar.Patch] = field(default_factory=list)
    sent: list[Blocks] = field(default_factory=list)
    beside: Blocks = field(default_factory=lambda: np.empty(0, dtype=np.int64))


def plan(old: Blocks2D, new: Blocks2D, means: Means) -> Iterator[Planned]:
    """Operations in the order they must run; ``old`` has no blocks for a whole image.

    Unchanged blocks have none. First come moves and patches that read the old image, in an order in
    which each finds it; then what is sent, until when those blocks are room to put others aside; then
    what is made from the new image itself.
    """
    matches = match(old, new, means.workers)
    means.count(len(new) - len(matches.rest))
    patched = _patch(old, new, matches, means)
    sent = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *patched.sent]))
    steps = [*_moves(matches), *(_step(patch) for patch in patched.from_old)]
    later = [patch.dst for patch in patched.from_new]
    zero = np.flatnonzero(matches.zero)
    # What lies behind a smaller new image is of no further use either.
    behind = np.arange(len(new), max(len(old), len(new)), dtype=np.int64)
    spare = np.concatenate((sent, *later, matches.repeats, zero, behind))
    empty = _empty_in_place(old, matches)
    arrangement = arrange(steps, spare.tolist(), max(len(old), len(new)), empty.tolist())
    for step in merge_moves(arrangement.steps):
        yield _planned(step, means.spool)
    sent = np.union1d(sent, np.array(arrangement.given_up, dtype=np.int64))
    for planned in packing.carry_blocks(new, sent, patched.beside, means.workers):
        yield planned
        means.count(planned.blocks // 2)
    yield from packing.carry_zeros(np.union1d(zero, np.array(arrangement.used, dtype=np.int64)))
    for patch in patched.from_new:
        yield _planned(_step(patch), means.spool)
    yield from _repeats(matches)


def _patch(old: Blocks2D, new: Blocks2D, matches: Matches, means: Means) -> _Patched:
    """Decide for every block with new content how it is made."""
    if OperationType.BSDIFF not in means.profile.operations or not len(old):
        return _pair(new, matches.rest, means)
    memory, workers = means.index_memory, means.workers
    in_old = seeds.SeedIndex(old, _not_empty(old), memory=memory, workers=workers)
    elsewhere = derived.find_covers(
        in_old, new, matches.rest, own=False, spool=means.spool, workers=workers, count=means.count
    )
    del in_old
    derivation = derived.derive(
        new,
        matches.rest,
        _final(new, matches),
        elsewhere,
        spool=means.spool,
        memory=memory,
        workers=workers,
        count=means.count,
    )
    choices = derivation.derived
    from_old = [(group, ~other) for group, other in zip(elsewhere, choices, strict=True)]
    from_new = [
        (group, other) for group, other in zip(derivation.groups, choices, strict=True) if other.any()
    ]
    result = _Patched()
    everything = np.ones(len(old), dtype=np.bool_)
    sources = (
        (similar.Source(old, everything, in_place=True), from_old, result.from_old),
        (similar.Source(new, derivation.usable, in_place=False), from_new, result.from_new),
    )
    for source, groups, patches in sources:
        made = similar.patches(
            groups, source=source, new=new, profile=means.profile, spool=means.spool, workers=workers
        )
        for patch, left in made:
            if patch is not None:
                patches.append(patch)
                means.count(len(patch.dst) // 2)
            result.sent.append(left)
    return result


def _pair(new: Blocks2D, rest: Blocks, means: Means) -> _Patched:
    """Everything is sent; what repeats other content at some offset, beside it."""
    if not len(rest):
        return _Patched()
    nothing = np.empty(0, dtype=np.int64)
    derivation = derived.derive(
        new,
        rest,
        nothing,
        None,
        spool=means.spool,
        memory=means.index_memory,
        workers=means.workers,
        count=means.count,
    )
    return _Patched(sent=[rest], beside=derived.side_by_side(derivation, means.spool))


def _not_empty(image: Blocks2D) -> Blocks:
    filled = np.zeros(len(image), dtype=np.bool_)
    for start in range(0, len(image), MOVE_BLOCKS):
        part = slice(start, start + MOVE_BLOCKS)
        filled[part] = image[part].any(axis=1)
    return np.flatnonzero(filled)


def _final(new: Blocks2D, matches: Matches) -> Blocks:
    """Blocks that are in place before anything is made from the new image: unchanged and moved ones."""
    return np.intersect1d(np.flatnonzero(matches.source >= 0), _not_empty(new), assume_unique=True)


def _empty_in_place(old: Blocks2D, matches: Matches) -> Blocks:
    unchanged = matches.unchanged
    empty: Mask = np.zeros(len(unchanged), dtype=np.bool_)
    common = min(len(old), len(unchanged))
    empty[:common] = True
    empty[_not_empty(old[:common])] = False
    return np.flatnonzero(empty & unchanged)


def _moves(matches: Matches) -> Iterator[Step]:
    """One step for each run that is whole in both images, or for each piece of it."""
    blocks = matches.moved
    source = matches.source[blocks]
    if not len(blocks):
        return
    cuts = np.flatnonzero((np.diff(blocks) != 1) | (np.diff(source) != 1)) + 1
    bounds = [0, *cuts.tolist(), len(blocks)]
    for start, stop in pairwise(bounds):
        shift = abs(int(source[start] - blocks[start]))
        most = shift if _SHORT_SHIFT <= shift < MOVE_BLOCKS else MOVE_BLOCKS
        for low in range(start, stop, most):
            high = min(low + most, stop)
            yield Step(blocks[low:high].tolist(), source[low:high].tolist())


def _repeats(matches: Matches) -> Iterator[Planned]:
    """Copies of blocks that are by now in place."""
    blocks = matches.repeats
    for start in range(0, len(blocks), MOVE_BLOCKS):
        piece = blocks[start : start + MOVE_BLOCKS]
        source = to_extents(matches.first[piece])
        move = Operation(type=OperationType.MOVE, src_extents=source, dst_extents=to_extents(piece))
        yield Planned(move, b"", len(piece))


def _step(patch: similar.Patch) -> Step:
    return Step(patch.dst.tolist(), patch.src.tolist(), patch.data)


def _planned(step: Step, spool: Spool) -> Planned:
    source, target = to_extents(step.src), to_extents(step.dst)
    if step.patch is None:
        move = Operation(type=OperationType.MOVE, src_extents=source, dst_extents=target)
        return Planned(move, b"", len(step.dst))
    patch = Operation(
        type=OperationType.BSDIFF,
        src_extents=source,
        src_length=len(step.src) * BLOCK_SIZE,
        dst_extents=target,
        dst_length=len(step.dst) * BLOCK_SIZE,
    )
    return Planned(patch, spool.read(step.patch), len(step.dst))

"""The operations that turn one image into another, in place."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from release.payload.extents import Blocks, to_extents
from release.payload.full import Planned, replace_blocks
from release.payload.image_blocks import Blocks2D
from release.payload.matching import Matches, match
from release.payload.operations import Operation, OperationType
from release.payload.order import Step, arrange
from release.payload.profile import Profile
from release.payload.similar import diffs

_MOVE_BLOCKS = 1024
"""Most blocks of one MOVE: the client holds its 4 MiB in memory."""

_MOVE_EXTENTS = 512
"""Most extents on either side of one MOVE that was put together from several."""


def plan(old: Blocks2D, new: Blocks2D, profile: Profile, workers: int) -> Iterator[Planned]:
    """Operations in the order they must run.

    Unchanged blocks have none; blocks found elsewhere are moved; similar ones patched where
    ``profile`` has BSDIFF; the rest is sent, last, so that until then it is room to put blocks aside.
    """
    matches = match(old, new)
    steps = list(_moves(matches))
    if OperationType.BSDIFF in profile.operations:
        steps += diffs(old, new, matches, profile, workers)
    made = np.zeros(len(new), dtype=np.bool_)
    for step in steps:
        made[step.dst] = True
    rest = matches.rest[~made[matches.rest]]
    zero = np.flatnonzero(matches.zero)
    # What lies behind a smaller new image is of no further use either.
    spare = np.concatenate((rest, zero, np.arange(len(new), max(len(old), len(new)))))
    arrangement = arrange(steps, spare.tolist(), max(len(old), len(new)))
    for step in _merged(arrangement.steps):
        yield _planned(step, new.shape[1])
    data = np.union1d(rest, np.array(arrangement.given_up, dtype=np.int64))
    yield from replace_blocks(new, data, workers)
    yield from replace_blocks(new, zero, workers)


def _moves(matches: Matches) -> Iterator[Step]:
    """One step for each run that is whole in both images."""
    blocks = matches.moved
    source = matches.source[blocks]
    if not len(blocks):
        return
    cuts = np.flatnonzero((np.diff(blocks) != 1) | (np.diff(source) != 1)) + 1
    for start, stop in _ranges(cuts, len(blocks)):
        for low in range(start, stop, _MOVE_BLOCKS):
            high = min(low + _MOVE_BLOCKS, stop)
            yield Step(blocks[low:high].tolist(), source[low:high].tolist())


def _ranges(cuts: Blocks, end: int) -> Iterator[tuple[int, int]]:
    bounds = [0, *cuts.tolist(), end]
    yield from pairwise(bounds)


def _merged(steps: list[Step]) -> Iterator[Step]:
    """Put neighbouring moves together where that changes neither the result nor repeatability.

    A move whose source and destination overlap cannot be repeated after an interruption; the client
    then starts over. Such moves stay alone and none is made here.
    """
    open_step: Step | None = None
    reads: set[int] = set()
    writes: set[int] = set()
    extents = 0
    for step in steps:
        if step.patch is None:
            more = max(len(to_extents(step.dst)), len(to_extents(step.src)))
            fits = (
                open_step is not None
                and len(open_step.dst) + len(step.dst) <= _MOVE_BLOCKS
                and extents + more <= _MOVE_EXTENTS
                and writes.isdisjoint(step.src)
                and writes.isdisjoint(step.dst)
                and reads.isdisjoint(step.dst)
            )
            if open_step is not None and fits:
                open_step = Step(open_step.dst + step.dst, open_step.src + step.src)
                reads.update(step.src)
                writes.update(step.dst)
                extents += more
                continue
        if open_step is not None:
            yield open_step
            open_step = None
        if step.patch is not None:
            yield step
            continue
        open_step, extents = step, more
        reads, writes = set(step.src), set(step.dst)
    if open_step is not None:
        yield open_step


def _planned(step: Step, block_size: int) -> Planned:
    source, target = to_extents(step.src), to_extents(step.dst)
    if step.patch is None:
        move = Operation(type=OperationType.MOVE, src_extents=source, dst_extents=target)
        return Planned(move, b"", len(step.dst))
    patch = Operation(
        type=OperationType.BSDIFF,
        src_extents=source,
        src_length=len(step.src) * block_size,
        dst_extents=target,
        dst_length=len(step.dst) * block_size,
    )
    return Planned(patch, step.patch, len(step.dst))

"""BSDIFF for blocks that changed: against what surrounds their likely origin in the old image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from release.payload import bsdiff
from release.payload.extents import Blocks, to_extents
from release.payload.full import replace
from release.payload.image_blocks import Blocks2D
from release.payload.matching import Matches
from release.payload.order import Step
from release.payload.parallel import ordered_map
from release.payload.profile import Profile

_GROUP_BLOCKS = 256
_SOURCE_BLOCKS = 4096
"""Most blocks of one BSDIFF's result (1 MiB) and source (16 MiB, which take 272 MiB to search)."""

_PAD_BLOCKS = 8
"""Blocks looked at on either side of where a run is expected; content shifts when files grow."""

_OPERATION_COST, _EXTENT_COST = 36, 6
"""Bytes of the manifest that an operation and each of its extents take."""


def diffs(old: Blocks2D, new: Blocks2D, matches: Matches, profile: Profile, workers: int) -> Iterator[Step]:
    """BSDIFF steps for groups of the blocks that have no match, where they are smaller than their data."""
    rest = matches.rest

    def one(start: int) -> Step | None:
        return _diff(old, new, matches, rest[start : start + _GROUP_BLOCKS], profile)

    for step in ordered_map(one, range(0, len(rest), _GROUP_BLOCKS), workers):
        if step is not None:
            yield step


def _diff(old: Blocks2D, new: Blocks2D, matches: Matches, group: Blocks, profile: Profile) -> Step | None:
    candidates = _candidates(group, matches, len(old))
    candidates = candidates[old[candidates].any(axis=1)][:_SOURCE_BLOCKS]
    if not len(candidates):
        return None
    block_size = new.shape[1]
    content = new[group].tobytes()
    found, used = bsdiff.compact(bsdiff.difference(old[candidates].tobytes(), content), block_size)
    source = candidates[used]
    if not len(source):
        return None
    patch = bsdiff.encode(found)
    extents = to_extents(source)
    cost = len(patch) + _OPERATION_COST + _EXTENT_COST * len(extents)
    if cost >= len(replace(content, to_extents(group)).data) or not _allowed(
        source, group, block_size, profile
    ):
        return None
    return Step(group.tolist(), source.tolist(), patch)


def _allowed(source: Blocks, group: Blocks, block_size: int, profile: Profile) -> bool:
    # Blocks set aside while ordering may cut every extent into single blocks.
    extents_fit = max(len(source), len(group)) <= profile.bsdiff_extent_limit
    return extents_fit and len(source) * block_size <= profile.bsdiff_source_limit


def _candidates(group: Blocks, matches: Matches, old_blocks: int) -> Blocks:
    """Blocks of the old image in the same place, and beside where the neighbours came from."""
    source = matches.source
    windows: list[Blocks] = []
    for extent in to_extents(group):
        shifts = {0}
        for neighbour in (extent.start - 1, extent.end):
            if 0 <= neighbour < len(source) and source[neighbour] >= 0:
                shifts.add(int(source[neighbour]) - neighbour)
        pad = min(_PAD_BLOCKS, extent.count)
        for shift in sorted(shifts):
            low = max(extent.start + shift - pad, 0)
            windows.append(np.arange(low, min(extent.end + shift + pad, old_blocks), dtype=np.int64))
    return np.unique(np.concatenate(windows))

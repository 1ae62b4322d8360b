"""What a builder could change to make the next delta smaller, and what that would have saved here."""

from __future__ import annotations

import bz2
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from release.explain.advice_files import kernel_modules, packed_files, unchanged_files
from release.explain.advice_nested import nested_images
from release.explain.fates import Fate, Fates
from release.explain.images import Side
from release.explain.kinds import Kind
from release.explain.report import Advice, Basis, Line
from release.explain.verity import differing_hashes, is_genuine, make_tree, stored_tree
from release.payload.operations import OperationType
from release.payload.profile import Profile

_WORTH = 200
"""One part in so many of the blobs that a saving must be, to be spoken of."""


def advise(
    before: Side, after: Side, fates: Fates, items: Sequence[Line], *, profile: Profile, scratch: Path
) -> tuple[Advice, ...]:
    """All advice that would save at least half a percent here, the largest saving first.

    Savings overlap and do not add up. Samples are built below ``scratch`` and removed.
    """
    found = [
        *_verity_salt(before, after, fates, profile),
        *kernel_modules(before, after, items, profile, scratch),
        *nested_images(before, after, items, profile, scratch),
        *packed_files(before, after, items, profile, scratch),
        *unchanged_files(before, after, items),
        *_metadata(items),
        *_alignment(after, fates, profile),
    ]
    least = int(fates.cost.sum()) // _WORTH
    worth = [item for item in found if item.saving is None or item.saving > least]
    return tuple(sorted(worth, key=lambda item: (-(item.saving or 0), item.title)))


def _verity_salt(before: Side, after: Side, fates: Fates, profile: Profile) -> Iterator[Advice]:
    """Make the new tree with the old salt, and count what would still differ."""
    old, new = before.verity, after.verity
    if old is None or new is None or old.salt == new.salt or not is_genuine(after.blocks, new):
        return
    cost = int(fates.cost[new.start : new.end].sum())
    remade = make_tree(after.blocks, new, old.salt)
    leaves, others = remade[-new.levels[0] :], remade[: -new.levels[0]]
    differ = differing_hashes(leaves, stored_tree(before.blocks, old)[-old.levels[0] :])
    same = int(np.count_nonzero(~differ.any(axis=1)))
    if OperationType.BSDIFF in profile.operations:
        each, changed = "the hashes that differ", leaves.reshape(*differ.shape, -1)[differ]
    else:
        each, changed = "the blocks of hashes that differ", leaves[differ.any(axis=1)]
    left = len(bz2.compress(others.tobytes() + changed.tobytes()))
    yield Advice(
        title="keep the salt of the verity tree the same in every build",
        saving=max(0, cost - left),
        basis=Basis.MEASURED,
        how=f"the new tree made anew with the old salt: {same:,} of {len(leaves):,} blocks of leaves are as "
        f"before, {np.count_nonzero(differ):,} hashes are not; the tree costs {cost:,} bytes now and "
        f"{left:,} then ({each}, packed with bzip2)",
    )


def _metadata(items: Sequence[Line]) -> Iterator[Advice]:
    cost = sum(item.payload for item in items if item.kind == Kind.METADATA.value)
    yield Advice(
        title="fix what mkfs makes up: UUIDs, hash seeds, time stamps, the order of files",
        saving=cost,
        basis=Basis.COMPUTED,
        how="at most: every byte that goes into directories, inodes and tables; those of files that really "
        "changed remain",
    )


def _alignment(after: Side, fates: Fates, profile: Profile) -> Iterator[Advice]:
    """For images whose files cannot be read: how many blocks the clients could keep or move."""
    if OperationType.BSDIFF in profile.operations or after.files is not None:
        return
    kept = fates.blocks_of(Fate.UNCHANGED) + fates.blocks_of(Fate.MOVED) + fates.blocks_of(Fate.ZERO)
    blocks = len(fates.fate)
    if 2 * kept > blocks:
        return
    yield Advice(
        title="a filesystem that aligns files to blocks, or clients that apply BSDIFF",
        saving=None,
        basis=Basis.NOT_MEASURED,
        how=f"only {kept:,} of {blocks:,} blocks are in the old image at block boundaries, and "
        f"{profile.name} clients can move nothing but whole blocks",
    )

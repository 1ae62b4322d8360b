"""Explain a delta: put together who owns what, what it costs, and what would shrink it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from release.explain.advice import advise
from release.explain.fates import Fate, Fates, trace
from release.explain.files import UnreadableError, content
from release.explain.images import Side, look_at
from release.explain.kinds import HEAD, Kind, kind_of_file
from release.explain.owners import Map, map_owners
from release.explain.report import Explanation, Line, by_class, dearest_first
from release.payload.build import BuildOrder, Progress, build_payload
from release.payload.profile import Profile
from release.payload.reader import Payload, open_payload
from release.scratch import scratch_directory

_REWRITTEN = (Fate.DIFFED, Fate.PACKED, Fate.RAW)


def explain_images(
    old: Path, new: Path, *, profile: Profile, workers: int, scratch: Path, progress: Progress | None = None
) -> Explanation:
    """Build the delta from ``old`` to ``new`` below ``scratch``, explain it, and remove it.

    Raises:
        InputError: an image is missing, empty or not whole blocks, or the profile knows no deltas.
        StorageFullError, UnavailableError: from the file system.
    """
    with scratch_directory(scratch) as directory:
        out = directory / "delta"
        order = BuildOrder(new_image=new, out=out, old_image=old, profile=profile, workers=workers)
        build_payload(order, progress)
        with open_payload(out) as payload:
            return explain_payload(payload, old, new, profile, scratch)


def explain_payload(payload: Payload, old: Path, new: Path, profile: Profile, scratch: Path) -> Explanation:
    """Explain a payload without signatures or kernel that turns ``old`` into ``new``.

    That it really does is not checked. ``profile`` is what its clients can do, for advice.
    """
    before, after = (look_at(path, payload.manifest.block_size) for path in (old, new))
    fates = trace(payload, before.blocks, after.blocks)
    owners = map_owners(after.blocks, after.files, after.verity, fates.cost)
    kinds = [
        owner.kind if owner.kind is not None else _kind(after, number)
        for number, owner in enumerate(owners.owners)
    ]
    items = dearest_first(_lines(owners, kinds, fates, payload.manifest.block_size))
    return Explanation(
        old=str(old),
        new=str(new),
        profile=profile.name,
        block_size=payload.manifest.block_size,
        size=payload.metadata_size + payload.manifest.blobs_size,
        manifest=payload.metadata_size,
        fates=fates,
        kinds=_kinds_of_blocks(owners, kinds, fates, payload.manifest.block_size),
        items=items,
        classes=by_class(items),
        advice=advise(before, after, fates, items, profile=profile, scratch=scratch),
        notes=tuple(side.note for side in (before, after) if side.note),
    )


def _lines(owners: Map, kinds: Sequence[Kind], fates: Fates, block_size: int) -> Iterator[Line]:
    def bytes_of(*chosen: Fate) -> list[int]:
        blocks = np.isin(fates.fate, np.array(chosen, dtype=np.uint8)).astype(np.int64)
        sums: list[int] = owners.sums(blocks * block_size, block_size).tolist()
        return sums

    costs: list[int] = owners.sums(fates.cost, block_size).tolist()
    columns = (bytes_of(*Fate), bytes_of(*_REWRITTEN), bytes_of(Fate.MOVED), costs)
    for owner, kind, size, rewritten, moved, cost in zip(owners.owners, kinds, *columns, strict=True):
        if size:
            yield Line(
                title=owner.title, kind=kind.value, size=size, rewritten=rewritten, moved=moved, payload=cost
            )


def _kinds_of_blocks(
    owners: Map, kinds: Sequence[Kind], fates: Fates, block_size: int
) -> npt.NDArray[np.uint8]:
    """The class of every rewritten block, told by its first byte."""
    places = {kind: number for number, kind in enumerate(Kind, start=1)}
    numbers = np.array([places[kind] for kind in kinds], dtype=np.uint8)
    found = numbers[owners.first_owner(len(fates.fate), block_size)]
    return np.where(np.isin(fates.fate, np.array(_REWRITTEN, dtype=np.uint8)), found, np.uint8(0))


def _kind(side: Side, number: int) -> Kind:
    """The class of a file, by its content where that can be read."""
    if side.files is None:
        raise RuntimeError("a file of an image without files")
    file = side.files.files[number]
    try:
        head = content(side.flat, file, HEAD)
    except UnreadableError:
        head = b""
    return kind_of_file(file.path, head)

"""Advice on images inside of the image: initrds and system extensions that are packed once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from release.explain.advice_files import files_of, normal, open_module
from release.explain.files import Flat, StoredFile, UnreadableError, content
from release.explain.images import Side
from release.explain.kinds import PACKERS, Kind, magic_of
from release.explain.report import Advice, Basis, Line
from release.explain.sampling import SAMPLE, Pair, sample
from release.explain.squashfs import parse_squashfs
from release.payload.profile import Profile

_LARGEST = 64 << 20
"""Bytes of the largest nested image that is looked into."""
_KINDS = frozenset({Kind.INITRD.value, Kind.NESTED.value})


def nested_images(
    before: Side, after: Side, items: Sequence[Line], profile: Profile, scratch: Path
) -> Iterator[Advice]:
    """What uncompressed nested images and initrds would save. squashfs is looked into, others are told."""
    files = files_of(before, after)
    if files is None:
        return
    for item in items:
        if item.kind not in _KINDS or not item.payload:
            continue
        found = files.contents(item.title, _LARGEST)
        if found is None:
            continue
        kinds = {magic_of(data) for data in found}
        if kinds == {"squashfs"}:
            yield from _squashfs(item, *found, profile=profile, scratch=scratch)
        elif kinds & PACKERS:
            yield Advice(
                title=f"do not compress {item.title}",
                saving=None,
                basis=Basis.NOT_MEASURED,
                how=f"it is packed as a whole ({', '.join(sorted(kinds))}) and costs {item.payload:,} bytes",
            )


@dataclass(frozen=True, slots=True)
class _Inside:
    """A file of a nested image that changed, and what it was before."""

    old: StoredFile
    new: StoredFile

    @property
    def stored(self) -> int:
        """Bytes that it takes up in the nested image now."""
        return sum(high - low for low, high in (piece.span() for piece in self.new.pieces))


def _squashfs(item: Line, old: bytes, new: bytes, *, profile: Profile, scratch: Path) -> Iterator[Advice]:
    before, after = (np.frombuffer(data, dtype=np.uint8) for data in (old, new))
    try:
        changed = _changed(before, after, item.title)
    except UnreadableError:
        return
    stored = sum(pair.stored for pair in changed)

    def open_pair(index: int) -> Pair | None:
        pair = changed[index]
        if max(pair.new.size, pair.old.size) > SAMPLE:
            return None
        was, now = content(before, pair.old, SAMPLE), content(after, pair.new, SAMPLE)
        was, now = (open_module(pair.new.path, data, SAMPLE) or data for data in (was, now))
        return Pair(was, now, item.payload * pair.stored // max(stored, 1), pair.stored)

    found = sample(len(changed), open_pair, profile, scratch)
    if found is not None:
        yield Advice(
            title=f"do not compress {item.title}, nor the modules in it",
            saving=found.saving(item.payload),
            basis=Basis.MEASURED,
            how=f"{found}; all of it costs {item.payload:,}, a file in it its share of that",
        )


def _changed(before: Flat, after: Flat, where: str) -> list[_Inside]:
    """Files of a nested squashfs that differ from what they were. Raises UnreadableError."""
    old_map, new_map = parse_squashfs(before, where), parse_squashfs(after, where)
    known = {normal(file.path): file for file in old_map.files}
    changed = []
    for file in sorted(new_map.files, key=lambda file: file.path) if new_map.packed else ():
        partner = known.get(normal(file.path))
        if partner is None or max(file.size, partner.size) > _LARGEST:
            continue
        if content(before, partner, _LARGEST) != content(after, file, _LARGEST):
            changed.append(_Inside(partner, file))
    return changed

"""Advice that comes from the content of files: packed modules, packing filesystems, noise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np

from release.explain.files import Piece, StoredFile, UnreadableError, by_path, content, unpack
from release.explain.images import Side
from release.explain.report import Advice, Basis, Line
from release.explain.sampling import SAMPLE, Pair, sample
from release.payload.profile import Profile

PACKED_MODULE = re.compile(r"\.ko\.(xz|zst|gz)$")
_MODULE_CODECS = {"xz": "xz", "zst": "zstd"}
_RELEASE = re.compile(r"(^|/)modules/[^/]+/")
LARGEST = 256 << 20
"""Bytes of the largest file that is compared as a whole."""
_MOST = 1 << 30
"""Bytes that are compared altogether."""


class Sameness(Enum):
    """What of a file is the same in both images."""

    NONE = 0
    """Nothing, or it cannot be told."""
    CONTENT = 1
    STORED = 2
    """The content, and every byte of how it is stored."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of both images by path, the kernel's release taken out of it."""

    before: Side
    after: Side
    old: Mapping[str, StoredFile]
    new: Mapping[str, StoredFile]

    def contents(self, path: str, limit: int) -> tuple[bytes, bytes] | None:
        """A file before and after; None if it is new, larger than ``limit``, or not read here."""
        new = self.new.get(path)
        old = self.old.get(normal(path))
        if new is None or old is None or max(new.size, old.size) > limit:
            return None
        try:
            return content(self.before.flat, old, limit), content(self.after.flat, new, limit)
        except UnreadableError:
            return None

    def sameness(self, path: str) -> Sameness:
        """How much of a file is the same in both images."""
        new, old = self.new.get(path), self.old.get(normal(path))
        if new is None or old is None or new.size != old.size or new.size > LARGEST:
            return Sameness.NONE
        if len(new.pieces) == len(old.pieces) and all(
            self._is_stored_alike(*pair) for pair in zip(old.pieces, new.pieces, strict=True)
        ):
            return Sameness.STORED
        found = self.contents(path, LARGEST)
        return Sameness.CONTENT if found is not None and found[0] == found[1] else Sameness.NONE

    def _is_stored_alike(self, old: Piece, new: Piece) -> bool:
        if replace(old, start=0) != replace(new, start=0):
            return False
        was = self.before.flat[old.start : old.start + old.stored]
        return np.array_equal(was, self.after.flat[new.start : new.start + new.stored])


def normal(path: str) -> str:
    """A path without the kernel's release."""
    return _RELEASE.sub(r"\1modules/*/", path)


def _dearest(items: Sequence[Line]) -> list[Line]:
    """Those that make up nearly all of the cost, by title; a sample of trifles would say nothing."""
    left = sum(item.payload for item in items) * 19 // 20
    chosen = []
    for item in sorted(items, key=lambda item: (-item.payload, item.title)):
        if left <= 0:
            break
        chosen.append(item)
        left -= item.payload
    return sorted(chosen, key=lambda item: item.title)


def files_of(before: Side, after: Side) -> Files | None:
    """The files of both images; None if those of one cannot be read."""
    if before.files is None or after.files is None:
        return None
    old = {normal(file.path): file for file in before.files.files}
    return Files(before, after, old, by_path(after.files.files))


def open_module(path: str, data: bytes, limit: int) -> bytes | None:
    """A packed kernel module unpacked; None if it is none, is larger than ``limit``, or cannot be read."""
    codec = _MODULE_CODECS.get(path.rpartition(".")[2])
    if codec is None or not PACKED_MODULE.search(path):
        return None
    try:
        opened = unpack(data, codec, limit + 1)
    except UnreadableError:
        return None
    return opened if len(opened) <= limit else None


def kernel_modules(
    before: Side, after: Side, items: Sequence[Line], profile: Profile, scratch: Path
) -> Iterator[Advice]:
    """What uncompressed modules would save: unpack some pairs, and build the delta between them."""
    files = files_of(before, after)
    modules = [item for item in items if item.payload and PACKED_MODULE.search(item.title)]
    cost = sum(item.payload for item in modules)
    dearest = _dearest(modules)
    if files is None or not cost:
        return

    def open_pair(index: int) -> Pair | None:
        path = dearest[index].title
        found = files.contents(path, SAMPLE)
        if found is None:
            return None
        old, new = (open_module(path, data, SAMPLE) for data in found)
        if old is None or new is None:
            return None
        return Pair(old, new, dearest[index].payload, len(found[1]))

    found = sample(len(dearest), open_pair, profile, scratch)
    yield Advice(
        title="install kernel modules uncompressed (CONFIG_MODULE_COMPRESS off)",
        saving=found.saving(cost) if found else None,
        basis=Basis.MEASURED if found else Basis.NOT_MEASURED,
        how=f"{found}; all compressed modules cost {cost:,}"
        if found
        else f"{len(modules)} compressed modules cost {cost:,} bytes; none of them could be unpacked here",
    )


def packed_files(
    before: Side, after: Side, items: Sequence[Line], profile: Profile, scratch: Path
) -> Iterator[Advice]:
    """What a filesystem that does not pack would save: compare some pairs of files as they are unpacked."""
    files = files_of(before, after)
    if files is None or not (after.files and after.files.packed):
        return
    packed = {file.path for file in after.files.files if any(piece.codec for piece in file.pieces)}
    changed = [item for item in items if item.payload and item.title in packed]
    cost = sum(item.payload for item in changed)
    dearest = _dearest(changed)
    if not cost:
        return

    def open_pair(index: int) -> Pair | None:
        found = files.contents(dearest[index].title, SAMPLE)
        return Pair(*found, dearest[index].payload, dearest[index].size) if found else None

    found = sample(len(dearest), open_pair, profile, scratch)
    yield Advice(
        title=f"a filesystem that does not compress, instead of {after.files.kind} (the image then grows)",
        saving=found.saving(cost) if found else None,
        basis=Basis.MEASURED if found else Basis.NOT_MEASURED,
        how=f"{found}; all files that it compresses cost {cost:,}"
        if found
        else f"files that it compresses cost {cost:,} bytes; none of them could be unpacked here",
    )


def unchanged_files(before: Side, after: Side, items: Sequence[Line]) -> Iterator[Advice]:
    """What files cost that did not change: off the old block boundaries, or stored in another way."""
    files = files_of(before, after)
    if files is None or after.files is None:
        return
    left = _MOST
    counts, costs = Counter[Sameness](), Counter[Sameness]()
    for item in items:
        if item.payload and item.title in files.new and item.size <= left:
            left -= item.size
            same = files.sameness(item.title)
            counts[same] += 1
            costs[same] += item.payload
    yield Advice(
        title=f"let {after.files.kind} align files to blocks, or have clients that apply BSDIFF",
        saving=costs[Sameness.STORED],
        basis=Basis.MEASURED,
        how=f"{counts[Sameness.STORED]:,} files are stored as before, and cost as much only because they do "
        "not lie at the same distance from a block boundary",
    )
    yield Advice(
        title=_DETERMINISTIC.get(after.files.kind, "lay files out the same way in every build"),
        saving=costs[Sameness.CONTENT],
        basis=Basis.MEASURED,
        how=f"{counts[Sameness.CONTENT]:,} files have the same content in both images, and cost as much only "
        "because they are stored in another way",
    )


_DETERMINISTIC = {
    "btrfs": "make the filesystem with mkfs.btrfs --rootdir instead of writing it through the kernel",
    "squashfs": "make squashfs the same way each time: one order of files, no fragments",
}

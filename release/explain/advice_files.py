"""Advice that comes from the content of files: packed modules, nested images, packing filesystems, noise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from release.explain.files import StoredFile, UnreadableError, by_path, content, unpack
from release.explain.images import Side
from release.explain.kinds import Kind, magic_of
from release.explain.report import Advice, Basis, Line
from release.explain.sampling import SAMPLE, Pair, sample
from release.explain.squashfs import parse_squashfs
from release.payload.profile import Profile

_PACKED_MODULE = re.compile(r"\.ko\.(xz|zst|gz)$")
_MODULE_CODECS = {"xz": "xz", "zst": "zstd"}
_RELEASE = re.compile(r"(^|/)modules/[^/]+/")
_LARGEST = 256 << 20
"""Bytes of the largest file that is compared as a whole."""
_MOST = 1 << 30
"""Bytes that are compared altogether."""


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of both images by path, the kernel's release taken out of it."""

    before: Side
    after: Side
    old: Mapping[str, StoredFile]
    new: Mapping[str, StoredFile]

    def contents(self, path: str, limit: int) -> tuple[bytes, bytes] | None:
        """A file before and after; None if it is new, larger than ``limit``, or not read here."""
        new = self.new.get(path)
        old = self.old.get(_normal(path))
        if new is None or old is None or max(new.size, old.size) > limit:
            return None
        try:
            return content(self.before.flat, old, limit), content(self.after.flat, new, limit)
        except UnreadableError:
            return None


def _normal(path: str) -> str:
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


def _files(before: Side, after: Side) -> _Files | None:
    if before.files is None or after.files is None:
        return None
    old = {_normal(file.path): file for file in before.files.files}
    return _Files(before, after, old, by_path(after.files.files))


def kernel_modules(
    before: Side, after: Side, items: Sequence[Line], profile: Profile, scratch: Path
) -> Iterator[Advice]:
    """What uncompressed modules would save: unpack some pairs, and build the delta between them."""
    files = _files(before, after)
    modules = [item for item in items if item.payload and _PACKED_MODULE.search(item.title)]
    cost = sum(item.payload for item in modules)
    dearest = _dearest(modules)
    if files is None or not cost:
        return

    def open_pair(index: int) -> Pair | None:
        path = dearest[index].title
        codec = _MODULE_CODECS.get(path.rpartition(".")[2])
        found = files.contents(path, SAMPLE)
        if found is None or codec is None:
            return None
        try:
            old, new = (unpack(data, codec, SAMPLE) for data in found)
        except UnreadableError:
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
    files = _files(before, after)
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


def nested_images(
    before: Side, after: Side, items: Sequence[Line], profile: Profile, scratch: Path
) -> Iterator[Advice]:
    """What uncompressed nested images and initrds would save. squashfs is looked into, others are told."""
    files = _files(before, after)
    kinds = {Kind.INITRD.value, Kind.NESTED.value}
    for item in items:
        if files is None or item.kind not in kinds or not item.payload:
            continue
        found = files.contents(item.title, _LARGEST)
        if found is None:
            continue
        old, new = found
        if magic_of(new) == magic_of(old) == "squashfs":
            yield from _nested_squashfs(item, old, new, profile, scratch)
        elif magic_of(new) in {"xz", "zstd", "gzip", "bzip2"}:
            yield Advice(
                title=f"pack {item.title} without compression",
                saving=None,
                basis=Basis.NOT_MEASURED,
                how=f"it is {magic_of(new)} as a whole and costs {item.payload:,} bytes",
            )


def _nested_squashfs(item: Line, old: bytes, new: bytes, profile: Profile, scratch: Path) -> Iterator[Advice]:
    old_flat, new_flat = (np.frombuffer(data, dtype=np.uint8) for data in (old, new))
    try:
        old_map, new_map = parse_squashfs(old_flat, item.title), parse_squashfs(new_flat, item.title)
    except UnreadableError:
        return
    if not new_map.packed:
        return
    before = {_normal(file.path): file for file in old_map.files}
    changed = [file for file in sorted(new_map.files, key=lambda file: file.path) if file.size]
    share = item.payload / max(1, sum(_stored(file) for file in changed))

    def open_pair(index: int) -> Pair | None:
        file = changed[index]
        partner = before.get(_normal(file.path))
        if partner is None or max(file.size, partner.size) > SAMPLE:
            return None
        try:
            was, now = content(old_flat, partner, SAMPLE), content(new_flat, file, SAMPLE)
        except UnreadableError:
            return None
        return Pair(was, now, int(share * _stored(file)), _stored(file))

    found = sample(len(changed), open_pair, profile, scratch)
    if found:
        yield Advice(
            title=f"pack {item.title} without compression",
            saving=found.saving(item.payload),
            basis=Basis.MEASURED,
            how=f"{found} (what a file inside costs now: its share of the image's {item.payload:,} bytes)",
        )


def _stored(file: StoredFile) -> int:
    return sum(high - low for low, high in (piece.span() for piece in file.pieces))


def unchanged_files(before: Side, after: Side, items: Sequence[Line]) -> Iterator[Advice]:
    """What files cost that are byte for byte the same in both images: noise of the way they were written."""
    files = _files(before, after)
    if files is None or after.files is None:
        return
    left, count, cost = _MOST, 0, 0
    for item in items:
        new = files.new.get(item.title)
        if not item.payload or new is None or new.size > min(left, _LARGEST):
            continue
        left -= new.size
        found = files.contents(item.title, _LARGEST)
        if found is not None and found[0] == found[1]:
            count, cost = count + 1, cost + item.payload
    yield Advice(
        title=_DETERMINISTIC.get(after.files.kind, "lay files out the same way in every build"),
        saving=cost,
        basis=Basis.MEASURED,
        how=f"{count:,} files have the same content in both images, and cost as much only because they are "
        "stored differently",
    )


_DETERMINISTIC = {
    "btrfs": "make the filesystem with mkfs.btrfs --rootdir instead of writing it through the kernel",
    "squashfs": "make squashfs the same way each time (one order of files, fragments off)",
}

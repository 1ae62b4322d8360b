"""A tree of files, images of it made by public tools, and payloads made by hand."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from release.digests import Digest
from release.payload import manifest as wire
from release.payload.container import encode_header
from release.payload.operations import BLOCK_SIZE, Extent, Info, Manifest, Operation, OperationType
from release.process import run

RELEASE = "6.12.1-test"


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311  test data


def prose(seed: int, size: int) -> bytes:
    words = [noise(number, 4).hex().encode() + b" " for number in range(64)]
    choice = random.Random(seed)  # noqa: S311  test data
    return b"".join(choice.choice(words) for _ in range(size // 9 + 1))[:size]


def contents() -> dict[str, bytes]:
    """Files that filesystems store in different ways: empty, small, large, packable and not."""
    files = {
        "bin/dense": noise(1, 300_000),
        "bin/tool": b"\x7fELF" + prose(2, 500_000),
        "lib/libsome.so.1": b"\x7fELF" + prose(3, 70_000),
        "share/empty": b"",
        "share/tiny": b"tiny\n",
        "share/block": noise(4, 4096),
        "share/two blocks": noise(5, 8192),
        "share/long/way/down/a file": prose(6, 5000),
        "share/wide": prose(7, 1_000_000),
    }
    for number in range(150):
        files[f"share/many/{number:03}.conf"] = prose(100 + number, 37 * number)
    return files


def make_tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (root / "share/link").symlink_to("tiny")
    os.link(root / "bin/tool", root / "bin/other name of tool")
    with (root / "share/holes").open("wb") as file:
        file.seek(200_000)
        file.write(noise(8, 5000))
    return root


def expected(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def ext(tree: Path, image: Path, *options: str) -> Path:
    run(["mke2fs", "-q", "-F", "-b", "4096", *options, "-d", tree, image, "16M"])
    return image


def ext2(tree: Path, image: Path) -> Path:
    """As Flatcar made them: no extents, and features that nobody knows, so that nobody writes."""
    ext(tree, image, "-t", "ext2")
    with image.open("r+b") as file:
        file.seek(0x467)
        file.write(b"\xff")
    return image


def ext4(tree: Path, image: Path) -> Path:
    return ext(tree, image, "-t", "ext4")


def squashfs(*options: str) -> Callable[[Path, Path], Path]:
    def make(tree: Path, image: Path) -> Path:
        run(["mksquashfs", tree, image, "-noappend", "-quiet", "-no-progress", *options])
        return image

    return make


def erofs(*options: str) -> Callable[[Path, Path], Path]:
    def make(tree: Path, image: Path) -> Path:
        run(["mkfs.erofs", *options, image, tree])
        return image

    return make


def btrfs(tree: Path, image: Path) -> Path:
    image.write_bytes(b"")
    os.truncate(image, 128 << 20)
    run(["mkfs.btrfs", "-q", "--mixed", "-m", "single", "-d", "single", "--rootdir", tree, image])
    return image


MAKERS: dict[str, Callable[[Path, Path], Path]] = {
    "ext2": ext2,
    "ext4": ext4,
    "squashfs-gzip": squashfs("-comp", "gzip"),
    "squashfs-xz": squashfs("-comp", "xz", "-b", "65536"),
    "squashfs-zstd": squashfs("-comp", "zstd"),
    "squashfs-plain": squashfs("-noI", "-noD", "-noF", "-noX"),
    "btrfs": btrfs,
    "erofs-plain": erofs(),
    "erofs-chunks": erofs("--chunksize=4096"),
    "erofs-lz4": erofs("-zlz4hc"),
    "erofs-lz4-large": erofs("-zlz4hc,12", "-C65536", "-Eztailpacking"),
    "erofs-lz4-legacy": erofs("-zlz4", "-Elegacy-compress"),
}


def operation(
    kind: OperationType,
    target: Sequence[tuple[int, int]],
    *,
    source: Sequence[tuple[int, int]] = (),
    data: bytes = b"",
) -> tuple[Operation, bytes]:
    src = tuple(Extent(*extent) for extent in source)
    dst = tuple(Extent(*extent) for extent in target)
    lengths = [sum(extent.count for extent in extents) * BLOCK_SIZE for extents in (src, dst)]
    found = Operation(
        type=kind,
        src_extents=src,
        src_length=lengths[0] or None,
        dst_extents=dst,
        dst_length=lengths[1],
        data_sha256=Digest.sha256(data).value if data else None,
    )
    return found, data


def write_payload(path: Path, operations: Sequence[tuple[Operation, bytes]], new: bytes) -> Path:
    """A payload of these operations. They need not make ``new``."""
    placed, blobs = [], b""
    for item, data in operations:
        at = len(blobs) if data else None
        placed.append(replace(item, data_offset=at, data_length=len(data)))
        blobs += data
    manifest = Manifest(operations=tuple(placed), new_partition=Info(len(new), Digest.sha256(new).value))
    encoded = wire.encode(manifest)
    path.write_bytes(encode_header(len(encoded)) + encoded + blobs)
    return path

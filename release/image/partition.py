"""Partition images: unpacked to whole blocks, and recognised by their superblocks."""

from __future__ import annotations

import bz2
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from release.atomic import replacing
from release.digests import FileDigests, HashingWriter, chunks
from release.errors import InputError, storage_errors

BLOCK_SIZE = 4096
"""Bytes of the unit that payloads count in."""

_BZIP2 = b"BZh"
_BZIP2_BLOCKS = (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")
"""What follows the level digit: a first block, or the end mark of an empty stream."""
_STEP = 1 << 20
_SUPERBLOCK_REACH = 0x10000 + 0x1000


@dataclass(frozen=True, slots=True)
class Filesystem:
    """What a superblock says: a kind and how many bytes it claims."""

    kind: str
    size: int


def unpack_image(source: Path, target: Path) -> FileDigests:
    """Write the raw image that ``source`` is, or is the bzip2 of, to ``target``, atomically.

    What it is, is told by its first bytes, not by its name. Several bzip2 streams one after another
    count as one (pbzip2, lbzip2). Memory is bounded by a few MiB.

    Returns:
        Size in bytes and SHA-256 of the raw image.

    Raises:
        InputError: missing, empty, truncated or damaged bzip2, other bytes behind it, or not whole
            blocks of 4096 bytes. ``target`` is then as it was.
        StorageFullError: no space for ``target``.
    """
    with storage_errors(source), source.open("rb") as packed, replacing(target) as raw:
        writer = HashingWriter(raw)
        for data in _raw_bytes(packed, source):
            writer.write(data)
        measured = writer.hasher.result()
        _check_blocks(measured.size, source)
    return measured


def filesystem_of(path: Path) -> str | None:
    """The kind of filesystem an image seems to hold: a hint, nothing is checked beyond the magic.

    Returns:
        ``"ext4"`` (ext2 and ext3 as well), ``"squashfs"``, ``"btrfs"``, ``"erofs"``, or None.
    """
    found = superblock_of(path)
    return found.kind if found else None


def superblock_of(path: Path) -> Filesystem | None:
    """Kind and claimed size of the filesystem in an image; None when no superblock is recognised.

    Field offsets: Linux ``fs/ext4/ext4.h``, ``fs/squashfs/squashfs_fs.h``, ``btrfs_tree.h``,
    ``fs/erofs/erofs_fs.h``. Checksums are not verified, the claim may be wrong.
    """
    with storage_errors(path), path.open("rb") as image:
        head = image.read(_SUPERBLOCK_REACH)
    head = head.ljust(_SUPERBLOCK_REACH, b"\0")
    if head[0x438:0x43A] == b"\x53\xef":
        blocks, shift = struct.unpack_from("<I", head, 0x404)[0], struct.unpack_from("<I", head, 0x418)[0]
        return Filesystem("ext4", blocks << (10 + min(shift, 6)))
    if head[:4] == b"hsqs":
        return Filesystem("squashfs", struct.unpack_from("<Q", head, 40)[0])
    if head[0x10040:0x10048] == b"_BHRfS_M":
        return Filesystem("btrfs", struct.unpack_from("<Q", head, 0x10070)[0])
    if head[0x400:0x404] == b"\xe2\xe1\xf5\xe0":
        bits, blocks = head[0x40C], struct.unpack_from("<I", head, 0x424)[0]
        return Filesystem("erofs", blocks << min(bits, 16))
    return None


def _raw_bytes(packed: BinaryIO, source: Path) -> Iterator[bytes]:
    magic = packed.read(10)
    packed.seek(0)
    if magic[:3] == _BZIP2 and magic[3:4] in b"123456789" and magic[4:] in _BZIP2_BLOCKS:
        return _bunzip2(packed, source)
    return chunks(packed)


def _bunzip2(packed: BinaryIO, source: Path) -> Iterator[bytes]:
    stream = bz2.BZ2Decompressor()
    for data in chunks(packed):
        pending = data
        while pending:
            if stream.eof:
                stream = bz2.BZ2Decompressor()
            try:
                raw = stream.decompress(pending, _STEP)
                while raw or not (stream.needs_input or stream.eof):
                    yield raw
                    raw = b"" if stream.eof else stream.decompress(b"", _STEP)
            except OSError as error:  # what bz2 raises for bytes that are not bzip2
                raise InputError(f"{source}: damaged bzip2, or other bytes behind it: {error}") from error
            pending = stream.unused_data if stream.eof else b""
    if not stream.eof:
        raise InputError(f"{source}: the bzip2 data ends too early; the file is truncated")


def _check_blocks(size: int, source: Path) -> None:
    if size == 0:
        raise InputError(f"{source}: expected an image, found no bytes")
    if size % BLOCK_SIZE:
        raise InputError(f"{source}: expected whole blocks of {BLOCK_SIZE} bytes, found {size} bytes")

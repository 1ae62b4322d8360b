"""Files of a btrfs on one device, read without mounting.

Format: ``include/uapi/linux/btrfs_tree.h`` of Linux and the "On-disk Format" page of btrfs' documentation.
Checksums are not verified. Only the default subvolume is listed; what others hold counts as metadata.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from release.explain.files import FileMap, Flat, Piece, StoredFile, UnreadableError
from release.payload.image_blocks import map_file

_SUPER: Final = 0x10000
_SUPERBLOCKS = (0x10000, 0x4000000)
_SUPER_SIZE = 4096
_CHUNK_ARRAY, _ARRAY_END = 811, 811 + 2048
_HEADER: Final = 101
_KEY, _ITEM, _POINTER = struct.Struct("<QBQ"), struct.Struct("<QBQII"), struct.Struct("<QBQQQ")
_CHUNK, _STRIPE = struct.Struct("<QQQQIIIHH"), struct.Struct("<QQ16s")
_NAMED = struct.Struct("<QBQQHHB")
_EXTENT, _REGULAR = struct.Struct("<QQBBHB"), struct.Struct("<QQQQ")
_INODE, _NAME, _DIR_ITEM, _EXTENT_DATA = 1, 96, 84, 108
_ROOT_ITEM, _EXTENT_ITEM, _METADATA_ITEM, _CHUNK_ITEM = 132, 168, 169, 228
_EXTENT_TREE, _FS_TREE, _TOP = 2, 5, 256
_DUP = 1 << 5
_STRIPED = 0b11_1101_1000
"""Chunk types that spread data over several stripes: RAID 0, 1, 10, 5, 6, 1C3, 1C4."""
_CODECS = {0: "", 1: "zlib", 2: "lzo", 3: "zstd"}
_NODES = 1 << 20
"""Nodes of all trees together: 16 GiB of metadata."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One item of a tree: its key, its data, and where in the image these are."""

    owner: int
    kind: int
    offset: int
    data: bytes
    place: int


@dataclass(slots=True)
class _Inode:
    size: int = 0
    mode: int = 0
    pieces: list[Piece] = field(default_factory=list)


def read_btrfs(path: Path) -> FileMap:
    """The files of the btrfs at the start of ``path``, and what is free in it. Raises UnreadableError."""
    try:
        return _Reader(map_file(path), str(path)).read()
    except (struct.error, IndexError, KeyError, OverflowError, ValueError) as error:
        raise UnreadableError(f"{path}: damaged btrfs: {error}") from error


class _Reader:
    def __init__(self, image: Flat, where: str) -> None:
        self._image, self._where = image, where
        self._super = image[_SUPER : _SUPER + _SUPER_SIZE].tobytes()
        self._generation, self._root, self._chunk_root = struct.unpack_from("<3Q", self._super, 72)
        (self._bytes,) = struct.unpack_from("<Q", self._super, 112)
        self._sector, self._node = struct.unpack_from("<2I", self._super, 144)
        if self._node not in {1 << bits for bits in range(12, 17)} or self._bytes > len(image):
            raise UnreadableError(f"{where}: a btrfs that does not fit into the image")
        self._left = _NODES
        self._chunks: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._starts: list[int] = []
        self._read_chunks()

    def read(self) -> FileMap:
        roots = self._read_roots()
        files = tuple(self._files(roots[roots.get(-1, _FS_TREE)]))
        return FileMap(
            kind="btrfs",
            size=self._bytes,
            files=files,
            free=tuple(self._free(roots[_EXTENT_TREE])),
            packed=any(piece.codec for file in files for piece in file.pieces),
            facts={"generation": self._generation},
        )

    def _read_chunks(self) -> None:
        """Where logical addresses lie: first those of the chunk tree, then all."""
        (size,) = struct.unpack_from("<I", self._super, 160)
        position, end = _CHUNK_ARRAY, min(_CHUNK_ARRAY + size, _ARRAY_END)
        while position < end:
            _, _, logical = _KEY.unpack_from(self._super, position)
            position = self._add_chunk(logical, self._super, position + _KEY.size)
        for item in list(self._items(self._chunk_root)):
            if item.kind == _CHUNK_ITEM:
                self._add_chunk(item.offset, item.data, 0)

    def _add_chunk(self, logical: int, data: bytes, position: int) -> int:
        length, _, _, kind, _, _, _, count, _ = _CHUNK.unpack_from(data, position)
        if kind & _STRIPED or count > (2 if kind & _DUP else 1):
            raise UnreadableError(f"{self._where}: btrfs spread over several stripes is not read here")
        position += _CHUNK.size
        places = [_STRIPE.unpack_from(data, position + number * _STRIPE.size)[1] for number in range(count)]
        self._chunks[logical] = (length, tuple(places))
        self._starts = sorted(self._chunks)
        end: int = position + count * _STRIPE.size
        return end

    def _places(self, logical: int) -> tuple[int, ...]:
        """Every place in the image that holds a logical address."""
        index = bisect_right(self._starts, logical) - 1
        if index >= 0:
            start = self._starts[index]
            length, places = self._chunks[start]
            if logical < start + length:
                return tuple(place + logical - start for place in places)
        raise ValueError(f"no chunk holds address {logical}")

    def _items(self, logical: int, level: int = 8) -> Iterator[_Leaf]:
        """All items of a tree in order of their keys."""
        self._left -= 1
        place = self._places(logical)[0]
        node = self._image[place : place + self._node].tobytes()
        count, found = struct.unpack_from("<IB", node, 96)
        if found >= level or self._left < 0 or len(node) < self._node:
            raise ValueError(f"a node at {place} is out of place")
        for index in range(count):
            if found:
                pointer = _POINTER.unpack_from(node, _HEADER + index * _POINTER.size)
                yield from self._items(pointer[3], found)
            else:
                owner, kind, offset, start, size = _ITEM.unpack_from(node, _HEADER + index * _ITEM.size)
                start += _HEADER
                yield _Leaf(owner, kind, offset, node[start : start + size], place + start)

    def _read_roots(self) -> dict[int, int]:
        """The address of each tree; under -1 the number of the default subvolume's."""
        roots: dict[int, int] = {}
        for item in self._items(self._root):
            if item.kind == _ROOT_ITEM:
                (roots[item.owner],) = struct.unpack_from("<Q", item.data, 176)
            elif item.kind == _DIR_ITEM and item.data[_NAMED.size :].startswith(b"default"):
                roots[-1] = _NAMED.unpack_from(item.data)[0]
        return roots

    def _files(self, root: int) -> Iterator[StoredFile]:
        inodes: dict[int, _Inode] = {}
        names: dict[int, list[tuple[int, str]]] = {}
        for item in self._items(root):
            if item.kind == _INODE:
                inode = inodes.setdefault(item.owner, _Inode())
                (inode.size,) = struct.unpack_from("<Q", item.data, 16)
                (inode.mode,) = struct.unpack_from("<I", item.data, 52)
            elif item.kind == _NAME:
                child, kind, _, _, _, length, _ = _NAMED.unpack_from(item.data)
                name = item.data[_NAMED.size : _NAMED.size + length].decode("utf-8", "backslashreplace")
                if kind == _INODE:
                    names.setdefault(item.owner, []).append((child, name))
            elif item.kind == _EXTENT_DATA:
                piece = self._piece(item)
                if piece is not None:
                    inodes.setdefault(item.owner, _Inode()).pieces.append(piece)
        pending = [(_TOP, "")]
        while pending:
            directory, prefix = pending.pop()
            for child, name in names.pop(directory, []):
                inode = inodes.get(child, _Inode())
                if inode.mode & 0o170000 == 0o100000:
                    yield StoredFile(prefix + name, inode.size, tuple(inode.pieces))
                pending.append((child, f"{prefix}{name}/"))

    def _piece(self, item: _Leaf) -> Piece | None:
        """A part of a file; None for a hole or what is only set aside."""
        _, unpacked, packing, _, _, kind = _EXTENT.unpack_from(item.data)
        codec = _CODECS.get(packing, "unknown")
        if kind == 0:
            return Piece(
                at=item.offset,
                length=unpacked,
                start=item.place + _EXTENT.size,
                stored=len(item.data) - _EXTENT.size,
                codec=codec,
            )
        address, stored, skip, length = _REGULAR.unpack_from(item.data, _EXTENT.size)
        if kind != 1 or not address:
            return None
        return Piece(
            at=item.offset,
            length=length,
            start=self._places(address)[0],
            stored=stored,
            skip=skip,
            unpacked=unpacked,
            codec=codec,
        )

    def _free(self, root: int) -> Iterator[tuple[int, int]]:
        """What neither an extent, nor a node, nor a superblock takes up."""
        used = [(place, place + _SUPER_SIZE) for place in _SUPERBLOCKS]
        for item in self._items(root):
            if item.kind in {_EXTENT_ITEM, _METADATA_ITEM}:
                size = item.offset if item.kind == _EXTENT_ITEM else self._node
                used += [(place, place + size) for place in self._places(item.owner)]
        end = 0
        for low, high in sorted(used):
            if end < min(low, self._bytes):
                yield end, min(low, self._bytes)
            end = max(end, high)
        if end < self._bytes:
            yield end, self._bytes

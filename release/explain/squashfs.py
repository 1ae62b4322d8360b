"""Files of a squashfs image (version 4.0, little-endian), read without mounting.

Format: ``Documentation/filesystems/squashfs.rst`` and ``fs/squashfs/squashfs_fs.h`` of Linux. Metadata
packed with gzip, xz or zstd are read, lz4, lzo and lzma are not.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release.explain.files import FileMap, Flat, Piece, StoredFile, UnreadableError, unpack
from release.payload.image_blocks import map_file

_SUPERBLOCK = struct.Struct("<4sIIIIHHHHHHQQQQQQQQ")
_CODECS = {1: "zlib", 4: "xz", 6: "zstd"}
_META: Final = 8192
_META_LIMIT = 256 << 20
_PLAIN_META = 0x8000
_PLAIN_DATA = 1 << 24
_NO_FRAGMENT = 0xFFFFFFFF
_FILES = 1_000_000
_BASE = struct.Struct("<HHHHII")
_FILE, _LONG_FILE = struct.Struct("<IIII"), struct.Struct("<QQQIIII")
_DIRECTORY, _LONG_DIRECTORY = struct.Struct("<IIHHI"), struct.Struct("<IIIIHHI")
_HEADER, _ENTRY = struct.Struct("<III"), struct.Struct("<HhHH")


@dataclass(frozen=True, slots=True)
class _Node:
    """An inode: a directory with its listing, or a file with its pieces. Others have neither."""

    size: int = 0
    listing: tuple[int, int] | None = None
    pieces: tuple[Piece, ...] | None = None


def read_squashfs(path: Path) -> FileMap:
    """The files of the squashfs at the start of ``path``. Raises UnreadableError."""
    return parse_squashfs(map_file(path), str(path))


def parse_squashfs(image: Flat, where: str) -> FileMap:
    """The files of the squashfs that ``image`` begins with. Raises UnreadableError with ``where``."""
    try:
        return _Reader(image, where).read()
    except (struct.error, IndexError, OverflowError, ValueError) as error:
        raise UnreadableError(f"{where}: damaged squashfs: {error}") from error


class _Meta:
    """A stream of metadata blocks from one place of the image on; unpacked as it is read."""

    def __init__(self, image: Flat, start: int, codec: str) -> None:
        self._image, self._codec = image, codec
        self._next = start
        self._start = start
        self._places: dict[int, int] = {}
        self.data = bytearray()

    def at(self, block: int, offset: int) -> int:
        """Where a reference (bytes from the start to a block, offset in the block) lies in ``data``."""
        place = self._start + block
        while place not in self._places and self._next <= place:
            self._load()
        return self._places[place] + offset if place in self._places else self._fail(block)

    def _fail(self, block: int) -> int:
        raise ValueError(f"no metadata block at {block}")

    def take(self, position: int, size: int) -> bytes:
        """``size`` bytes from ``position`` on."""
        while len(self.data) < position + size:
            self._load()
        return bytes(self.data[position : position + size])

    def _load(self) -> None:
        head = int.from_bytes(self._image[self._next : self._next + 2].tobytes(), "little")
        size = head & ~_PLAIN_META
        if len(self.data) > _META_LIMIT:
            raise ValueError("more metadata than there can be")
        if not size or self._next + 2 + size > len(self._image):
            raise ValueError(f"a metadata block at {self._next} does not fit")
        packed = self._image[self._next + 2 : self._next + 2 + size].tobytes()
        self._places[self._next] = len(self.data)
        self.data += packed if head & _PLAIN_META else unpack(packed, self._codec, _META)
        self._next += 2 + size


class _Reader:
    def __init__(self, image: Flat, where: str) -> None:
        fields = _SUPERBLOCK.unpack_from(image[: _SUPERBLOCK.size].tobytes())
        magic, _, _, self._block, self._fragment_count, codec, _, _, _, major, _ = fields[:11]
        self._root, self._bytes, _, _, inodes, directories, self._fragments, _ = fields[11:]
        if magic != b"hsqs" or major != 4 or not 4096 <= self._block <= 1 << 20:
            raise UnreadableError(f"{where}: expected squashfs 4.0, found version {major}")
        if codec not in _CODECS:
            raise UnreadableError(f"{where}: squashfs packed with codec {codec}, which is not read here")
        self._image, self._codec, self._where = image, _CODECS[codec], where
        self._inodes = _Meta(image, inodes, self._codec)
        self._directories = _Meta(image, directories, self._codec)
        self._fragment_table = self._read_fragments()

    def read(self) -> FileMap:
        files = tuple(
            StoredFile(path, node.size, node.pieces) for path, node in self._walk() if node.pieces is not None
        )
        packed = any(piece.codec for file in files for piece in file.pieces)
        return FileMap(kind="squashfs", size=self._bytes, files=self._shared(files), packed=packed)

    def _shared(self, files: tuple[StoredFile, ...]) -> tuple[StoredFile, ...]:
        """Give the pieces in fragments the unpacked size of their fragment: the furthest use of it."""
        reach: dict[int, int] = {}
        for file in files:
            for piece in file.pieces:
                reach[piece.start] = max(reach.get(piece.start, 0), piece.skip + piece.length)
        return tuple(
            StoredFile(
                file.path,
                file.size,
                tuple(
                    Piece(
                        at=piece.at,
                        length=piece.length,
                        start=piece.start,
                        stored=piece.stored,
                        skip=piece.skip,
                        unpacked=reach[piece.start],
                        codec=piece.codec,
                    )
                    for piece in file.pieces
                ),
            )
            for file in files
        )

    def _walk(self) -> Iterator[tuple[str, _Node]]:
        pending = [("", self._node(self._root >> 16, self._root & 0xFFFF))]
        count = 0
        while pending:
            path, node = pending.pop()
            count += 1
            if count > _FILES:
                raise UnreadableError(f"{self._where}: more than {_FILES} files")
            if node.listing is None:
                yield path, node
                continue
            for name, block, offset in self._entries(*node.listing, node.size):
                pending.append((f"{path}/{name}" if path else name, self._node(block, offset)))

    def _entries(self, block: int, offset: int, size: int) -> Iterator[tuple[str, int, int]]:
        if size <= 3:  # the size counts "." and "..", which are not stored
            return
        position = self._directories.at(block, offset)
        end = position + size - 3
        while position < end:
            count, inode_block, _ = _HEADER.unpack(self._directories.take(position, _HEADER.size))
            position += _HEADER.size
            for _ in range(count + 1):
                inode_offset, _, _, length = _ENTRY.unpack(self._directories.take(position, _ENTRY.size))
                name = self._directories.take(position + _ENTRY.size, length + 1)
                position += _ENTRY.size + length + 1
                yield name.decode("utf-8", "backslashreplace"), inode_block, inode_offset

    def _node(self, block: int, offset: int) -> _Node:
        position = self._inodes.at(block, offset)
        kind = _BASE.unpack(self._inodes.take(position, _BASE.size))[0]
        body = position + _BASE.size
        if kind == 1:
            start, _, size, at, _ = _DIRECTORY.unpack(self._inodes.take(body, _DIRECTORY.size))
            return _Node(size, (start, at))
        if kind == 8:
            _, size, start, _, _, at, _ = _LONG_DIRECTORY.unpack(
                self._inodes.take(body, _LONG_DIRECTORY.size)
            )
            return _Node(size, (start, at))
        if kind == 2:
            start, fragment, at, size = _FILE.unpack(self._inodes.take(body, _FILE.size))
            return self._file(start, size, fragment, at, body + _FILE.size)
        if kind == 9:
            fields = _LONG_FILE.unpack(self._inodes.take(body, _LONG_FILE.size))
            start, size, _, _, fragment, at, _ = fields
            return self._file(start, size, fragment, at, body + _LONG_FILE.size)
        return _Node()

    def _file(self, start: int, size: int, fragment: int, at: int, sizes: int) -> _Node:
        whole = size // self._block if fragment != _NO_FRAGMENT else -(-size // self._block)
        pieces = []
        stored = struct.unpack(f"<{whole}I", self._inodes.take(sizes, 4 * whole))
        for number, entry in enumerate(stored):
            length = min(self._block, size - number * self._block)
            run = entry & ~_PLAIN_DATA
            if run:
                codec = "" if entry & _PLAIN_DATA else self._codec
                pieces.append(
                    Piece(at=number * self._block, length=length, start=start, stored=run, codec=codec)
                )
            start += run
        if fragment != _NO_FRAGMENT:
            begin, entry = self._fragment_table[fragment]
            pieces.append(
                Piece(
                    at=whole * self._block,
                    length=size - whole * self._block,
                    start=begin,
                    stored=entry & ~_PLAIN_DATA,
                    skip=at,
                    codec="" if entry & _PLAIN_DATA else self._codec,
                )
            )
        return _Node(size, None, tuple(pieces))

    def _read_fragments(self) -> list[tuple[int, int]]:
        """Start and size (with its flag) of each fragment."""
        table: list[tuple[int, int]] = []
        for number in range(-(-self._fragment_count // 512)):
            index = self._fragments + 8 * number
            place = int.from_bytes(self._image[index : index + 8].tobytes(), "little")
            count = min(512, self._fragment_count - 512 * number)
            data = _Meta(self._image, place, self._codec).take(0, 16 * count)
            table += [(start, size) for start, size, _ in struct.iter_unpack("<QII", data)]
        return table

"""Files of an erofs image, read without mounting.

Format: ``Documentation/filesystems/erofs.rst`` and ``fs/erofs/erofs_fs.h`` of Linux. Debian 12's
``dump.erofs`` knows neither fragments nor an option that lists all files, so it is of no help. Where
packed files lie is found; they are not unpacked.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release.explain.erofs_packed import PackedRun, Packing, packed_runs
from release.explain.files import FileMap, Flat, Piece, StoredFile, UnreadableError, content
from release.payload.image_blocks import map_file

_SUPER: Final = 1024
_COMPACT, _EXTENDED = struct.Struct("<HHHHIIIIHHI"), struct.Struct("<HHHHQIIIIQII16s")
_DIRENT = struct.Struct("<QHBB")
_PLAIN, _FULL, _INLINE, _PACKED, _CHUNKS = range(5)
_NO_BLOCK = 0xFFFFFFFF
_HAS_TAILS = 0x20
_CODEC = "erofs' own"
_FILES = 1_000_000
_DIRECTORY_LIMIT = 16 << 20


@dataclass(frozen=True, slots=True)
class _Inode:
    """What the inode at byte ``place`` says; ``body`` is the byte behind it and its attributes."""

    layout: int
    mode: int
    size: int
    data: int
    body: int


def read_erofs(path: Path) -> FileMap:
    """The files of the erofs at the start of ``path``. Raises UnreadableError."""
    try:
        return _Reader(map_file(path), str(path)).read()
    except (struct.error, IndexError, OverflowError, ValueError) as error:
        raise UnreadableError(f"{path}: damaged erofs: {error}") from error


class _Reader:
    def __init__(self, image: Flat, where: str) -> None:
        self._image, self._where = image, where
        head = image[_SUPER : _SUPER + 128].tobytes()
        self._bits, (self._root,) = head[12], struct.unpack_from("<H", head, 14)
        blocks, self._meta = struct.unpack_from("<2I", head, 36)
        (self._tails,) = struct.unpack_from("<Q", head, 96)
        (self._features,) = struct.unpack_from("<I", head, 80)
        if not 9 <= self._bits <= 16:
            raise UnreadableError(f"{where}: erofs with blocks of 2^{self._bits} bytes")
        self._bytes = blocks << self._bits
        self._tail_runs: list[PackedRun] = []

    def read(self) -> FileMap:
        if self._features & _HAS_TAILS:
            self._tail_runs = list(packed_runs(self._image, self._packing(self._inode(self._tails))))
        files = tuple(self._walk())
        packed = any(piece.codec for file in files for piece in file.pieces)
        return FileMap(kind="erofs", size=self._bytes, files=files, packed=packed)

    def _inode(self, number: int) -> _Inode:
        place = (self._meta << self._bits) + 32 * number
        head = self._image[place : place + 64].tobytes()
        form, attributes, mode = struct.unpack_from("<3H", head)
        extended = form & 1
        fields = (_EXTENDED if extended else _COMPACT).unpack_from(head)
        size = fields[4]
        data = fields[5] if extended else fields[6]
        body = place + (_EXTENDED if extended else _COMPACT).size
        body += 12 + 4 * (attributes - 1) if attributes else 0
        return _Inode(form >> 1 & 7, mode, size, data, body)

    def _walk(self) -> Iterator[StoredFile]:
        pending = [("", self._root)]
        seen: set[int] = set()
        count = 0
        while pending:
            prefix, number = pending.pop()
            if number in seen:
                continue
            seen.add(number)
            for name, child, kind in self._entries(prefix, number):
                count += 1
                if count > _FILES:
                    raise UnreadableError(f"{self._where}: more than {_FILES} files")
                if kind == 2:
                    pending.append((f"{prefix}{name}/", child))
                elif kind == 1:
                    yield self._file(prefix + name, self._inode(child))

    def _entries(self, path: str, number: int) -> Iterator[tuple[str, int, int]]:
        directory = self._file(path, self._inode(number))
        data = content(self._image, directory, _DIRECTORY_LIMIT)
        for start in range(0, len(data), 1 << self._bits):
            yield from _listing(data[start : start + (1 << self._bits)])

    def _file(self, path: str, inode: _Inode) -> StoredFile:
        if inode.layout in {_FULL, _PACKED}:
            return StoredFile(path, inode.size, tuple(self._packed(inode)))
        if inode.layout == _CHUNKS:
            return StoredFile(path, inode.size, tuple(self._chunks(inode)))
        if inode.layout not in {_PLAIN, _INLINE}:
            raise UnreadableError(f"{self._where}: {path}: erofs layout {inode.layout} is not read here")
        tail = inode.size % (1 << self._bits) if inode.layout == _INLINE else 0
        pieces = []
        if inode.size > tail:
            stored = -(-(inode.size - tail) >> self._bits) << self._bits if not tail else inode.size - tail
            start = inode.data << self._bits
            pieces.append(Piece(at=0, length=inode.size - tail, start=start, stored=stored))
        if tail:
            pieces.append(Piece(at=inode.size - tail, length=tail, start=inode.body, stored=tail))
        return StoredFile(path, inode.size, tuple(pieces))

    def _chunks(self, inode: _Inode) -> Iterator[Piece]:
        step = 1 << (self._bits + (inode.data & 31))
        width = 8 if inode.data & 32 else 4
        table = -(-inode.body // width) * width
        for number in range(-(-inode.size // step)):
            entry = table + number * width
            (block,) = struct.unpack_from("<I", self._image[entry : entry + width].tobytes(), width - 4)
            if block != _NO_BLOCK:
                length = min(step, inode.size - number * step)
                stored = -(-length >> self._bits) << self._bits
                yield Piece(at=number * step, length=length, start=block << self._bits, stored=stored)

    def _packing(self, inode: _Inode) -> Packing:
        return Packing(size=inode.size, body=inode.body, full=inode.layout == _FULL, bits=self._bits)

    def _packed(self, inode: _Inode) -> Iterator[Piece]:
        for run in packed_runs(self._image, self._packing(inode)):
            if run.tail:
                yield from self._in_tails(run)
            else:
                yield Piece(at=run.at, length=run.length, start=run.start, stored=run.stored, codec=_CODEC)

    def _in_tails(self, part: PackedRun) -> Iterator[Piece]:
        """Where a part of a file lies that the common file of tails holds."""
        first = bisect_right(self._tail_runs, part.start, key=lambda run: run.at) - 1
        for run in self._tail_runs[max(first, 0) :]:
            low, high = max(run.at, part.start), min(run.at + run.length, part.start + part.length)
            if low >= high:
                break
            yield Piece(
                at=part.at + low - part.start,
                length=high - low,
                start=run.start,
                stored=run.stored,
                skip=low - run.at,
                unpacked=run.length,
                codec=_CODEC,
            )


def _listing(block: bytes) -> Iterator[tuple[str, int, int]]:
    """Names with inode numbers and types in one block of a directory, without "." and ".."."""
    if len(block) < _DIRENT.size:
        return
    count = _DIRENT.unpack_from(block)[1] // _DIRENT.size
    entries = [_DIRENT.unpack_from(block, index * _DIRENT.size) for index in range(count)]
    ends = [entry[1] for entry in entries[1:]] + [len(block)]
    for (number, start, kind, _), end in zip(entries, ends, strict=True):
        name = block[start:end].split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
        if name not in {".", ".."}:
            yield name, number, kind

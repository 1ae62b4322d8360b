"""The file an update is applied to: read and written in blocks, in place, as the client does.

It remembers which blocks hold known content, so that nothing can depend on what happened to be there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from release.digests import CHUNK_SIZE, FileDigests
from release.errors import UnavailableError, storage_errors
from release.payload.copying import Report, hash_start
from release.payload.extents import block_count, byte_ranges
from release.payload.operations import HOLE, Extent
from release.payload.rules import PayloadFormatError, Rule
from release.payload.structure import first_false

_READ_FLOOR = 16 << 20
"""Bytes that one operation may read of a target that is smaller: blocks may be listed many times."""

Bytes = npt.NDArray[np.uint8]


class Target:
    """A file of ``blocks`` blocks of ``block_size`` bytes, of which the first ``known`` hold the source.

    Writes with ``pwrite``, so that a full disk is an error and not a signal. Takes one byte of memory
    per block.
    """

    def __init__(self, file: BinaryIO, path: Path, *, block_size: int, blocks: int, known: int) -> None:
        self._descriptor = file.fileno()
        self._path = path
        self.block_size = block_size
        self.blocks = blocks
        self._known = np.zeros(blocks, dtype=np.bool_)
        self._known[:known] = True
        with storage_errors(path):
            os.ftruncate(self._descriptor, blocks * block_size)

    def read(self, extents: Sequence[Extent], length: int, where: str) -> Bytes:
        """The first ``length`` bytes of ``extents``, which hold at least as many.

        Raises:
            PayloadFormatError: a block is outside the target, nothing has written it, or there are more
                blocks than the target has and 16 MiB.
        """
        self._check_source(extents, where)
        result = np.empty(length, dtype=np.uint8)
        at = 0
        for offset, count in byte_ranges(extents, self.block_size, length):
            self._fill(result[at : at + count].data, offset)
            at += count
        return result

    def move(self, src: Sequence[Extent], dst: Sequence[Extent], where: str) -> None:
        """Copy the blocks of ``src`` to ``dst``, as if all were read before the first is written.

        Takes memory for all of them if the two overlap.

        Raises:
            PayloadFormatError: as ``read`` and ``ExtentWriter.write`` do.
        """
        self._check_source(src, where)
        size = block_count(src) * self.block_size
        writer = self.writer(dst, where)
        if size <= CHUNK_SIZE or overlap(src, dst):
            writer.write(self.read(src, size, where).data)
            return
        buffer = memoryview(bytearray(CHUNK_SIZE))
        for offset, count in byte_ranges(src, self.block_size, size):
            for start in range(offset, offset + count, CHUNK_SIZE):
                piece = buffer[: min(CHUNK_SIZE, offset + count - start)]
                self._fill(piece, start)
                writer.write(piece)

    def first_unknown(self, blocks: int) -> int | None:
        """The first of the first ``blocks`` blocks that nothing has written."""
        return first_false(self._known[:blocks])

    def truncate(self, size: int) -> None:
        """Cut the file to ``size`` bytes."""
        with storage_errors(self._path):
            os.ftruncate(self._descriptor, size)

    def digest(self, size: int, report: Report) -> FileDigests:
        """Size and SHA-256 of the first ``size`` bytes."""
        return hash_start(self._descriptor, size, self._path, report)

    def put(self, offset: int, data: memoryview) -> None:
        """Write ``data`` at ``offset`` and remember the blocks as known. Both are checked by the writer."""
        with storage_errors(self._path):
            written = 0
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], offset + written)
        first = offset // self.block_size
        self._known[first : -(-(offset + len(data)) // self.block_size)] = True

    def _fill(self, buffer: memoryview, offset: int) -> None:
        """Read from ``offset`` until ``buffer`` is full; the file is as long as the target."""
        while buffer:
            with storage_errors(self._path):
                count = os.preadv(self._descriptor, [buffer], offset)
            if not count:
                raise UnavailableError(f"{self._path}: became shorter while it was written")
            buffer = buffer[count:]
            offset += count

    def _check_source(self, extents: Sequence[Extent], where: str) -> None:
        for extent in extents:
            if extent.end > self.blocks:
                raise PayloadFormatError(
                    Rule.EXTENTS,
                    f"{where}: expected blocks below {self.blocks}, found {extent}",
                    hint="a delta applies to the image it was made from, and to no smaller one",
                )
            if not self._known[extent.start : extent.end].all():
                raise PayloadFormatError(
                    Rule.SOURCE_NEEDED,
                    f"{where}: reads blocks of {extent} that neither source nor payload has written: "
                    "it needs the source image it was made from",
                )
        size = block_count(extents) * self.block_size
        if size > max(self.blocks * self.block_size, _READ_FLOOR):
            raise PayloadFormatError(
                Rule.WORK, f"{where}: reads {size} bytes of a target of {self.blocks * self.block_size}"
            )

    def writer(self, extents: Sequence[Extent], where: str) -> ExtentWriter:
        """A writer of bytes into ``extents``."""
        return ExtentWriter(self, extents, where)


class ExtentWriter:
    """Writes a stream of bytes into extents, in their order; bytes for a hole are dropped.

    Extents may reach past the target as long as no data do: the last operation of a full payload by
    the reference generator always names a whole chunk.
    """

    def __init__(self, target: Target, extents: Sequence[Extent], where: str) -> None:
        self._target = target
        self._where = where
        self._extents = iter(extents)
        self._hole = False
        self._offset = self._room = 0

    def write(self, data: bytes | memoryview) -> None:
        """Write all of ``data``. Raises rule ``blob-length`` or ``extents`` if it does not fit."""
        view = memoryview(data)
        while view:
            if not self._room:
                self._next()
            part = view[: self._room]
            if not self._hole:
                end = self._offset + len(part)
                if end > self._target.blocks * self._target.block_size:
                    raise PayloadFormatError(
                        Rule.EXTENTS,
                        f"{self._where}: writes up to byte {end}, past the end of the "
                        f"{self._target.blocks * self._target.block_size} bytes of the target",
                    )
                self._target.put(self._offset, part)
            self._offset += len(part)
            self._room -= len(part)
            view = view[len(part) :]

    def close(self) -> None:
        """Fill the rest of the current block with zeros; further blocks stay as they are."""
        rest = -self._offset % self._target.block_size
        if rest:
            self.write(bytes(rest))

    def _next(self) -> None:
        extent = next(self._extents, None)
        if extent is None:
            raise PayloadFormatError(Rule.BLOB_LENGTH, f"{self._where}: more data than its extents hold")
        self._hole = extent.start == HOLE
        self._offset = 0 if self._hole else extent.start * self._target.block_size
        self._room = extent.count * self._target.block_size


def overlap(one: Sequence[Extent], other: Sequence[Extent]) -> bool:
    """Whether a block lies in both lists."""
    marked = sorted(
        (extent.start, extent.end, side) for side, list_ in enumerate((one, other)) for extent in list_
    )
    ends = [0, 0]
    for start, end, side in marked:
        if start < ends[1 - side]:
            return True
        ends[side] = max(ends[side], end)
    return False

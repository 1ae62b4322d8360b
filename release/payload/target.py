"""The file an update is applied to: read and written in blocks, in place, as the client does.

It remembers which blocks hold known content, so that nothing can depend on what happened to be there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from release.digests import CHUNK_SIZE, Digest, FileDigests
from release.errors import storage_errors
from release.payload.extents import byte_ranges
from release.payload.operations import HOLE, Extent
from release.payload.rules import PayloadFormatError, Rule


class Target:
    """A file of ``blocks`` blocks of ``block_size`` bytes, of which the first ``known`` hold the source.

    Writes with ``pwrite``, so that a full disk is an error and not a signal.
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

    def read(self, extents: Sequence[Extent], length: int, where: str) -> bytes:
        """The first ``length`` bytes of ``extents``, which the caller has bounded.

        Raises:
            PayloadFormatError: a block is outside the target, or nothing has written it.
        """
        for extent in extents:
            self._check_inside(extent, where)
            if not self._known[extent.start : extent.end].all():
                raise PayloadFormatError(
                    Rule.SOURCE_NEEDED,
                    f"{where}: reads blocks of {extent} that neither source nor payload has written: "
                    "it needs the source image it was made from",
                )
        pieces = byte_ranges(extents, self.block_size, length)
        with storage_errors(self._path):
            return b"".join(os.pread(self._descriptor, size, offset) for offset, size in pieces)

    def first_unknown(self, blocks: int) -> int | None:
        """The first of the first ``blocks`` blocks that nothing has written."""
        unknown = np.flatnonzero(~self._known[:blocks])
        return int(unknown[0]) if len(unknown) else None

    def truncate(self, size: int) -> None:
        """Cut the file to ``size`` bytes."""
        with storage_errors(self._path):
            os.ftruncate(self._descriptor, size)

    def digest(self, size: int) -> FileDigests:
        """Size and SHA-256 of the first ``size`` bytes."""
        state = hashlib.sha256()
        offset = 0
        while offset < size:
            with storage_errors(self._path):
                data = os.pread(self._descriptor, min(CHUNK_SIZE, size - offset), offset)
            if not data:
                break
            state.update(data)
            offset += len(data)
        return FileDigests(offset, (Digest("sha256", state.digest()),))

    def put(self, offset: int, data: memoryview) -> None:
        """Write ``data`` at ``offset`` and remember the blocks as known. Both are checked by the writer."""
        with storage_errors(self._path):
            written = 0
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], offset + written)
        first = offset // self.block_size
        self._known[first : -(-(offset + len(data)) // self.block_size)] = True

    def _check_inside(self, extent: Extent, where: str) -> None:
        if extent.end > self.blocks:
            raise PayloadFormatError(
                Rule.EXTENTS,
                f"{where}: expected blocks below {self.blocks}, found {extent}",
                hint="a delta applies to the image it was made from, and to no smaller one",
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

    def write(self, data: bytes) -> None:
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

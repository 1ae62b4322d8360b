"""BSDIFF40 patches, made with bsdiff4. ``patch`` reads them, and has the format."""

from __future__ import annotations

from dataclasses import dataclass

import bsdiff4.core
import numpy as np
import numpy.typing as npt

from release.payload.blobs import compress

_MAGIC = b"BSDIFF40"
_SIGN = np.uint64(1 << 63)


@dataclass(frozen=True, slots=True)
class Difference:
    """How to make the new bytes: control triples (add, copy, seek) with their two byte streams."""

    control: npt.NDArray[np.int64]
    diff: bytes
    extra: bytes
    size: int
    """Bytes of the result."""


def difference(old: bytes, new: bytes) -> Difference:
    """What turns ``old`` into ``new``. Needs about 17 bytes of memory per byte of ``old``."""
    control, diff, extra = bsdiff4.core.diff(old, new)
    return Difference(_decode_integers(control).reshape(-1, 3), diff, extra, len(new))


def encode(found: Difference) -> bytes:
    """The patch of a difference."""
    control = compress(_encode_integers(found.control.reshape(-1)))
    diff = compress(found.diff)
    header = _encode_integers(np.array([len(control), len(diff), found.size], dtype=np.int64))
    return _MAGIC + header + control + diff + compress(found.extra)


def compact(found: Difference, block_size: int) -> tuple[Difference, npt.NDArray[np.int64]]:
    """Leave out the blocks of the old data that the patch never reads.

    Returns the difference against the remaining blocks, and their indices.
    """
    add, seek = found.control[:, 0], found.control[:, 2]
    start = np.concatenate(([0], np.cumsum(add + seek)[:-1]))
    reads = np.flatnonzero(add > 0)
    if not len(reads):
        control = found.control.copy()
        control[:, 2] = 0
        return Difference(control, found.diff, found.extra, found.size), np.empty(0, dtype=np.int64)
    first, last = start[reads] // block_size, (start[reads] + add[reads] - 1) // block_size
    marks = np.zeros(int(last.max()) + 2, dtype=np.int64)
    np.add.at(marks, first, 1)
    np.add.at(marks, last + 1, -1)
    used = np.flatnonzero(np.cumsum(marks) > 0)
    place = np.searchsorted(used, first) * block_size + start[reads] % block_size
    # Entries that add nothing keep the position of the one before, so that only readers seek.
    moved = np.zeros(len(found.control), dtype=np.int64)
    moved[reads] = place
    owner = np.maximum.accumulate(np.where(add > 0, np.arange(len(add)), -1))
    behind = np.where(owner >= 0, moved[owner] + add[owner], 0)
    moved = np.where(add > 0, moved, behind)
    control = found.control.copy()
    control[:-1, 2] = moved[1:] - (moved[:-1] + add[:-1])
    control[-1, 2] = 0
    return Difference(control, found.diff, found.extra, found.size), used


def _decode_integers(data: bytes) -> npt.NDArray[np.int64]:
    raw = np.frombuffer(data, dtype="<u8")
    magnitude = (raw & ~_SIGN).astype(np.int64)
    return np.where(raw & _SIGN != 0, -magnitude, magnitude)


def _encode_integers(values: npt.NDArray[np.int64]) -> bytes:
    magnitude = np.abs(values).astype(np.uint64)
    return np.where(values < 0, magnitude | _SIGN, magnitude).astype("<u8").tobytes()

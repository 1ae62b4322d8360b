"""Making BSDIFF40 patches: covers become the three streams, and those the patch.

Format: magic, three sign-magnitude integers of 8 bytes (compressed sizes of control and diff, size of
the result), then three bzip2 streams: control triples (add, copy, seek), diff bytes, extra bytes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from release.payload import native
from release.payload.bzip2 import compress
from release.payload.extents import Blocks
from release.payload.operations import BLOCK_SIZE

_MAGIC = b"BSDIFF40"
_SIGN = np.uint64(1 << 63)

_LEVELS = (9, 2)
"""bzip2 levels of the diff stream, the smaller result counts: small blocks suit code that changed here
and there, large ones suit the rest."""

_SEEDS_A_ROW = 5
"""Of eight places; what finds its row full is not indexed."""


def covers_between(old: native.Bytes, strides: native.Bytes, new: native.Bytes) -> native.Covers:
    """Stretches of ``new`` that are alike in ``old``. See ``native.cover_finely``."""
    seeds = int((BLOCK_SIZE // np.maximum(strides, 1).astype(np.int64))[strides > 0].sum())
    return native.cover_finely(old, strides, new, seeds // _SEEDS_A_ROW + 1)


def compact(covers: native.Covers) -> tuple[native.Covers, Blocks]:
    """Covers of the source blocks that are really read, and which of the source's blocks those are."""
    first = covers[:, 1] // BLOCK_SIZE
    last = (covers[:, 1] + covers[:, 2] - 1) // BLOCK_SIZE
    marks = np.zeros(int(last.max(initial=-1)) + 2, dtype=np.int64)
    np.add.at(marks, first, 1)
    np.add.at(marks, last + 1, -1)
    read = np.cumsum(marks) > 0
    place = np.cumsum(read) - 1
    moved = covers.copy()
    moved[:, 1] = place[first] * BLOCK_SIZE + covers[:, 1] % BLOCK_SIZE
    return moved, np.flatnonzero(read)


def encode(covers: native.Covers, old: native.Bytes, new: native.Bytes) -> bytes:
    """The patch that makes ``new`` of ``old`` by ``covers``."""
    control, diff, extra = native.write_streams(covers, old, new)
    packed_control = compress(_integers(control.reshape(-1)))
    packed_diff = min((compress(diff.data, level) for level in _LEVELS), key=len)
    header = _integers(np.array([len(packed_control), len(packed_diff), new.size], dtype=np.int64))
    return _MAGIC + header + packed_control + packed_diff + compress(extra.data)


def make_patch(old: native.Bytes, new: native.Bytes) -> bytes:
    """The patch between two files of any size, every seed of ``old`` indexed: about 11 bytes for each."""
    strides = np.ones(-(-old.size // BLOCK_SIZE), dtype=np.uint8)
    return encode(covers_between(old, strides, new), old, new)


def _integers(values: npt.NDArray[np.int64]) -> bytes:
    magnitude = np.abs(values).astype(np.uint64)
    return np.where(values < 0, magnitude | _SIGN, magnitude).astype("<u8").tobytes()

"""BSDIFF40 patches: made with bsdiff4, applied by a reader of our own that trusts nothing.

Format: magic, three sign-magnitude integers of 8 bytes (compressed sizes of control and diff, size of
the result), then three bzip2 streams: control triples (add, copy, seek), diff bytes, extra bytes.
"""

from __future__ import annotations

import bz2
from dataclasses import dataclass

import bsdiff4.core
import numpy as np
import numpy.typing as npt

from release.payload.blobs import compress
from release.payload.rules import PayloadFormatError, Rule

_MAGIC = b"BSDIFF40"
_HEADER_SIZE = 32
_SIGN = np.uint64(1 << 63)

_CLIENT_INT_MAX = 2**31 - 1
"""The client's bspatch refuses longer control entries and seeks."""

_CONTROL_LIMIT = 64 << 20
"""Bytes of control data, 2.8 million entries; a patch of 20 MiB of much changed code has a tenth of that."""

Bytes = npt.NDArray[np.uint8]


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


def apply(old: bytes, patch: bytes, size: int, where: str) -> bytes:
    """The ``size`` bytes that ``patch`` makes of ``old``.

    Takes memory for ``old``, twice ``size``, and control data of at most ``_CONTROL_LIMIT`` bytes.

    Raises:
        PayloadFormatError: rule ``patch``, for every patch that does not fit exactly.
    """
    control_size, diff_size = _sizes(patch, size, where)
    cut = _HEADER_SIZE + control_size
    raw = _decompress(patch[_HEADER_SIZE:cut], min(24 * (size + 1024), _CONTROL_LIMIT), where)
    if len(raw) % 24:
        raise _broken(where, "the control data are not whole entries")
    control = _decode_integers(raw).reshape(-1, 3)
    diff = np.frombuffer(_decompress(patch[cut : cut + diff_size], size, where), dtype=np.uint8)
    extra = np.frombuffer(_decompress(patch[cut + diff_size :], size, where), dtype=np.uint8)
    add, copy = control[:, 0], control[:, 1]
    if (np.abs(control) > _CLIENT_INT_MAX).any() or (control[:, :2] < 0).any():
        raise _broken(where, "a control entry is out of range")
    if int(add.sum()) != len(diff) or int(copy.sum()) != len(extra) or len(diff) + len(extra) != size:
        raise _broken(where, f"expected {size} bytes, it makes {int(add.sum()) + int(copy.sum())}")
    return _run(np.frombuffer(old, dtype=np.uint8), control, diff, extra)


def _run(old: Bytes, control: npt.NDArray[np.int64], diff: Bytes, extra: Bytes) -> bytes:
    result = np.empty(len(diff) + len(extra), dtype=np.uint8)
    at = diff_at = extra_at = old_at = 0
    for add, copy, seek in control.tolist():
        result[at : at + add] = diff[diff_at : diff_at + add]
        # bspatch adds nothing where the entry reaches past either end of the source.
        low, high = max(old_at, 0), min(old_at + add, len(old))
        if low < high:
            result[at + low - old_at : at + high - old_at] += old[low:high]
        at, diff_at, old_at = at + add, diff_at + add, old_at + add
        result[at : at + copy] = extra[extra_at : extra_at + copy]
        at, extra_at, old_at = at + copy, extra_at + copy, old_at + seek
    return result.tobytes()


def check(patch: bytes, size: int, where: str) -> None:
    """Hold the header of ``patch`` to what it must make. Raises rule ``patch``."""
    _sizes(patch, size, where)


def _sizes(patch: bytes, size: int, where: str) -> tuple[int, int]:
    if len(patch) < _HEADER_SIZE or patch[:8] != _MAGIC:
        raise _broken(where, f"expected {_MAGIC!r} in front, found {patch[:8]!r}")
    control, diff, result = _decode_integers(patch[8:_HEADER_SIZE]).tolist()
    if control < 0 or diff < 0 or control + diff > len(patch) - _HEADER_SIZE:
        raise _broken(where, "its parts are longer than the patch")
    if result != size:
        raise _broken(where, f"expected a result of {size} bytes, the header says {result}")
    return control, diff


def _decompress(data: bytes, limit: int, where: str) -> bytes:
    decoder = bz2.BZ2Decompressor()
    try:
        unpacked = decoder.decompress(data, limit + 1)
    except (OSError, EOFError) as error:
        raise _broken(where, f"not a bzip2 stream: {error}") from error
    if len(unpacked) > limit:
        raise _broken(where, "a stream unpacks to more than the result")
    if not decoder.eof:
        # Everything was asked for at once, so what is missing is missing from the patch.
        unpacked += _rest(decoder, limit - len(unpacked), where)
    return unpacked


def _rest(decoder: bz2.BZ2Decompressor, limit: int, where: str) -> bytes:
    try:
        unpacked = decoder.decompress(b"", limit + 1) if not decoder.needs_input else b""
    except (OSError, EOFError) as error:
        raise _broken(where, f"not a bzip2 stream: {error}") from error
    if not decoder.eof or len(unpacked) > limit:
        raise _broken(where, "a stream is truncated or unpacks to more than the result")
    return unpacked


def _broken(where: str, detail: str) -> PayloadFormatError:
    return PayloadFormatError(Rule.PATCH, f"{where}: {detail}")


def _decode_integers(data: bytes) -> npt.NDArray[np.int64]:
    raw = np.frombuffer(data, dtype="<u8")
    magnitude = (raw & ~_SIGN).astype(np.int64)
    return np.where(raw & _SIGN != 0, -magnitude, magnitude)


def _encode_integers(values: npt.NDArray[np.int64]) -> bytes:
    magnitude = np.abs(values).astype(np.uint64)
    return np.where(values < 0, magnitude | _SIGN, magnitude).astype("<u8").tobytes()

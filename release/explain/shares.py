"""How the bytes of one operation's blob are shared out over the blocks that it writes.

The shares of an operation add up to its bytes exactly; how they are spread is an estimate. A patch is
taken apart into its three streams, each of which counts where its bytes go; packed blocks count by
their order-0 entropy; raw blocks count equally.
"""

from __future__ import annotations

import bz2
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float64]
Amounts = npt.NDArray[np.int64]

_MAGIC = b"BSDIFF40"
_HEADER = 32
_ENTRY = 24
_SIGN = np.uint64(1 << 63)
_BATCH = 256
"""Blocks whose bytes are counted at once: 4 MiB of codes."""


def share_out(total: int, weights: Weights) -> Amounts:
    """``total`` in whole parts, in proportion to ``weights``; equally where all of them are zero.

    The parts add up to ``total`` exactly. Weights are not negative, at least one is given.
    """
    if not len(weights):
        raise ValueError("nothing to share among")
    if not weights.sum() > 0:
        weights = np.ones(len(weights))
    reached = np.cumsum(weights)
    cuts = np.minimum(np.floor(reached / reached[-1] * total), total).astype(np.int64)
    cuts[-1] = total
    parts: Amounts = np.diff(cuts, prepend=0)
    return parts


def entropy_weights(blocks: npt.NDArray[np.uint8]) -> Weights:
    """Bytes that an ideal coder of single bytes would need for each row of ``blocks``, plus one."""
    size = blocks.shape[1]
    counts = np.arange(size + 1, dtype=np.float64)
    surprise = np.zeros(size + 1)
    surprise[1:] = np.rint(1024 * counts[1:] * (np.log2(size) - np.log2(counts[1:])))
    weights = np.empty(len(blocks))
    for start in range(0, len(blocks), _BATCH):
        batch = blocks[start : start + _BATCH]
        codes = batch.astype(np.int32) + 256 * np.arange(len(batch), dtype=np.int32)[:, None]
        found = np.bincount(codes.reshape(-1), minlength=256 * len(batch)).reshape(-1, 256)
        weights[start : start + len(batch)] = surprise[found].sum(axis=1) / (8 * 1024) + 1
    return weights


def patch_weights(patch: bytes, blocks: int, block_size: int) -> Weights | None:
    """What each of ``blocks`` costs in a BSDIFF40 patch; None for a patch that does not read as one.

    The packed size of each stream is spread by what the stream says of a block: control entries that
    begin there, bytes that differ from the source, bytes that are given outright. Bounded: a stream
    unpacks to at most the size of the result, the control stream to 64 bytes for each of its bytes.
    """
    try:
        return _patch_weights(patch, blocks, block_size)
    except (OSError, EOFError, ValueError):
        return None


def _patch_weights(patch: bytes, blocks: int, block_size: int) -> Weights | None:
    if len(patch) < _HEADER or patch[:8] != _MAGIC:
        return None
    control_size, diff_size, size = _integers(patch[8:_HEADER]).tolist()
    cuts = (_HEADER, _HEADER + control_size, _HEADER + control_size + diff_size, len(patch))
    if min(control_size, diff_size) < 0 or cuts[2] > cuts[3] or not 0 < size <= blocks * block_size:
        return None
    packed = [patch[start:end] for start, end in pairwise(cuts)]
    control = _integers(_unpack(packed[0], 64 * size + _ENTRY)).reshape(-1, 3)
    diff = np.frombuffer(_unpack(packed[1], size), dtype=np.uint8)
    lengths = control[:, :2].reshape(-1)
    if (lengths < 0).any() or int(lengths.sum()) != size or int(lengths[::2].sum()) != len(diff):
        return None
    given = np.repeat(np.tile(np.array([False, True]), len(control)), lengths)
    differs = np.zeros(size, dtype=np.bool_)
    differs[~given] = diff != 0
    begins = np.cumsum(lengths)[1::2] - lengths[::2] - lengths[1::2]
    entries = np.bincount(np.minimum(begins // block_size, blocks - 1), minlength=blocks)
    weights = _spread(len(packed[0]) + _HEADER, entries)
    weights += _spread(len(packed[1]), _per_block(differs, blocks, block_size))
    return weights + _spread(len(packed[2]), _per_block(given, blocks, block_size))


def _spread(size: int, counts: npt.NDArray[np.int64]) -> Weights:
    total = int(counts.sum())
    if not total:
        return np.full(len(counts), size / len(counts))
    return counts.astype(np.float64) * (size / total)


def _per_block(marks: npt.NDArray[np.bool_], blocks: int, block_size: int) -> npt.NDArray[np.int64]:
    padded = np.zeros(blocks * block_size, dtype=np.bool_)
    padded[: len(marks)] = marks
    counts: Amounts = padded.reshape(blocks, block_size).sum(axis=1, dtype=np.int64)
    return counts


def _unpack(data: bytes, limit: int) -> bytes:
    unpacked = bz2.BZ2Decompressor().decompress(data, limit + 1)
    if len(unpacked) > limit:
        raise ValueError("a stream unpacks to more than the result")
    return unpacked


def _integers(data: bytes) -> npt.NDArray[np.int64]:
    raw = np.frombuffer(data, dtype="<u8")
    magnitude = (raw & ~_SIGN).astype(np.int64)
    return np.where(raw & _SIGN != 0, -magnitude, magnitude)

"""The payload engine's compiled parts: what looks at every byte. Each call leaves the interpreter lock.

Arrays of another type than they must have are refused, those in pieces copied into one. Sizes and places
that could make the C code reach outside of what it was given are checked here.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK = 4096
Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Entropy = npt.NDArray[np.int32]
"""1/1024 bit a byte."""
Covers = npt.NDArray[np.int64]
"""Rows of (place in the new bytes, place in the source, length), in order, without overlap. Bytes."""

SEEDS = 128
"""Seeds of an indexed block."""

INDEXED = ((1 << 32) - 1) // SEEDS
"""Most blocks of an index of seeds, 128 GiB: its numbers have 32 bits."""

_COMPARABLE = 1 << 25
"""Bytes that a fine difference can tell the places of."""

_COPIES = 64
"""Copies of one block that are looked at, and blocks of a run that are counted."""

_COUNTING = ("cover_by_seeds", "cover_finely", "cut_covers", "bzip2_memory", "bzip2_compress")


def open_library(path: str) -> ctypes.CDLL:
    """The compiled library at ``path``. Raises OSError where it is missing: it was not compiled."""
    library = ctypes.CDLL(path)
    for name in _COUNTING:
        getattr(library, name).restype = ctypes.c_int64
    return library


_LIBRARY = open_library(str(Path(__file__).with_name("_native.so")))


def _pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _size(value: int) -> ctypes.c_int64:
    return ctypes.c_int64(value)


def _flat(array: Bytes) -> Bytes:
    return np.ascontiguousarray(array, dtype=np.uint8).reshape(-1)


def _as(array: npt.NDArray[Any], kind: type[np.generic]) -> npt.NDArray[Any]:
    """The array as C wants it; one of another type is no copy of what the caller has, so it is refused."""
    if array.dtype != kind:
        raise RuntimeError(f"expected numbers of type {kind.__name__}, found {array.dtype}")
    return np.ascontiguousarray(array)


def _own(array: npt.NDArray[Any], kind: type[np.generic]) -> npt.NDArray[Any]:
    """The caller's own array, which C writes to."""
    if array.dtype != kind or not array.flags.c_contiguous or not array.flags.writeable:
        raise RuntimeError("an array that is written to is not of its type, or not in one piece")
    return array


def _listed(image: Bytes, blocks: Numbers) -> Numbers:
    listed = _as(blocks, np.int64)
    if len(listed) and (int(listed.min()) < 0 or (int(listed.max()) + 1) * BLOCK > image.size):
        raise RuntimeError("a block is listed that the image does not have")
    return listed


def _number_bits(indexed: Numbers) -> ctypes.c_int:
    """Bits that the numbers of the seeds take."""
    bits = (len(indexed) * SEEDS).bit_length()
    if bits > 32:
        raise RuntimeError("more blocks than an index of seeds can number")
    return ctypes.c_int(bits)


def _covers(covers: Covers, new_size: int, source_size: int | None = None) -> Covers:
    covers = _as(covers, np.int64)
    if not len(covers):
        return covers
    ends = covers[:, 0] + covers[:, 2]
    inside = covers.min() >= 0 and (covers[1:, 0] >= ends[:-1]).all() and ends[-1] <= new_size
    if not inside or (source_size is not None and (covers[:, 1] + covers[:, 2]).max() > source_size):
        raise RuntimeError("a cover overlaps another one or reaches past what it covers")
    return covers


def hash_blocks(image: Bytes, blocks: Numbers) -> Hashes:
    """A 64-bit hash of each of ``blocks``; equal hashes still have to be compared."""
    flat, listed = _flat(image), _listed(image, blocks)
    hashes = np.empty(len(listed), dtype=np.uint64)
    _LIBRARY.hash_blocks(_pointer(flat), _pointer(listed), _size(len(listed)), _pointer(hashes))
    return hashes


def compare_blocks(old: Bytes, new: Bytes, first: int, count: int, kinds: Bytes) -> None:
    """Set ``kinds`` of ``count`` blocks from ``first`` on: 1 the same in both, 2 empty, 0 neither."""
    old, new, kinds = _flat(old), _flat(new), _own(kinds, np.uint8)
    if first < 0 or (first + count) * BLOCK > new.size or first + count > len(kinds):
        raise RuntimeError("a block is asked for that the image does not have")
    _LIBRARY.compare_blocks(
        _pointer(old), _size(old.size // BLOCK), _pointer(new), _size(first), _size(count), _pointer(kinds)
    )


def measure_entropy(image: Bytes, blocks: Numbers) -> Entropy:
    """Order-0 entropy of each of ``blocks`` in 1/1024 bit a byte, 0 to 8192."""
    flat, listed = _flat(image), _listed(image, blocks)
    entropy = np.empty(len(listed), dtype=np.int32)
    _LIBRARY.measure_entropy(_pointer(flat), _pointer(listed), _size(len(listed)), _pointer(entropy))
    return entropy


def index_seeds(
    image: Bytes, blocks: Numbers, table: npt.NDArray[np.uint32], *, first: int, count: int
) -> None:
    """Add ``blocks[first : first + count]`` to ``table``, a power of two of numbers. Threads may share it."""
    flat, listed = _flat(image), _listed(image, blocks)
    bits = len(_own(table, np.uint32)).bit_length() - 1
    if first < 0 or first + count > len(listed) or len(table) != 1 << bits:
        raise RuntimeError("a seed index is not what it is said to be")
    _LIBRARY.index_seeds(
        _pointer(flat),
        _pointer(listed),
        _size(first),
        _size(count),
        _pointer(table),
        ctypes.c_int(bits),
        _number_bits(listed),
    )


def find_copies(
    old: Bytes, new: Bytes, blocks: Numbers, *, hashes: Hashes, staying: Flags, new_hashes: Hashes
) -> Numbers:
    """For each of ``blocks`` of ``new`` the block of ``old`` with the same content, or -1.

    ``hashes`` are of all blocks of ``old``, ``new_hashes`` of ``blocks``. Of several copies one that makes
    a long run is taken, then one that is ``staying`` as it is.
    """
    old, new, listed = _flat(old), _flat(new), _listed(new, blocks)
    hashes, new_hashes = _as(hashes, np.uint64), _as(new_hashes, np.uint64)
    staying = _as(staying, np.bool_)
    if not len(hashes) == len(staying) == old.size // BLOCK < (1 << 32) - 1 or len(new_hashes) != len(listed):
        raise RuntimeError("hashes and blocks do not go together")
    bits = max(8, (2 * len(hashes)).bit_length())
    heads, links = np.zeros(1 << bits, dtype=np.uint32), np.empty(len(hashes), dtype=np.uint32)
    sources = np.empty(len(listed), dtype=np.int64)
    _LIBRARY.find_copies(
        _pointer(old), _size(len(hashes)), _pointer(hashes), _pointer(staying.view(np.uint8)),
        _pointer(new), _pointer(listed), _size(len(listed)), _pointer(new_hashes),
        _pointer(heads), ctypes.c_int(bits), _pointer(links), _size(_COPIES), _pointer(sources),
    )  # fmt: skip
    return sources


def cover_by_seeds(
    source: Bytes,
    blocks: Numbers,
    table: npt.NDArray[np.uint32],
    new: Bytes,
    *,
    own: Numbers | None = None,
    always: int = 0,
) -> Covers:
    """Stretches of ``new`` that are in ``source``, found through ``table``, the index of ``blocks``.

    Where ``source`` is the image that ``new`` was taken from, ``own`` says which blocks those were: then
    only the first ``always`` of ``blocks`` are sources for all, the rest only for blocks behind them.
    """
    source, new, listed = _flat(source), _flat(new), _listed(source, blocks)
    table, bits = _as(table, np.uint32), len(table).bit_length() - 1
    if own is not None:
        own = _listed(source, own)
    if (own is not None and len(own) * BLOCK < new.size) or len(table) != 1 << bits:
        raise RuntimeError("it is not said where the new bytes are, or a seed index is none")
    most = new.size // 16 + 1
    covers = np.empty((most, 3), dtype=np.int64)
    count = _LIBRARY.cover_by_seeds(
        _pointer(source), _size(source.size), _pointer(listed), _size(len(listed)), _pointer(table),
        ctypes.c_int(bits), _number_bits(listed), _pointer(new), _size(new.size),
        _pointer(own) if own is not None else None, _size(always), _pointer(covers), _size(most),
    )  # fmt: skip
    return covers[:count].copy()


def cover_finely(old: Bytes, strides: Bytes, new: Bytes, rows: int) -> Covers:
    """Stretches of ``new`` that are alike in ``old``; single bytes in them may differ.

    ``strides`` gives the distance of indexed seeds for each block of ``old``, 0 for none; ``rows`` the
    rows of eight seeds that the index may have, 32 bytes each.
    """
    old, new, strides = _flat(old), _flat(new), _as(strides, np.uint8)
    if len(strides) * BLOCK < old.size or old.size >= _COMPARABLE:
        raise RuntimeError("too many bytes to compare at once")
    table = np.empty(rows * 8, dtype=np.uint32)
    most = new.size // 8 + 2
    covers = np.empty((most, 3), dtype=np.int64)
    count = _LIBRARY.cover_finely(
        _pointer(old), _size(old.size), _pointer(strides), _pointer(new), _size(new.size),
        _pointer(table), _size(rows), _pointer(covers), _size(most),
    )  # fmt: skip
    return covers[:count].copy()


def cut_covers(covers: Covers, keep: Flags) -> Covers:
    """What makes the kept blocks of the new bytes, one behind the other."""
    flags = np.ascontiguousarray(keep, dtype=np.uint8)
    place = np.cumsum(flags, dtype=np.int64) - 1
    covers = _covers(covers, len(keep) * BLOCK)
    out = np.empty((len(covers) + len(keep), 3), dtype=np.int64)
    count = _LIBRARY.cut_covers(
        _pointer(covers), _size(len(covers)), _pointer(flags), _pointer(place), _pointer(out)
    )
    return out[:count].copy()


def write_streams(covers: Covers, old: Bytes, new: Bytes) -> tuple[Numbers, Bytes, Bytes]:
    """Control entries (add, copy, seek), diff bytes and extra bytes that make ``new`` of ``old``."""
    old, new = _flat(old), _flat(new)
    covers = _covers(covers, new.size, old.size)
    control = np.empty((len(covers) + 1, 3), dtype=np.int64)
    diff, extra = np.empty(new.size, dtype=np.uint8), np.empty(new.size, dtype=np.uint8)
    sizes = np.empty(3, dtype=np.int64)
    _LIBRARY.write_streams(
        _pointer(covers), _size(len(covers)), _pointer(old), _pointer(new), _size(new.size),
        _pointer(control), _pointer(diff), _pointer(extra), _pointer(sizes),
    )  # fmt: skip
    entries, diffs, extras = sizes.tolist()
    return control[:entries], diff[:diffs], extra[:extras]


def count_covered(covers: Covers, blocks: int) -> Numbers:
    """Bytes of each of ``blocks`` new blocks that ``covers`` explain."""
    covers = _covers(covers, blocks * BLOCK)
    covered = np.zeros(blocks, dtype=np.int64)
    _LIBRARY.count_covered(_pointer(covers), _size(len(covers)), _pointer(covered))
    return covered


def mark_derived(covers: Covers, own: Numbers, otherwise: Numbers, margin: int, usable: Bytes) -> Flags:
    """Which new blocks are better made from the blocks of the new image that ``covers`` name.

    ``own`` are the blocks in order, ``otherwise`` the bytes of each that come from elsewhere, ``margin``
    the bytes by which this must be better. ``usable`` tells for every block of the image whether it is a
    source: 0 no, 1 for blocks behind it, 2 for all. A derived block becomes 0.
    """
    own, otherwise, usable = _as(own, np.int64), _as(otherwise, np.int64), _own(usable, np.uint8)
    if len(own) != len(otherwise):
        raise RuntimeError("not every block is told what else explains it")
    if len(own) and not 0 <= int(own.min()) <= int(own.max()) < len(usable):
        raise RuntimeError("a block is listed that the image does not have")
    covers = _covers(covers, len(own) * BLOCK, len(usable) * BLOCK)
    derived = np.zeros(len(own), dtype=np.uint8)
    _LIBRARY.mark_derived(
        _pointer(covers), _size(len(covers)), _pointer(own), _size(len(own)),
        _pointer(otherwise), _size(margin), _pointer(usable), _pointer(derived),
    )  # fmt: skip
    return derived.astype(np.bool_)


def find_leaders(covers: Covers, derived: Flags, usable: Flags, repeated: Flags) -> Numbers:
    """For each derived block the usable block of the image that explains most of it, -1 for others.

    ``usable`` and ``repeated`` have a flag for every block of the image; blocks that explain something of
    a derived one get their ``repeated`` set.
    """
    flags, usable, repeated = _as(derived, np.bool_), _as(usable, np.bool_), _own(repeated, np.bool_)
    covers = _covers(covers, len(flags) * BLOCK, len(usable) * BLOCK)
    if len(repeated) != len(usable):
        raise RuntimeError("not every block has its flags")
    leaders = np.empty(len(flags), dtype=np.int64)
    _LIBRARY.find_leaders(
        _pointer(covers), _size(len(covers)), _pointer(flags), _size(len(flags)),
        _pointer(usable), _pointer(repeated), _pointer(leaders),
    )  # fmt: skip
    return leaders


def bzip2_compress(data: bytes | memoryview | Bytes, level: int = 9) -> bytes:
    """One bzip2 stream of ``data`` in blocks of up to ``level`` (1 to 9) times 100,000 bytes."""
    if not 1 <= level <= 9:
        raise RuntimeError(f"bzip2 has levels 1 to 9, not {level}")
    flat = np.frombuffer(data, dtype=np.uint8) if len(data) else np.empty(0, dtype=np.uint8)
    memory = np.empty(_LIBRARY.bzip2_memory(_size(flat.size), ctypes.c_int(level)), dtype=np.uint8)
    out = np.empty(3 * flat.size + 8192, dtype=np.uint8)
    size = _LIBRARY.bzip2_compress(
        _pointer(flat), _size(flat.size), ctypes.c_int(level), _pointer(memory), _pointer(out)
    )
    return out[:size].tobytes()

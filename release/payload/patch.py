"""BSDIFF40 patches, read and applied; trusts nothing.

Format: magic, three sign-magnitude integers of 8 bytes (compressed sizes of control and diff, size of
the result), then three bzip2 streams: control triples (add, copy, seek), diff bytes, extra bytes.
"""

from __future__ import annotations

import bz2
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from release.payload.rules import PayloadFormatError, Rule

MAGIC = b"BSDIFF40"
HEADER_SIZE = 32

CONTROL_LIMIT = 64 << 20
"""Bytes of control data, 2.8 million entries; a patch of 20 MiB of much changed code has a tenth of that."""

_ENTRY_SIZE = 24
_CLIENT_INT_MAX = 2**31 - 1
"""The client's bspatch refuses longer control entries and seeks."""

_WINDOW = 1 << 17
"""Bytes of the result that are made at once; each takes 8 bytes for the place it comes from."""

_SIGN = np.uint64(1 << 63)

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


class Stream(Protocol):
    """The bytes of the diff or of the extra stream."""

    def take(self, count: int) -> Bytes:
        """The next ``count`` bytes. Raises rule ``patch`` if there are fewer."""

    def end(self) -> None:
        """Raises rule ``patch`` if there is more."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch whose header and control data fit each other: triples (add, copy, seek) and two streams.

    The streams are used up by ``apply``.
    """

    control: Integers
    diff: Stream
    extra: Stream


def control_limit(size: int) -> int:
    """The most bytes of control data that a patch for ``size`` bytes may unpack to."""
    return min(_ENTRY_SIZE * (size + 1024), CONTROL_LIMIT)


def usual_control(size: int) -> int:
    """Bytes of control data that a patch for ``size`` bytes hardly ever exceeds: an entry in 48 bytes."""
    return size // 2 + (1 << 16)


def longest(size: int) -> int:
    """The most bytes of a patch for ``size`` bytes. bzip2 adds at most 1% and 600 bytes to a stream."""
    return (size + control_limit(size)) * 102 // 100 + 4096


def check_length(length: int, size: int, where: str) -> None:
    """Hold the length of a patch that makes ``size`` bytes to ``longest``. Raises rule ``patch``."""
    if length > longest(size):
        raise _broken(where, f"a patch of {length} bytes for a result of {size}")


def read(patch: bytes, size: int, where: str) -> Patch:
    """Read a patch that makes ``size`` bytes; its diff and extra data are unpacked while it is applied.

    Each stream must fill its place in the patch exactly. Takes three times the control data in memory.

    Raises:
        PayloadFormatError: rule ``patch``, for every patch that the client would refuse, or that has
            anything beside what makes the result.
    """
    control, diff, extra = _parts(patch, size, where)
    raw = _unpack(control, control_limit(size), where, "control")
    if raw is None:
        raise _broken(where, f"the control data unpack to more than {control_limit(size)} bytes")
    entries = _control(raw, size, where)
    return Patch(entries, _Packed(diff, where, "diff"), _Packed(extra, where, "extra"))


def unpack(patch: bytes, size: int, where: str) -> Patch | None:
    """Read a patch as ``read`` does, and unpack all of it at once, which takes twice ``size`` in memory.

    Returns:
        The patch; ``None`` if its control data are more than ``usual_control``.
    """
    control, diff, extra = _parts(patch, size, where)
    raw = _unpack(control, min(usual_control(size), control_limit(size)), where, "control")
    if raw is None:
        return None
    entries = _control(raw, size, where)
    add, copy = int(entries[:, 0].sum()), int(entries[:, 1].sum())
    return Patch(entries, _Held(diff, add, where, "diff"), _Held(extra, copy, where, "extra"))


def check(patch: Patch) -> None:
    """Read both streams to their ends. Raises rule ``patch`` as applying would."""
    for stream, size in ((patch.diff, patch.control[:, 0].sum()), (patch.extra, patch.control[:, 1].sum())):
        for start in range(0, int(size), _WINDOW):
            stream.take(min(_WINDOW, int(size) - start))
        stream.end()


def apply(old: Bytes, patch: Patch) -> Iterator[memoryview]:
    """What ``patch`` makes of ``old``, in order, in pieces of at most 128 KiB.

    Where an entry reaches past either end of the source, bspatch adds nothing, and neither does this.
    Entries are looked at together, not one by one: there may be 100,000 in 8 MiB of code.
    """
    add = patch.control[:, 0]
    # The result is made of runs: even ones add diff to source, odd ones copy from extra.
    ends = np.cumsum(patch.control[:, :2].reshape(-1))
    moves = add + patch.control[:, 2]
    shift = np.cumsum(moves) - moves - (ends[0::2] - add)  # from a place in the result to the source's
    size = int(ends[-1]) if len(ends) else 0
    for start in range(0, size, _WINDOW):
        stop = min(start + _WINDOW, size)
        first, last = np.searchsorted(ends, start, side="right"), np.searchsorted(ends, stop, side="left")
        runs = np.arange(first, last + 1)
        inside = np.diff(np.minimum(ends[first : last + 1], stop), prepend=start)
        adds = runs % 2 == 0
        added = np.repeat(adds, inside)
        places = np.flatnonzero(added)
        sources = places + np.repeat(shift[runs[adds] // 2] + start, inside[adds])
        result = np.empty(stop - start, dtype=np.uint8)
        result[places] = patch.diff.take(len(places)) + _source(old, sources)
        result[~added] = patch.extra.take(len(result) - len(places))
        yield result.data
    patch.diff.end()
    patch.extra.end()


def _source(old: Bytes, places: Integers) -> Bytes:
    """The bytes of ``old`` at ``places``, zero outside."""
    if len(places) and places.min() >= 0 and places.max() < len(old):
        return old[places]
    found = np.zeros(len(places), dtype=np.uint8)
    inside = (places >= 0) & (places < len(old))
    found[inside] = old[places[inside]]
    return found


def _parts(patch: bytes, size: int, where: str) -> tuple[memoryview, memoryview, memoryview]:
    """The three packed streams."""
    if len(patch) < HEADER_SIZE or patch[:8] != MAGIC:
        raise _broken(where, f"expected {MAGIC!r} in front, found {patch[:8]!r}")
    control, diff, result = _integers(patch[8:HEADER_SIZE]).tolist()
    if control < 0 or diff < 0 or control + diff > len(patch) - HEADER_SIZE:
        raise _broken(where, "its parts are longer than the patch")
    if result != size:
        raise _broken(where, f"expected a result of {size} bytes, the header says {result}")
    rest = memoryview(patch)[HEADER_SIZE:]
    return rest[:control], rest[control : control + diff], rest[control + diff :]


def _control(raw: bytes, size: int, where: str) -> Integers:
    if len(raw) % _ENTRY_SIZE:
        raise _broken(where, "the control data are not whole entries")
    control = _integers(raw).reshape(-1, 3)
    if len(control) and (control.min() < -_CLIENT_INT_MAX or control.max() > _CLIENT_INT_MAX):
        raise _broken(where, "a control entry is out of range")
    if (control[:, :2] < 0).any():
        raise _broken(where, "a control entry has a negative length")
    made = int(control[:, :2].sum())
    if made != size:
        raise _broken(where, f"expected {size} bytes, it makes {made}")
    return control


def _unpack(data: memoryview, limit: int, where: str, name: str) -> bytes | None:
    """The one bzip2 stream that ``data`` is; ``None`` if it unpacks to more than ``limit`` bytes."""
    stream = _Packed(data, where, name)
    unpacked = stream.most(limit + 1)
    if len(unpacked) > limit:
        return None
    stream.end()
    return unpacked


class _Packed:
    """One bzip2 stream that is unpacked as it is asked for, and fills its place in the patch."""

    def __init__(self, data: memoryview, where: str, name: str) -> None:
        self._decoder = bz2.BZ2Decompressor()
        self._data: bytes | memoryview = data
        self._where, self._name = where, name

    def most(self, count: int) -> bytes:
        """At most ``count`` more bytes: fewer only where the stream ends, well or broken."""
        pieces = []
        while count and not self._decoder.eof and (self._data or not self._decoder.needs_input):
            try:
                piece = self._decoder.decompress(self._data, count)
            except (OSError, EOFError) as error:
                raise _broken(self._where, f"the {self._name} data are no bzip2 stream: {error}") from error
            self._data = b""
            count -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def take(self, count: int) -> Bytes:
        found = self.most(count)
        if len(found) != count:
            raise _broken(self._where, f"the {self._name} data are too short or truncated")
        return np.frombuffer(found, np.uint8)

    def end(self) -> None:
        if self.most(1):
            raise _broken(self._where, f"the {self._name} data are longer than what they make")
        if not self._decoder.eof:
            raise _broken(self._where, f"the {self._name} data are truncated")
        if self._decoder.unused_data:
            raise _broken(self._where, f"bytes follow the end of the {self._name} data")


class _Held:
    """One stream of ``size`` bytes, unpacked before it is asked for; no more may be taken."""

    def __init__(self, data: memoryview, size: int, where: str, name: str) -> None:
        stream = _Packed(data, where, name)
        self._data = stream.take(size)
        self._at = 0
        stream.end()

    def take(self, count: int) -> Bytes:
        self._at += count
        return self._data[self._at - count : self._at]

    def end(self) -> None:
        """Was looked at before."""


def _broken(where: str, detail: str) -> PayloadFormatError:
    return PayloadFormatError(Rule.PATCH, f"{where}: {detail}")


def _integers(data: bytes) -> Integers:
    raw = np.frombuffer(data, dtype="<u8")
    magnitude = (raw & ~_SIGN).view("<i8")
    np.negative(magnitude, out=magnitude, where=raw & _SIGN != 0)
    return magnitude

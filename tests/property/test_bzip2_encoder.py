"""Laws of the bzip2 encoder: what comes back, what order it finds, that nothing else decides the bytes."""

from __future__ import annotations

import bz2

from hypothesis import given, settings
from hypothesis import strategies as st

from release.payload.bzip2 import compress

_PIECES = st.one_of(
    st.binary(max_size=40),
    st.text("ab", max_size=60).map(str.encode),
    st.builds(lambda byte, times: bytes([byte]) * times, st.integers(0, 255), st.integers(1, 700)),
    st.builds(lambda piece, times: piece * times, st.binary(min_size=1, max_size=9), st.integers(1, 90)),
)
_CONTENT = st.builds(
    lambda pieces, order: b"".join(pieces[index % len(pieces)] for index in order),
    st.lists(_PIECES, min_size=1, max_size=6),
    st.lists(st.integers(0, 5), max_size=12),
)


def _count_runs(content: bytes) -> bytes:
    """The first step of bzip2: four equal bytes are followed by how many more there are, up to 251."""
    out, at = bytearray(), 0
    while at < len(content):
        end = at
        while end < len(content) and end - at < 255 and content[end] == content[at]:
            end += 1
        out += content[at : at + min(end - at, 4)]
        if end - at >= 4:
            out.append(end - at - 4)
        at = end
    return bytes(out)


def _row_of(content: bytes) -> range:
    """The rows that the content itself may have among its rotations in their order; several if it repeats."""
    rotations = sorted(content[at:] + content[:at] for at in range(len(content)))
    first = rotations.index(content)
    return range(first, first + rotations.count(content))


@given(_CONTENT, st.integers(1, 9))
@settings(max_examples=400, deadline=None)
def test_what_goes_in_comes_out(content: bytes, level: int) -> None:
    assert bz2.decompress(compress(content, level)) == content


@given(
    st.one_of(st.text("ab", min_size=1, max_size=300).map(str.encode), st.binary(min_size=1, max_size=300))
)
@settings(max_examples=300, deadline=None)
def test_the_block_stands_in_the_row_that_plain_sorting_gives_it(content: bytes) -> None:
    row = int.from_bytes(compress(content)[14:18], "big") >> 7 & 0xFFFFFF
    assert row in _row_of(_count_runs(content))


@given(_CONTENT)
@settings(max_examples=50, deadline=None)
def test_the_same_bytes_give_the_same_stream(content: bytes) -> None:
    assert compress(content) == compress(bytes(bytearray(content)))

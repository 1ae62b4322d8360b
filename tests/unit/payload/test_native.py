"""The compiled parts against plain Python that says the same."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.payload import native, patching
from release.payload.seeds import SeedIndex

BLOCK = native.BLOCK
QUICK = settings(max_examples=40, derandomize=True, deadline=None, database=None)


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311  test data


def as_array(data: bytes) -> native.Bytes:
    return np.frombuffer(data, dtype=np.uint8)


def blocks(data: bytes) -> native.Bytes:
    return as_array(data).reshape(-1, BLOCK)


@pytest.mark.parametrize(
    "content",
    [bytes(BLOCK), b"ab" * (BLOCK // 2), noise(1, BLOCK), bytes(range(256)) * 16, b"a" * 4095 + b"b"],
    ids=["zeros", "two values", "noise", "all values", "one other"],
)
def test_entropy_is_that_of_the_bytes(content: bytes) -> None:
    counts = Counter(content).values()
    expected = -sum(count / BLOCK * math.log2(count / BLOCK) for count in counts)
    (found,) = native.measure_entropy(as_array(content), np.zeros(1, dtype=np.int64)).tolist()
    assert abs(found / 1024 - expected) < 0.01


def test_equal_blocks_have_equal_hashes_and_others_do_not() -> None:
    data = noise(1, 4 * BLOCK) + noise(1, 4 * BLOCK)[: 2 * BLOCK]
    hashes = native.hash_blocks(as_array(data), np.arange(6)).tolist()
    assert hashes[:2] == hashes[4:]
    assert len(set(hashes)) == 4
    flipped = bytearray(data)
    flipped[BLOCK - 1] ^= 1
    assert native.hash_blocks(as_array(bytes(flipped)), np.arange(1)).tolist() != hashes[:1]


def test_a_copy_is_taken_where_the_run_is_longest() -> None:
    one, two, three, other = (noise(seed, BLOCK) for seed in range(4))
    old, new = blocks(one + other + one + two + three), blocks(one + two + three)
    found = native.find_copies(
        old,
        new,
        np.arange(3),
        hashes=native.hash_blocks(old, np.arange(5)),
        staying=np.zeros(5, dtype=np.bool_),
        new_hashes=native.hash_blocks(new, np.arange(3)),
    )
    assert found.tolist() == [2, 3, 4]


def test_equal_hashes_of_different_content_are_no_copy() -> None:
    old, new = blocks(noise(1, BLOCK)), blocks(noise(2, BLOCK))
    same = np.zeros(1, dtype=np.uint64)
    found = native.find_copies(
        old, new, np.arange(1), hashes=same, staying=np.zeros(1, dtype=np.bool_), new_hashes=same
    )
    assert found.tolist() == [-1]


PIECES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 9000), st.integers(1, 6000)), min_size=1, max_size=6
)


def assembled(pieces: list[tuple[int, int, int]], old: bytes) -> bytes:
    """New bytes of stretches of the old ones and of noise, in whole blocks."""
    data = b"".join(
        noise(place, length) if kind == 0 else old[place : place + length] for kind, place, length in pieces
    )
    return data + noise(99, -len(data) % BLOCK)


@given(pieces=PIECES)
@QUICK
def test_seeds_find_every_stretch_that_holds_one_and_nothing_else(pieces: list[tuple[int, int, int]]) -> None:
    old = noise(7, 4 * BLOCK)
    new = assembled(pieces, old)
    index = SeedIndex(blocks(old), np.arange(4), memory=1 << 20, workers=1)
    end = 0
    covered = np.zeros(len(new), dtype=np.bool_)
    for at, place, length in index.cover(as_array(new)).tolist():
        assert at >= end
        assert new[at : at + length] == old[place : place + length]
        end = at + length
        covered[at:end] = True
    at = 0
    for kind, place, length in pieces:
        stretch = len(old[place : place + length]) if kind else length
        if kind and stretch >= 63 + 7 * 32:
            assert covered[at : at + stretch].mean() > 0.9
        at += stretch


def test_bytes_of_the_image_itself_are_found_in_earlier_blocks_only() -> None:
    stretch = noise(1, 5000)
    image = blocks(stretch + noise(2, 3192) + noise(3, 100) + stretch + noise(4, 3092))
    index = SeedIndex(image, np.arange(4), memory=1 << 20, workers=1)
    covers = index.cover(image.reshape(-1), np.arange(4))
    assert covers.tolist() == [[8292, 0, 5000]]


def test_final_blocks_are_a_source_for_blocks_before_them() -> None:
    image = blocks(noise(1, BLOCK) + noise(1, BLOCK))
    index = SeedIndex(image, np.array([1, 0]), memory=1 << 20, workers=1, always=1)
    assert index.cover(image[0], np.array([0])).tolist() == [[0, BLOCK, BLOCK]]


def patched(old: bytes, covers: native.Covers, new: bytes) -> bytes:
    """What the three streams make of the old bytes."""
    control, diff, extra = native.write_streams(covers, as_array(old), as_array(new))
    result, place, diff_at, extra_at = bytearray(), 0, 0, 0
    for add, copy, seek in control.tolist():
        added = diff[diff_at : diff_at + add] + as_array(old)[place : place + add]
        result += added.tobytes() + extra[extra_at : extra_at + copy].tobytes()
        diff_at, extra_at, place = diff_at + add, extra_at + copy, place + add + seek
    return bytes(result)


@given(pieces=PIECES, changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=40))
@QUICK
def test_a_fine_difference_makes_the_new_bytes(
    pieces: list[tuple[int, int, int]], changes: list[tuple[int, int]]
) -> None:
    old = noise(7, 2 * BLOCK) + b"words and words again " * 400
    new = bytearray(assembled(pieces, old))
    for place, value in changes:
        new[place % len(new)] = value
    strides = np.array([16, 1, 2, 1, 1][: -(-len(old) // BLOCK)], dtype=np.uint8)
    covers = patching.covers_between(as_array(old), strides, as_array(bytes(new)))
    ends = covers[:, 0] + covers[:, 2]
    assert (covers[1:, 0] >= ends[:-1]).all()
    assert (covers[:, 2] > 0).all()
    assert patched(old, covers, bytes(new)) == new


def test_two_stretches_of_one_alignment_with_noise_between_them_are_both_found() -> None:
    old = noise(1, 3 * BLOCK)
    new = old[:BLOCK] + noise(2, BLOCK) + old[2 * BLOCK :]
    covers = patching.covers_between(as_array(old), np.full(3, 16, dtype=np.uint8), as_array(new))
    assert native.count_covered(covers, 3).tolist() == pytest.approx([BLOCK, 0, BLOCK], abs=16)


@given(pieces=PIECES, kept=st.lists(st.booleans(), min_size=12, max_size=12))
@QUICK
def test_cut_covers_make_the_kept_blocks(pieces: list[tuple[int, int, int]], kept: list[bool]) -> None:
    old = noise(7, 4 * BLOCK)
    new = assembled(pieces, old)
    count = len(new) // BLOCK
    keep = np.array(kept[:count], dtype=np.bool_)
    covers = patching.covers_between(as_array(old), np.full(4, 16, dtype=np.uint8), as_array(new))
    rest = blocks(new)[keep].tobytes()
    cut = native.cut_covers(covers, keep)
    assert native.count_covered(cut, int(keep.sum())).tolist() == (
        native.count_covered(covers, count)[keep].tolist()
    )
    if rest:
        moved, read = patching.compact(cut)
        assert patched(blocks(old)[read].tobytes(), moved, rest) == rest


def test_a_derived_block_is_no_source() -> None:
    """Block 1 repeats block 0, block 2 repeats block 1 by way of an index that knows only that."""
    covers = np.array([[BLOCK, 0, BLOCK], [2 * BLOCK, BLOCK, BLOCK]], dtype=np.int64)
    usable = np.array([1, 1, 1], dtype=np.uint8)
    nothing = np.zeros(3, dtype=np.int64)
    derived = native.mark_derived(covers, np.arange(3), nothing, 100, usable)
    assert derived.tolist() == [False, True, False]
    assert usable.tolist() == [1, 0, 1]


def test_a_block_that_comes_from_elsewhere_as_well_is_not_derived() -> None:
    covers = np.array([[BLOCK, 0, BLOCK]], dtype=np.int64)
    elsewhere = np.array([0, BLOCK - 50], dtype=np.int64)
    usable = np.array([1, 1], dtype=np.uint8)
    assert not native.mark_derived(covers, np.arange(2), elsewhere, 100, usable).any()


def test_a_number_that_is_no_block_of_the_index_finds_nothing() -> None:
    image = as_array(noise(1, 2 * BLOCK))
    table = np.full(16, 1 << 9, dtype=np.uint32)
    assert len(native.cover_by_seeds(image, np.arange(1), table, image)) == 0


def test_calls_that_would_reach_outside_are_refused() -> None:
    image = as_array(noise(1, 2 * BLOCK))
    covers = np.array([[0, 0, 3 * BLOCK]], dtype=np.int64)
    table = np.zeros(16, dtype=np.uint32)
    for call in (
        lambda: native.hash_blocks(image, np.array([2])),
        lambda: native.measure_entropy(image, np.array([-1])),
        lambda: native.compare_blocks(image, image, 1, 2, np.zeros(3, dtype=np.uint8)),
        lambda: native.index_seeds(image, np.arange(2), table, first=1, count=2),
        lambda: native.index_seeds(image, np.arange(2), table[:15], first=0, count=1),
        lambda: native.cover_by_seeds(image, np.arange(2), table, image, own=np.arange(1)),
        lambda: native.cover_finely(image, np.ones(1, dtype=np.uint8), image, 10),
        lambda: native.count_covered(covers, 2),
        lambda: native.compare_blocks(image, image, -1, 1, np.zeros(3, dtype=np.uint8)),
        lambda: native.cover_by_seeds(image, np.arange(2), table[:15], image),
        lambda: native.mark_derived(
            covers[:0], np.array([9]), np.zeros(1, dtype=np.int64), 0, np.zeros(2, np.uint8)
        ),
        lambda: native.mark_derived(
            covers[:0], np.zeros(1, np.int32), np.zeros(1, dtype=np.int64), 0, np.zeros(2, np.uint8)
        ),
        lambda: native.cut_covers(covers.astype(np.int32), np.ones(3, dtype=np.bool_)),
        lambda: native.mark_derived(
            covers, np.arange(2), np.zeros(2, dtype=np.int64), 0, np.zeros(2, np.uint8)
        ),
    ):
        with pytest.raises(RuntimeError):
            call()

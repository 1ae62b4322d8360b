"""Sharing out an operation's bytes: exact in sum, where a patch says its bytes go."""

from __future__ import annotations

import bsdiff4
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.explain.shares import entropy_weights, patch_weights, share_out
from tests.unit.explain.samples import noise, prose

BLOCK = 4096


@given(
    st.integers(0, 1 << 40),
    st.lists(st.floats(0, 1e12, allow_subnormal=False), min_size=1, max_size=200),
)
def test_shares_add_up_exactly_and_none_is_negative(total: int, weights: list[float]) -> None:
    shares = share_out(total, np.array(weights))
    assert int(shares.sum()) == total
    assert (shares >= 0).all()


def test_equal_weights_and_no_weights_at_all_share_equally() -> None:
    assert share_out(10, np.array([3.0, 3.0])).tolist() == [5, 5]
    assert share_out(10, np.array([0.0, 0.0])).tolist() == [5, 5]


def test_sharing_among_nobody_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="nothing to share"):
        share_out(1, np.empty(0))


def test_dense_blocks_weigh_more_than_text_and_text_more_than_zeros() -> None:
    blocks = np.frombuffer(noise(1, BLOCK) + prose(2, BLOCK) + bytes(BLOCK), dtype=np.uint8)
    dense, text, empty = entropy_weights(blocks.reshape(3, BLOCK)).tolist()
    assert dense == pytest.approx(BLOCK, rel=0.02)
    assert BLOCK / 3 < text < BLOCK / 1.5
    assert empty == 1


def test_a_patch_costs_where_it_differs() -> None:
    old = noise(1, 8 * BLOCK)
    new = old[: 3 * BLOCK] + noise(2, BLOCK) + old[4 * BLOCK :]
    patch = bsdiff4.diff(old, new)
    weights = patch_weights(patch, 8, BLOCK)
    assert weights is not None
    assert weights.sum() == pytest.approx(len(patch))
    assert weights[3] > 0.9 * BLOCK
    assert np.delete(weights, 3).max() < 200


def test_a_patch_that_changes_single_bytes_costs_at_those() -> None:
    old = prose(3, 8 * BLOCK)
    new = bytearray(old)
    new[5 * BLOCK : 6 * BLOCK : 3] = bytes(byte ^ 1 for byte in new[5 * BLOCK : 6 * BLOCK : 3])
    weights = patch_weights(bsdiff4.diff(old, bytes(new)), 8, BLOCK)
    assert weights is not None
    assert int(weights.argmax()) == 5


@pytest.mark.parametrize(
    "patch",
    [b"", b"BSDIFF40", b"ENDSLEY/BSDIFF43" + bytes(40), b"BSDIFF40" + bytes(64), noise(9, 200)],
)
def test_what_does_not_read_as_a_patch_has_no_weights(patch: bytes) -> None:
    assert patch_weights(patch, 2, BLOCK) is None


def test_a_damaged_patch_has_no_weights() -> None:
    patch = bytearray(bsdiff4.diff(noise(1, BLOCK), noise(2, BLOCK)))
    for position in range(8, len(patch), 7):
        damaged = bytes(patch[:position]) + bytes([patch[position] ^ 0xFF]) + bytes(patch[position + 1 :])
        weights = patch_weights(damaged, 1, BLOCK)
        assert weights is None or np.isfinite(weights).all()

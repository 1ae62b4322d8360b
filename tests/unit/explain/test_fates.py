"""What becomes of blocks: the last writer counts, what was put aside is what it was, sums are exact."""

from __future__ import annotations

import bz2
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from release.explain.fates import Fate, Fates, Use, block_numbers, trace
from release.payload.build import BuildOrder, build_payload
from release.payload.operations import BLOCK_SIZE, HOLE, Extent, Operation, OperationType
from release.payload.profile import FLATCAR, POSITIONAL_BSPATCH, Profile
from release.payload.reader import open_payload
from tests.unit.explain.samples import noise, operation, prose, write_payload

MOVE, BSDIFF = OperationType.MOVE, OperationType.BSDIFF
REPLACE, REPLACE_BZ = OperationType.REPLACE, OperationType.REPLACE_BZ


def block(seed: int) -> bytes:
    return noise(seed, BLOCK_SIZE)


def rows(data: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, BLOCK_SIZE)


def traced(path: Path, old: bytes, new: bytes, operations: Sequence[tuple[Operation, bytes]]) -> Fates:
    with open_payload(write_payload(path / "payload", operations, new)) as payload:
        return trace(payload, rows(old), rows(new))


def test_each_operation_gives_its_fate_and_untouched_blocks_are_unchanged(tmp_path: Path) -> None:
    a, b, c, d, e = (block(seed) for seed in range(5))
    old, new = a + b + c + d + e, a + a + d[::-1] + e[::-1] + bytes(BLOCK_SIZE)
    packed = bz2.compress(e[::-1])
    found = traced(
        tmp_path,
        old,
        new,
        [
            operation(MOVE, [(1, 1)], source=[(0, 1)]),
            operation(REPLACE, [(2, 1)], data=d[::-1]),
            operation(REPLACE_BZ, [(3, 1)], data=packed),
            operation(REPLACE_BZ, [(4, 1)], data=bz2.compress(bytes(BLOCK_SIZE))),
        ],
    )
    assert found.fate.tolist() == [Fate.UNCHANGED, Fate.MOVED, Fate.RAW, Fate.PACKED, Fate.ZERO]
    zero = len(bz2.compress(bytes(BLOCK_SIZE)))
    assert found.cost.tolist() == [0, 0, BLOCK_SIZE, len(packed), zero]
    assert found.bytes_of(Fate.RAW) == BLOCK_SIZE
    assert found.blocks_of(Fate.ZERO) == 1


def test_a_swap_through_a_block_that_is_overwritten_later_is_two_moves(tmp_path: Path) -> None:
    a, b, c, d = (block(seed) for seed in range(4))
    found = traced(
        tmp_path,
        a + b + c,
        b + a + d,
        [
            operation(MOVE, [(2, 1)], source=[(0, 1)]),
            operation(MOVE, [(0, 1)], source=[(1, 1)]),
            operation(MOVE, [(1, 1)], source=[(2, 1)]),
            operation(REPLACE, [(2, 1)], data=d),
        ],
    )
    assert found.fate.tolist() == [Fate.MOVED, Fate.MOVED, Fate.RAW]
    assert found.used.tolist() == [Use.MOVED, Use.MOVED, Use.UNUSED]


def test_a_block_that_was_put_aside_and_comes_back_is_unchanged(tmp_path: Path) -> None:
    a, b = block(1), block(2)
    found = traced(
        tmp_path,
        a + b,
        a + a,
        [
            operation(MOVE, [(1, 1)], source=[(0, 1)]),
            operation(REPLACE, [(0, 1)], data=b),
            operation(MOVE, [(0, 1)], source=[(1, 1)]),
        ],
    )
    assert found.fate.tolist() == [Fate.UNCHANGED, Fate.MOVED]
    assert int(found.cost.sum()) == BLOCK_SIZE


def test_a_copy_of_what_the_payload_brought_is_moved_and_costs_nothing(tmp_path: Path) -> None:
    a, b = block(1), block(2)
    found = traced(
        tmp_path,
        a + a,
        b + b,
        [operation(REPLACE, [(0, 1)], data=b), operation(MOVE, [(1, 1)], source=[(0, 1)])],
    )
    assert found.fate.tolist() == [Fate.RAW, Fate.MOVED]
    assert found.cost.tolist() == [BLOCK_SIZE, 0]
    assert found.used.tolist() == [Use.UNUSED, Use.UNUSED]


def test_an_operation_whose_blocks_are_partly_overwritten_costs_at_the_others(tmp_path: Path) -> None:
    a, b, c = block(1), block(2), block(3)
    found = traced(
        tmp_path,
        a + a,
        b + c,
        [operation(REPLACE, [(0, 2)], data=b + a), operation(REPLACE, [(1, 1)], data=c)],
    )
    assert found.cost.tolist() == [2 * BLOCK_SIZE, BLOCK_SIZE]


def test_what_is_read_by_a_patch_is_told_even_when_it_was_moved_before(tmp_path: Path) -> None:
    a, b, c = block(1), block(2), block(3)
    found = traced(
        tmp_path,
        a + b + c,
        b + c,
        [
            operation(MOVE, [(2, 1)], source=[(0, 1)]),
            operation(BSDIFF, [(0, 2)], source=[(2, 1)], data=b"no patch at all"),
        ],
    )
    assert found.fate.tolist() == [Fate.DIFFED, Fate.DIFFED]
    assert found.used.tolist() == [Use.DIFFED, Use.UNUSED, Use.UNUSED]
    assert int(found.cost.sum()) == len(b"no patch at all")


def test_holes_have_no_number() -> None:
    assert block_numbers([Extent(3, 2), Extent(HOLE, 1), Extent(7, 1)]).tolist() == [3, 4, -1, 7]


@pytest.mark.parametrize("profile", [FLATCAR, POSITIONAL_BSPATCH], ids=lambda profile: profile.name)
def test_of_a_real_delta_every_blob_byte_has_a_block(tmp_path: Path, profile: Profile) -> None:
    text = bytearray(prose(1, 64 * BLOCK_SIZE))
    old = bytes(text) + noise(2, 32 * BLOCK_SIZE) + bytes(8 * BLOCK_SIZE)
    text[10_000:10_100] = b"x" * 100
    new = (
        noise(3, 3 * BLOCK_SIZE)
        + bytes(text[: 40 * BLOCK_SIZE])
        + noise(2, 32 * BLOCK_SIZE)
        + bytes(BLOCK_SIZE)
    )
    for name, data in (("old", old), ("new", new)):
        (tmp_path / name).write_bytes(data)
    out = tmp_path / "delta"
    order = BuildOrder(new_image=tmp_path / "new", out=out, old_image=tmp_path / "old", profile=profile)
    built = build_payload(order)
    with open_payload(out) as payload:
        found = trace(payload, rows(old), rows(new))
        assert int(found.cost.sum()) == payload.manifest.blobs_size == built.size - built.metadata_size
    assert found.bytes_of(Fate.UNCHANGED) == found.bytes_of(Fate.MOVED) == 0
    assert found.blocks_of(Fate.MOVED) >= 32
    same = np.flatnonzero(found.fate == Fate.UNCHANGED)
    assert (rows(old)[same] == rows(new)[same]).all()

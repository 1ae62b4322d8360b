"""The small decisions of the engine: which blocks are handed out, what goes together, what is packed."""

from __future__ import annotations

import bz2
import random
from pathlib import Path

import numpy as np
import pytest

from release.payload import packing
from release.payload.build import BuildOrder, build_payload
from release.payload.extents import to_extents
from release.payload.merging import merge_moves
from release.payload.operations import BLOCK_SIZE, Extent, Operation, OperationType
from release.payload.order import Step
from release.payload.profile import FLATCAR, POSITIONAL_BSPATCH, REPLACE_ONLY
from release.payload.reader import describe
from release.payload.scratch_blocks import ScratchBlocks
from release.payload.spool import Spool, Spooled
from release.payload.structure import client_memory, repeatable


def noise(seed: int, blocks: int) -> bytes:
    return random.Random(seed).randbytes(blocks * BLOCK_SIZE)  # noqa: S311  test data


def test_scratch_comes_from_the_smallest_run_that_is_large_enough() -> None:
    scratch = ScratchBlocks(40, [1, 2, 3, 10, 11, 20, 21, 22, 23, 24], [])
    assert scratch.take(2) == [10, 11]
    assert scratch.take(4) == [20, 21, 22, 23]
    assert scratch.take(4) == [1, 2, 3, 24]
    assert len(scratch) == 0
    scratch.give_back([5, 6])
    assert scratch.take(1) == [5]


def test_the_reserve_is_opened_when_the_rest_is_taken() -> None:
    scratch = ScratchBlocks(40, [1], [30, 31, 32, 35])
    assert len(scratch) == 5
    assert scratch.take(1) == [1]
    assert scratch.used == []
    assert scratch.take(2) == [30, 31]
    assert scratch.used == [30, 31]
    scratch.give_back([30])
    assert sorted(scratch.take(2)) == [30, 32]
    assert scratch.used == [30, 31, 32]


def test_neighbouring_moves_become_one_unless_one_reads_what_another_writes() -> None:
    moves = [Step([0], [10]), Step([1], [11]), Step([10], [20]), Step([2, 3], [3, 4]), Step([5], [6])]
    merged = list(merge_moves(moves))
    assert [(step.dst, step.src) for step in merged] == [
        ([0, 1], [10, 11]),
        ([10], [20]),
        ([2, 3], [3, 4]),
        ([5], [6]),
    ]
    assert moves[0].dst == [0]


def test_a_patch_stays_where_it_is_between_moves() -> None:
    steps = [Step([0], [10]), Step([1], [11], Spooled(0, 0)), Step([2], [12])]
    assert list(merge_moves(steps)) == steps


def test_what_is_sent_goes_by_its_entropy() -> None:
    image = np.frombuffer(noise(1, 3) + b"loose " * 2048 + noise(2, 1), dtype=np.uint8).reshape(
        -1, BLOCK_SIZE
    )
    blocks = np.arange(len(image))
    nothing = np.empty(0, dtype=np.int64)
    loose, dense = packing.carry_blocks(image, blocks, nothing, 1)
    assert loose.operation.type is OperationType.REPLACE_BZ
    assert loose.operation.dst_extents == (Extent(3, 3),)
    assert bz2.decompress(loose.data) == b"loose " * 2048
    assert dense.operation.dst_extents == (Extent(0, 3), Extent(6, 1))
    assert dense.data == noise(1, 3) + noise(2, 1)


def test_what_repeats_is_packed_in_its_order_whatever_its_entropy() -> None:
    image = np.frombuffer(noise(1, 2) + noise(1, 2), dtype=np.uint8).reshape(-1, BLOCK_SIZE)
    (pair,) = packing.carry_blocks(image, np.arange(4), np.array([0, 2, 1, 3]), 1)
    assert pair.operation.dst_extents == tuple(Extent(block, 1) for block in (0, 2, 1, 3))
    assert len(pair.data) < 0.7 * 4 * BLOCK_SIZE


@pytest.mark.parametrize("size", [1, BLOCK_SIZE, 40 * BLOCK_SIZE + 1, 2000 * BLOCK_SIZE - 5])
def test_whole_images_go_front_to_back_in_single_extents(size: int) -> None:
    content = (noise(1, 20) + bytes(30 * BLOCK_SIZE) + noise(2, 3) + b"text" * (2000 * BLOCK_SIZE // 4))[
        :size
    ]
    made = list(packing.carry_front_to_back(np.frombuffer(content, dtype=np.uint8), 2))
    parts = [
        bz2.decompress(item.data) if item.operation.type is OperationType.REPLACE_BZ else item.data
        for item in made
    ]
    assert b"".join(parts) == content
    starts = [item.operation.dst_extents[0] for item in made]
    assert to_extents([block for extent in starts for block in range(extent.start, extent.end)]) == (
        Extent(0, -(-size // BLOCK_SIZE)),
    )
    assert all(item.blocks <= packing.DATA_BLOCKS for item in made)


def test_zeros_take_next_to_nothing() -> None:
    made = list(packing.carry_zeros(np.arange(10_000)))
    assert sum(len(item.data) for item in made) < 400
    assert sum(len(bz2.decompress(item.data)) for item in made) == 10_000 * BLOCK_SIZE


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ([(0, 4)], [(4, 4)], True),
        ([(0, 5)], [(4, 4)], False),
        ([(9, 1), (0, 2)], [(3, 5), (2, 1)], True),
        ([(20, 5), (7, 1)], [(1, 3), (7, 2)], False),
        ([], [(0, 9)], True),
    ],
)
def test_an_operation_can_be_repeated_if_it_keeps_what_it_reads(
    source: list[tuple[int, int]], target: list[tuple[int, int]], expected: bool
) -> None:
    operation = Operation(
        type=OperationType.MOVE,
        src_extents=tuple(Extent(*extent) for extent in source),
        dst_extents=tuple(Extent(*extent) for extent in target),
    )
    assert repeatable(operation) is expected


def test_a_client_holds_data_and_what_it_reads_and_makes() -> None:
    patch = Operation(
        type=OperationType.BSDIFF, data_length=100, src_extents=(Extent(0, 3),), dst_length=5000
    )
    assert client_memory(patch, 4096) == 100 + 3 * 4096 + 5000
    assert client_memory(Operation(type=OperationType.REPLACE, data_length=7), 4096) == 7
    assert all(one.operation_memory_limit == 64 << 20 for one in (FLATCAR, POSITIONAL_BSPATCH, REPLACE_ONLY))


def test_an_image_that_only_shifts_has_operations_that_cannot_be_repeated_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(noise(1, 30))
    (tmp_path / "new").write_bytes(noise(9, 1)[:100] + noise(1, 30)[:-100])
    order = BuildOrder(
        new_image=tmp_path / "new",
        old_image=tmp_path / "old",
        out=tmp_path / "p",
        profile=POSITIONAL_BSPATCH,
    )
    assert build_payload(order).unrepeatable == describe(tmp_path / "p")["unrepeatable"] == 1


def test_what_is_spooled_comes_back(tmp_path: Path) -> None:
    with Spool(tmp_path / "out") as spool:
        places = [spool.add(data) for data in (b"one", b"", b"three")]
        assert [spool.read(place) for place in reversed(places)] == [b"three", b"", b"one"]
    assert list(tmp_path.iterdir()) == []

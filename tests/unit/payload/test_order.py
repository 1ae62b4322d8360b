"""The order of steps in place, tested by running them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.payload.order import Arrangement, Step, arrange
from release.payload.spool import Spooled

PATCH = Spooled(0, 0)


def run(steps: list[Step], content: list[str]) -> list[str]:
    for step in steps:
        read = [content[block] for block in step.src]
        assert len(step.dst) == len(read) or step.patch is not None
        made = read if step.patch is None else ["/".join(read)] * len(step.dst)
        for block, value in zip(step.dst, made, strict=True):
            content[block] = value
    return content


def proved(steps: list[Step], spare: list[int], total: int, empty: tuple[int, ...] = ()) -> Arrangement:
    """Arrange, run, and compare each block with what it should hold."""
    before = [str(block) for block in range(total)]
    wanted: dict[int, str] = {}
    for step in steps:
        made = [before[block] for block in step.src]
        if step.patch is not None:
            made = ["/".join(made)] * len(step.dst)
        wanted.update(zip(step.dst, made, strict=True))
    arrangement = arrange(steps, spare, total, empty)
    after = run(arrangement.steps, list(before))
    for block in range(total):
        if block in {*arrangement.given_up, *arrangement.used, *spare}:
            continue
        assert after[block] == wanted.get(block, before[block])
    assert set(arrangement.given_up) <= set(wanted)
    assert set(arrangement.used) <= set(empty)
    return arrangement


def test_a_read_comes_before_the_write() -> None:
    arrangement = proved([Step([0], [1]), Step([2], [0])], [], 3)
    assert [step.dst for step in arrangement.steps] == [[2], [0]]


def test_a_swap_goes_through_a_spare_block_at_no_cost() -> None:
    arrangement = proved([Step([0], [1]), Step([1], [0])], [2], 3)
    assert arrangement.given_up == []
    assert len(arrangement.steps) == 3


def test_a_swap_without_a_spare_block_goes_through_an_empty_one() -> None:
    arrangement = proved([Step([0], [1]), Step([1], [0])], [], 4, empty=(2, 3))
    assert arrangement.given_up == []
    assert arrangement.used == [2]


def test_a_step_that_overwrites_what_it_reads_reads_a_copy() -> None:
    shift = [Step([1, 2, 3], [0, 1, 2])]
    arrangement = proved(shift, [4, 5], 6)
    assert [step.repeatable for step in arrangement.steps] == [True, True]
    assert arrangement.given_up == []


def test_a_step_that_overwrites_what_it_reads_stays_so_where_there_is_no_room() -> None:
    arrangement = proved([Step([1, 2, 3], [0, 1, 2], PATCH)], [4], 5)
    assert [step.repeatable for step in arrangement.steps] == [False]


def test_moves_are_given_up_rather_than_a_patch() -> None:
    patch, moves = Step(list(range(8)), list(range(8, 16)), PATCH), Step([8, 9], [0, 1])
    arrangement = proved([patch, moves], [], 16)
    assert arrangement.given_up == [8, 9]


def test_a_swap_without_room_gives_one_block_up() -> None:
    assert len(proved([Step([0], [1]), Step([1], [0])], [], 2).given_up) == 1


def test_a_spare_block_that_is_read_is_room_only_afterwards() -> None:
    arrangement = proved([Step([0], [1]), Step([1], [0]), Step([3], [2])], [2], 4)
    assert arrangement.given_up == []


def test_room_is_used_again() -> None:
    swaps = [Step([block], [block ^ 1]) for block in range(20)]
    assert proved(swaps, [20], 21).given_up == []


def test_a_patch_in_a_circle_is_given_up_whole() -> None:
    arrangement = proved([Step([0, 1], [2, 3], PATCH), Step([2, 3], [0, 1], PATCH)], [], 4)
    assert arrangement.given_up in ([0, 1], [2, 3])


@pytest.mark.parametrize("count", [2000])
def test_one_long_circle_costs_one_block(count: int) -> None:
    steps = [Step([block], [(block + 1) % count]) for block in range(count)]
    assert len(proved(steps, [], count).given_up) <= 1 + count // 60


@given(seed=st.integers(0, 2**32), total=st.integers(1, 40), spares=st.integers(0, 3))
@settings(max_examples=300, derandomize=True, deadline=None, database=None)
def test_any_steps_can_be_arranged(seed: int, total: int, spares: int) -> None:
    chance = random.Random(seed)  # noqa: S311  test data
    blocks = list(range(total))
    chance.shuffle(blocks)
    spare, blocks = blocks[:spares], blocks[spares:]
    empty, blocks = tuple(blocks[:spares]), blocks[spares:]
    steps = []
    while blocks:
        size = chance.randint(1, 5)
        dst, blocks = blocks[:size], blocks[size:]
        if chance.random() < 0.2:
            continue
        if chance.random() < 0.3:
            source = chance.sample(range(total), chance.randint(1, min(6, total)))
            steps.append(Step(dst, source, PATCH))
        else:
            steps.append(Step(dst, [chance.randrange(total) for _ in dst]))
    proved(steps, spare, total, empty)


def test_the_order_is_always_the_same() -> None:
    def make() -> Arrangement:
        chance = random.Random(5)  # noqa: S311  test data
        source = list(range(100))
        chance.shuffle(source)
        return arrange([Step([block], [source[block]]) for block in range(100)], [100], 101)

    assert make() == make()

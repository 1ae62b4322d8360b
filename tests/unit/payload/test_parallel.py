"""Work over threads gives the same results in the same order, and no more is under way than is allowed."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from release.payload.parallel import ordered_map

WORKERS = pytest.mark.parametrize("workers", [1, 2, 4])


@WORKERS
def test_results_come_in_order(workers: int) -> None:
    assert list(ordered_map(lambda item: item * 2, range(100), workers)) == list(range(0, 200, 2))
    assert list(ordered_map(str, [], workers)) == []


@WORKERS
def test_an_error_comes_in_its_turn(workers: int) -> None:
    def divide(item: int) -> int:
        return 10 // (item - 3)

    results = ordered_map(divide, range(9), workers)
    assert [next(results) for _ in range(3)] == [-4, -5, -10]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_closing_drops_what_has_not_begun() -> None:
    begun: list[int] = []
    gate = threading.Event()

    def work(item: int) -> int:
        begun.append(item)
        if item:
            gate.wait(60)
        return item

    results = ordered_map(work, range(1000), 2)
    with closing(results):
        assert next(results) == 0
        threading.Timer(1, gate.set).start()
    assert len(begun) <= 3
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


@pytest.mark.parametrize("weights", [[3] * 30, [10, 1, 1, 25, 1, 9, 9], [25] * 5, [0] * 20, [0, 25, 0, 25]])
def test_no_more_weight_is_held_than_the_budget(weights: list[int]) -> None:
    """An item heavier than all of it goes alone. A result counts until the one after it is asked for."""
    lock = threading.Lock()
    held: list[int] = []
    taken = []

    def work(weight: int) -> int:
        with lock:
            held.append(weight)
            assert sum(held) <= 10 or sum(1 for item in held if item) == 1
        return weight

    for weight in ordered_map(work, weights, 4, weigh=lambda item: item, budget=10):
        taken.append(weight)
        with lock:
            held.remove(weight)
    assert taken == weights

"""Limits on requests and bytes, with a clock that only the sleeper moves."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest

from release.mirror.throttle import Throttle, ThrottledBody


class Clock:
    """Time passes by sleeping, or when told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def throttle(rate: float, clock: Clock) -> Throttle:
    return Throttle(rate, clock=clock, sleep=clock.sleep)


def test_a_second_goes_at_once_and_the_rest_at_the_rate() -> None:
    clock = Clock()
    limit = throttle(10, clock)
    for _ in range(30):
        limit.take(1)
    assert clock.now == pytest.approx(102)
    assert clock.slept == pytest.approx([0.1] * 20)


def test_what_is_larger_than_the_bucket_is_waited_for() -> None:
    clock = Clock()
    limit = throttle(10, clock)
    limit.take(50)
    assert clock.slept == pytest.approx([4])


def test_idle_time_saves_up_a_second_and_no_more() -> None:
    clock = Clock()
    limit = throttle(10, clock)
    limit.take(10)
    clock.now += 1000
    limit.take(10)
    assert clock.slept == []
    limit.take(5)
    assert clock.slept == pytest.approx([0.5])


def test_threads_share_one_rate() -> None:
    """Their debts add up: eighty units at ten a second, a second's worth at once, are owed seven seconds."""
    slept: list[float] = []
    limit = Throttle(10, clock=lambda: 0.0, sleep=slept.append)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(limit.take, [1] * 80))
    assert len(slept) == 70
    assert max(slept) == pytest.approx(7)


def test_a_body_is_read_at_the_rate_and_again_from_the_beginning() -> None:
    clock = Clock()
    body = ThrottledBody(io.BytesIO(b"0123456789" * 3), throttle(10, clock))
    while body.read(5):
        pass
    assert clock.now == pytest.approx(102)
    assert body.tell() == 30
    assert body.seek(0) == 0
    assert body.read() == b"0123456789" * 3
    assert clock.now == pytest.approx(105)

"""Work over threads with results in order. bzip2, hashing and compiled parts leave the interpreter lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_IN_FLIGHT = 3
"""Items per worker that are under way or waiting to be taken; bounds memory."""


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    *,
    weigh: Callable[[Item], int] | None = None,
    budget: int = 0,
) -> Generator[Result, None, None]:
    """``map`` over ``workers`` threads: the same results in the same order for any number of them.

    Closing the iterator early, or an exception where it is used, drops what has not begun and waits for
    what has: at most one item per worker. An error of ``function`` comes when its item's turn does.

    Args:
        function: called once for each item; with one worker when its result is asked for.
        items: taken in the calling thread, not all at once.
        workers: threads; with one, none is started.
        weigh: bytes that an item takes from when it is begun until the result after its own is asked for.
        budget: the most bytes under way and waiting together. An item that is heavier runs alone.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        length = workers * _IN_FLIGHT
        window = _Window(pool, function, iter(items), length=length, weigh=weigh, budget=budget)
        try:
            while window.fill():
                yield window.take()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Window(Generic[Item, Result]):
    """The items that are under way or wait to be taken, oldest first, each with its weight."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        function: Callable[[Item], Result],
        source: Iterator[Item],
        *,
        length: int,
        weigh: Callable[[Item], int] | None,
        budget: int,
    ) -> None:
        self._pool, self._function, self._source = pool, function, source
        self._length, self._weigh, self._budget = length, weigh, budget
        self._pending: deque[tuple[Future[Result], int]] = deque()
        self._next: list[tuple[Item, int]] = []  # taken from the source, but too heavy for now
        self._held = 0
        self._taken = 0

    def fill(self) -> bool:
        """Begin what fits; returns whether anything is pending."""
        self._held -= self._taken
        self._taken = 0
        while len(self._pending) < self._length:
            if not self._next:
                items = islice(self._source, 1)
                self._next = [(item, self._weigh(item) if self._weigh else 0) for item in items]
            if not self._next:
                break
            item, weight = self._next[0]
            if self._pending and self._held + weight > self._budget and weight:
                break
            self._next.clear()
            self._pending.append((self._pool.submit(self._function, item), weight))
            self._held += weight
        return bool(self._pending)

    def take(self) -> Result:
        """The oldest result; its weight counts until the next ``fill``."""
        future, self._taken = self._pending.popleft()
        return future.result()


@contextmanager
def beside(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[Callable[[], list[Result]]]:
    """Work on ``items`` in a thread of its own beside the block; what is yielded gives the results.

    With one worker the work is done when the results are asked for.
    """
    if workers <= 1:
        yield lambda: [function(item) for item in items]
        return
    with ThreadPoolExecutor(1) as pool:
        pending = [pool.submit(function, item) for item in items]
        try:
            yield lambda: [future.result() for future in pending]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

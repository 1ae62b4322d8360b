"""Work over threads with results in order. bzip2, hashing and bsdiff leave the interpreter lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_IN_FLIGHT = 3
"""Items per worker that are under way or waiting to be taken; bounds memory."""


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """``map`` over ``workers`` threads: the same results in the same order for any number of them.

    Closing the iterator early drops what has not begun.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    source = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[Result]] = deque(
            pool.submit(function, item) for item in islice(source, workers * _IN_FLIGHT)
        )
        try:
            while pending:
                yield pending.popleft().result()
                pending.extend(pool.submit(function, item) for item in islice(source, 1))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

"""Does pure work in several processes where that pays, and in one where it does not or cannot.

The others are forks of this one: they know everything that it knows, take tasks from the same heap, and hand
back what came out. They touch nothing else: no connection, no file that was open before. One that dies, or
does not come to an end (another thread held a lock when it was forked), is done without: what it had taken is
done here. So the outcome is the same in any case.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import BinaryIO, Generic, TypeVar

T = TypeVar("T")

MOST = 4
"""Processes at the most. Two take little more than half of the time (measured); memory grows with each."""
_PATIENCE = 60.0
"""Seconds to wait for the others when there is nothing left to do here."""


def processors() -> int:
    """How many processes could work at the same time here, up to ``MOST``."""
    return min(MOST, len(os.sched_getaffinity(0)))


@dataclass(slots=True)
class Outcome(Generic[T]):
    """``results`` are in the order of the tasks; ``findings`` are what the others found besides."""

    results: list[T]
    findings: list[object] = field(default_factory=list)


def work_off(
    tasks: Sequence[Callable[[], T]], processes: int, besides: Callable[[], object] = lambda: None
) -> Outcome[T]:
    """Do every task once, in any order, and return what they return.

    Args:
        tasks: pure; the longest first is best, up to 255 of them. What they return can be pickled.
        processes: that work, this one included.
        besides: asked in each of the other processes when it is done, for ``findings``.

    Raises whatever a task raises.
    """
    heap = _Heap(len(tasks))
    done: dict[int, T] = {}
    findings: list[object] = []
    with ExitStack() as stack:
        stack.callback(heap.close)
        wanted = min(processes, len(tasks)) - 1
        helpers = [stack.enter_context(_Helper(lambda: _take(heap, tasks), besides)) for _ in range(wanted)]
        done |= _take(heap, tasks)
        for helper in helpers:
            answer = helper.answer()
            if answer is not None:
                done |= answer[0]
                findings.append(answer[1])
    missing = (number for number in range(len(tasks)) if number not in done)
    done |= {number: tasks[number]() for number in missing}
    return Outcome([done[number] for number in range(len(tasks))], findings)


def _take(heap: _Heap, tasks: Sequence[Callable[[], T]]) -> dict[int, T]:
    done = {}
    while (number := heap.take()) is not None:
        done[number] = tasks[number]()
    return done


class _Heap:
    """Numbers of tasks, in a pipe: each byte is read by one process only."""

    def __init__(self, count: int) -> None:
        self._source, sink = os.pipe()
        os.write(sink, bytes(range(count)))
        os.close(sink)

    def take(self) -> int | None:
        taken = os.read(self._source, 1)
        return taken[0] if taken else None

    def close(self) -> None:
        os.close(self._source)


class _Helper(Generic[T]):
    """Another process. When the block ends it is gone, whatever it was doing."""

    def __init__(self, work: Callable[[], dict[int, T]], besides: Callable[[], object]) -> None:
        self._work, self._besides = work, besides
        self._pid = 0

    def __enter__(self) -> _Helper[T]:
        self._result: BinaryIO = tempfile.TemporaryFile()
        self._ended, alive = os.pipe()
        with warnings.catch_warnings(), suppress(OSError):  # no room for another process: done without
            warnings.simplefilter("ignore", DeprecationWarning)  # of 3.12, where there are threads: see above
            self._pid = os.fork()
            if self._pid == 0:
                self._run()
        os.close(alive)
        return self

    def answer(self) -> tuple[dict[int, T], object] | None:
        """What it did, and found; None when it did not come to a good end."""
        waiting = select.poll()
        waiting.register(self._ended, select.POLLIN)
        if not self._pid or not waiting.poll(1000 * _PATIENCE) or self._reap() != 0:
            return None
        self._result.seek(0)
        with suppress(EOFError, pickle.UnpicklingError):
            return pickle.load(self._result)  # type: ignore[no-any-return]  # noqa: S301  # our process wrote it
        return None

    def __exit__(self, *_: object) -> None:
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._reap()
        os.close(self._ended)
        self._result.close()

    def _reap(self) -> int | None:
        """How it ended; None when somebody else in this process was told."""
        pid, self._pid = self._pid, 0
        with suppress(ChildProcessError):
            return os.waitpid(pid, 0)[1]
        return None

    def _run(self) -> None:
        """In the other process, to its end. Nothing is cleaned up there: it all belongs to its parent."""
        status = 1
        try:
            gc.disable()  # nor is anything closed that nobody refers to any more
            pickle.dump((self._work(), self._besides()), self._result, protocol=5)
            self._result.flush()
            status = 0
        finally:
            os._exit(status)

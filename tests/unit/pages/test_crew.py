"""Work is done once, whoever does it and whatever becomes of the others."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from release.pages import crew
from release.pages.crew import work_off


def _square(number: int) -> int:
    return number * number


def _not_elsewhere(here: int, ending: Callable[[], object], number: int) -> int:
    if os.getpid() != here:
        ending()
    time.sleep(0.01)  # so that the others take their part
    return number * number


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Processes that were begun here. This one may have others, of other tests."""
    fork, found = os.fork, list[int]()

    def noting() -> int:
        pid = fork()
        found.append(pid)
        return pid

    monkeypatch.setattr(os, "fork", noting)
    return found


def _are_gone(pids: list[int]) -> bool:
    for pid in pids:
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return bool(pids)


@pytest.mark.parametrize("processes", [0, 1, 2, 4, 9])
def test_results_are_in_the_order_of_the_tasks(processes: int) -> None:
    tasks = [partial(_square, number) for number in range(7)]
    assert work_off(tasks, processes).results == [0, 1, 4, 9, 16, 25, 36]
    assert work_off([], processes) == crew.Outcome([])


def test_the_others_tell_what_they_found() -> None:
    here = os.getpid()
    tasks = [partial(_not_elsewhere, here, int, number) for number in range(6)]
    found = work_off(tasks, 3, os.getpid)
    assert found.results == [0, 1, 4, 9, 16, 25]
    assert len(set(found.findings) - {here}) == 2


def _fail() -> int:
    raise ValueError("elsewhere")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    "ending",
    [_fail, partial(os._exit, 0), partial(os._exit, 3), _die, partial(time.sleep, 60)],
    ids=["raises", "says nothing", "exits", "dies", "hangs"],
)
def test_what_others_do_not_finish_is_done_here(
    ending: Callable[[], object], monkeypatch: pytest.MonkeyPatch, forked: list[int]
) -> None:
    monkeypatch.setattr(crew, "_PATIENCE", 0.2)
    tasks = [partial(_not_elsewhere, os.getpid(), ending, number) for number in range(6)]
    assert work_off(tasks, 2).results == [0, 1, 4, 9, 16, 25]
    assert _are_gone(forked)


def test_without_room_for_another_process_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", no_room)
    assert work_off([partial(_square, 3)] * 3, 2).results == [9, 9, 9]


def test_an_error_here_ends_the_others(forked: list[int]) -> None:
    slow = [partial(_not_elsewhere, os.getpid(), partial(time.sleep, 60), number) for number in range(3)]
    tasks: list[Callable[[], int]] = [*slow, _fail]
    with pytest.raises(ValueError, match="elsewhere"):
        work_off(tasks, 2)
    assert _are_gone(forked)


def test_threads_may_each_have_others_work_for_them() -> None:
    """As below a server or an orchestrator, which runs steps in threads."""
    tasks = [partial(_square, number) for number in range(50)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: work_off(tasks, 2).results, range(12)))
    assert found == [[number * number for number in range(50)]] * 12

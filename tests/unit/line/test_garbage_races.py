"""A release is asked for, moved to and collected at the same time: one wins, and no pointer leads nowhere.

Every object that one pipeline reads or writes is a place where the other may come in between. First, one of
them runs as a whole at each such place of the other; then both take turns, object by object, by dice.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

from release.bundle.layout import published_keys
from release.catalog.naming import image_prefix
from release.catalog.version import Version
from release.digests import Digest
from release.errors import HumpyardError
from release.line.garbage import record_garbage
from release.line.garbage_deleting import sweep
from release.line.requests import ask_gate
from release.mirror.pointers import MissingBytesError, read_channel_pointer
from tests.keeping_yard import NAMING, KeepingYard, documented, long_story
from tests.memory_store import MemoryStore
from tests.unit.pages.samples import AMD64

TWO = Version(2, 0, 0)
Act = Callable[[KeepingYard], None]


class SteppedStore(MemoryStore):
    """Asks ``between`` before each object is looked at or written."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        super().__init__(objects)
        self.between: Callable[[], None] = _nothing

    def open(self, key: str) -> Any:
        self.between()
        return super().open(key)

    def stat(self, key: str) -> Any:
        self.between()
        return super().stat(key)

    def list(self, prefix: str) -> Iterator[str]:
        self.between()
        return super().list(prefix)

    def create(self, key: str, *source: Any, **more: Any) -> Any:
        self.between()
        return super().create(key, *source, **more)

    def replace(self, key: str, data: bytes, **more: Any) -> None:
        self.between()
        super().replace(key, data, **more)

    def swap_pointer(self, key: str, expected: str | None, data: bytes) -> Any:
        self.between()
        with _silence(self):
            return super().swap_pointer(key, expected, data)

    def delete(self, key: str) -> None:
        self.between()
        super().delete(key)


def _nothing() -> None:
    """Nobody comes in between."""


@contextmanager
def _silence(store: SteppedStore) -> Iterator[None]:
    """A swap is one step, though it looks and writes: nobody comes in between."""
    store._lock.acquire()
    before, store.between = store.between, _nothing
    try:
        yield
    finally:
        store.between = before
        store._lock.release()


@cache
def _story() -> KeepingYard:
    return long_story()


def fresh() -> tuple[SteppedStore, KeepingYard]:
    """The story anew, on a store of its own."""
    told = _story()
    store = SteppedStore(dict(told.store.objects))
    return store, told.another(store)


def promote(told: KeepingYard) -> None:
    """Ask for 2.0.0 in beta, see that its bytes are there, bring them under beta, move."""
    request = told.ask("2.0.0", "beta")
    ask_gate(told.yard, request)
    built, target = (image_prefix(channel, AMD64, TWO) for channel in ("alpha", "beta"))
    for key in published_keys(documented("2.0.0"), NAMING):
        data = told.store.read(key)
        if key.startswith(built):
            told.store.create(target + key.removeprefix(built), data, sha256=Digest.sha256(data))
    told.carry_out(request)


def collect(told: KeepingYard) -> None:
    """Collect and delete."""
    record_garbage(told.yard)
    sweep(told.yard)


def outcome(act: Act, told: KeepingYard) -> str:
    """Whether it went well; else what it was told. A pointer that would lead nowhere fails the test."""
    try:
        act(told)
    except MissingBytesError:
        raise
    except HumpyardError as error:
        return error.message
    return "done"


def check(store: SteppedStore, promoted: str) -> str:
    """Who won. Whatever a pointer or a head leads to must be there, to the last file."""
    store.between = _nothing
    told = _story().another(store)
    collect(told)  # whoever lost has been made up for by the next run
    told.align()
    state = told.state
    for channel, head in state.heads.items():
        pointer = read_channel_pointer(store, channel, AMD64, naming=NAMING)
        assert pointer is not None
        assert pointer.version == head.version
        built = image_prefix("alpha", AMD64, head.version)
        for key in published_keys(documented(str(head.version)), NAMING):
            there = image_prefix(channel, AMD64, head.version) + key.removeprefix(built)
            assert (there if key.startswith(built) else key) in store.objects, (channel, key)
    moved = state.heads["beta"].version == TWO
    assert moved != (TWO in state.collected)
    if moved:
        assert promoted == "done"
        return "moved"
    left = [key for key in store.objects if "/2.0.0/" in key and not key.startswith("releases/")]
    assert left == []
    assert "collected" in promoted or "no such object" in promoted, promoted
    return "collected"


def _steps(act: Act) -> int:
    store, told = fresh()
    count = 0

    def counted() -> None:
        nonlocal count
        count += 1

    store.between = counted
    outcome(act, told)
    return count


def _at(store: SteppedStore, place: int, run: Callable[[], None]) -> None:
    """Run something right before the step of that number."""
    count = 0

    def between() -> None:
        nonlocal count
        count += 1
        if count == place:
            store.between = _nothing
            run()

    store.between = between


@pytest.mark.parametrize("first", ["promote", "collect"])
def test_one_runs_as_a_whole_at_any_step_of_the_other(first: str) -> None:
    acts: dict[str, Act] = {"promote": promote, "collect": collect}
    outer = acts.pop(first)
    (inner,) = acts.values()
    won: Counter[str] = Counter()
    for place in range(1, _steps(outer) + 1):
        store, told = fresh()
        other = told.another()
        said: dict[Act, str] = {}
        _at(store, place, lambda other=other, said=said: said.update({inner: outcome(inner, other)}))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        said[outer] = outcome(outer, told)
        won[check(store, said[promote])] += 1
    assert set(won) == {"moved", "collected"}, won


class Turns:
    """Lets one of several threads take a step at a time, by dice that fall the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - dice, no secret
        self._changed = threading.Condition()
        self._waiting: set[str] = set()
        self._live: set[str] = set()
        self._turn = ""

    def step(self) -> None:
        """Called by a thread before each step; returns when it is its turn."""
        name = threading.current_thread().name
        if name not in self._live:
            return
        with self._changed:
            self._waiting.add(name)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._turn == name)
            self._turn = ""

    def run(self, acts: dict[str, Callable[[], None]]) -> None:
        """Run all to their ends."""
        self._live = set(acts)
        threads = [
            threading.Thread(target=self._until_done, args=(name, act), name=name)
            for name, act in acts.items()
        ]
        for thread in threads:
            thread.start()
        with self._changed:
            while True:
                self._changed.wait_for(lambda: not self._turn and self._waiting == self._live)
                if not self._live:
                    break
                self._turn = self._dice.choice(sorted(self._waiting))
                self._waiting.remove(self._turn)
                self._changed.notify_all()
        for thread in threads:
            thread.join()

    def _until_done(self, name: str, act: Callable[[], None]) -> None:
        try:
            self.step()
            act()
        finally:
            with self._changed:
                self._live.remove(name)
                self._changed.notify_all()


def _raced(seed: int) -> str:
    """Who won, of a promoter and two collectors."""
    store, told = fresh()
    turns = Turns(seed)
    store.between = turns.step
    said: dict[str, str] = {}

    def runner(name: str, act: Act) -> Callable[[], None]:
        own = told.another()
        return lambda: said.update({name: outcome(act, own)})

    crowd: dict[str, Act] = {"one": collect, "promoter": promote, "two": collect}
    turns.run({name: runner(name, act) for name, act in crowd.items()})
    assert set(said) == set(crowd)
    return check(store, said["promoter"])


def test_both_take_turns_object_by_object() -> None:
    won = Counter(_raced(seed) for seed in range(60))
    assert set(won) == {"moved", "collected"}, won

"""Uploads that nobody goes on with are aborted wherever they are; who is away stops nobody."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import cast

from release.errors import UnavailableError
from release.line.garbage_uploads import IDLE, uploads_job
from release.line.yard import Yard
from tests.memory_store import MemoryStore


class Bucket(MemoryStore):
    """A store with unfinished uploads, or one that does not answer."""

    def __init__(self, *idle: str, away: bool = False) -> None:
        super().__init__()
        self.idle, self.away = idle, away
        self.asked: list[timedelta] = []

    def clean_up(self, older_than: timedelta) -> tuple[str, ...]:
        if self.away:
            raise UnavailableError("no answer")
        self.asked.append(older_than)
        return self.idle


def outcome(store: MemoryStore, **mirrors: MemoryStore | None) -> str:
    reached = {
        name: SimpleNamespace(store=None if one is None else lambda one=one: one)
        for name, one in mirrors.items()
    }
    (step,) = uploads_job(cast("Yard", SimpleNamespace(store=store, mirrors=reached)))
    return step.run(lambda _done, _total: None)


def test_the_store_and_every_mirror_that_has_uploads_are_asked() -> None:
    origin, mirror = Bucket("a", "b"), Bucket("c")
    assert outcome(origin, eu=mirror, directory=MemoryStore(), rsync=None) == "3 aborted"
    assert origin.asked == mirror.asked == [IDLE]


def test_a_mirror_that_is_away_is_told_and_stops_no_other() -> None:
    last = Bucket("c")
    assert outcome(MemoryStore(), eu=Bucket(away=True), us=last) == "1 aborted; eu: no answer"
    assert last.asked == [IDLE]

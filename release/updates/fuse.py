"""The update server's own fuse: it stops offering a release here, at once, when its numbers say so.

The pipeline halts a rollout in the ledger, for all servers and for good; until it has, a server that has
seen enough does not wait for it. A fuse that is blown stays so until people let the rollout go on, which
the channel document tells by a later ``since``: machines from before do not count after it.

Where nobody counts, nobody can halt. So a release whose rollout has halt rules is held back, too, when
its numbers could not be looked at for ``blind_after``, or were too low for so long, as with a full disk.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Protocol

from release.catalog.version import Version
from release.digests import Digest
from release.errors import HumpyardError
from release.promotion.delivery import HaltRules
from release.updates.counts import RolloutCounts
from release.updates.halting import judge

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A release with halt rules, as the newest channel document has it: a rollout, or a floor before one."""

    channel: str
    version: Version
    release: Digest
    since: datetime | None
    """When the rollout began, or went on, last. None: a floor whose rollout is stopped.

    Machines may still pass through it to what the channel was at before; all that were offered it count.
    """
    rules: HaltRules


class Counter(Protocol):
    """Where machines are counted; see ``EventStore.summary``."""

    def summary(
        self,
        channel: str,
        version: Version,
        now: datetime,
        *,
        silence_after: timedelta | None = None,
        since: datetime | None = None,
    ) -> RolloutCounts:
        """Count machines. Raises HumpyardError when that cannot be done now."""
        ...


class Fuse:
    """Releases that are offered to nobody here: ``release in fuse``. Safe for threads.

    ``watched`` gives the rollouts that go on now. ``look`` is what a timer calls; ``start`` makes a
    thread that is one.
    """

    def __init__(
        self,
        counter: Counter,
        watched: Callable[[], Iterable[Watched]],
        clock: Callable[[], datetime],
        *,
        counting: Callable[[], bool] = lambda: True,
        blind_after: timedelta = timedelta(hours=1),
    ) -> None:
        """``counting`` says whether all that machines tell is counted now."""
        self._counter, self._watched, self._clock = counter, watched, clock
        self._counting, self._blind_after = counting, blind_after
        self._seen: dict[Watched, datetime] = {}
        self._blown: dict[Watched, str] = {}
        self._held: Mapping[Digest, str] = MappingProxyType({})
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def __contains__(self, release: object) -> bool:
        return release in self._held

    @property
    def held(self) -> Mapping[Digest, str]:
        """Releases that are held back here, and why."""
        return self._held

    def start(self, interval: float = 15.0) -> None:
        """Look now, and every so many seconds from a thread of its own, until ``close``."""
        self.look()
        self._thread = threading.Thread(target=self._run, args=(interval,), name="fuse", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. What is held back stays so."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> None:
        """Judge every rollout by the numbers of now."""
        now, rollouts = self._clock(), list(self._watched())
        self._seen = {one: self._seen.get(one, now) for one in rollouts}
        self._blown = {one: why for one in rollouts if (why := self._why_blown(one)) is not None}
        for one in rollouts:
            if one not in self._blown:
                self._look_at(one, now)
        held = {one.release: why for one, why in self._blown.items()}
        for one, last in self._seen.items():
            if now - last > self._blind_after:
                held.setdefault(
                    one.release, f"nobody could count its machines since {last:%Y-%m-%d %H:%M} UTC"
                )
        self._held = MappingProxyType(held)

    def _why_blown(self, one: Watched) -> str | None:
        """Why it is held back since an earlier look. That a rollout was stopped opens no floor before it."""
        if one.since is not None or one in self._blown:
            return self._blown.get(one)
        found = (why for blown, why in self._blown.items() if _place(blown) == _place(one))
        return next(found, None)

    def _look_at(self, one: Watched, now: datetime) -> None:
        try:
            counts = self._counter.summary(
                one.channel, one.version, now, silence_after=one.rules.silence_after, since=one.since
            )
        except HumpyardError as error:
            _LOG.error("fuse of %s in %s: %s", one.version, one.channel, error.message)
            return
        if self._counting():
            self._seen[one] = now
        verdict = judge(one.rules, counts)
        if verdict.halts:
            self._blown[one] = verdict.text
            _LOG.error("%s is not offered in %s any more, here: %s", one.version, one.channel, verdict.text)

    def _run(self, interval: float) -> None:
        while not self._ending.wait(interval):
            try:
                self.look()
            except Exception:  # noqa: BLE001  whatever it is, the next look may go well
                _LOG.exception("fuse: a mistake in the program")


def _place(one: Watched) -> tuple[str, Digest]:
    return one.channel, one.release

"""What stands between machines and the event store: a thread writes, so that nobody waits for a database.

Reports are merged in memory and written in batches. When the database is away they wait, up to a limit;
then new ones are dropped, counted, and complained about. What is asked for every machine is answered from
memory, which a look at the database renews every few seconds.

What was told less than ``interval`` ago, or ``settle`` for reports that name no release, is lost when this
process is killed.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, TypeVar

from release.catalog.version import Version
from release.errors import HumpyardError, UnavailableError
from release.updates.counts import MachineKey, PayloadKind, Progress, Report
from release.updates.event_store import EventStore
from release.updates.event_store_pending import Pending

K = TypeVar("K")
V = TypeVar("V")
_LOG = logging.getLogger(__name__)
_RETRY = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds between tries while the database is away; the last again and again."""
_LATE = 300
"""Seconds by which another server's rows may be dated before they can be read."""
_LOSING = timedelta(seconds=60)
"""For how long after a report was lost counts are said to be too low."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderOptions:
    """Limits of the recorder, and how often it acts; seconds where nothing else is said."""

    pending: int = 100_000
    """Machines whose reports may wait; some 40 MB."""
    batch: int = 5_000
    """So many are written without waiting for ``interval``."""
    interval: float = 0.25
    settle: float = 2.0
    """For how long a report that names no release waits: another server may have to write its offer yet."""
    refresh: float = 10.0
    """Between looks at what other servers wrote."""
    remembered: int = 200_000
    """Machines kept in memory of each kind: deltas offered, deltas that failed, offers under a limit."""
    rows: int = 20_000_000
    """Rows in the database, beyond which no machine is added; some 1 to 3 GB."""
    keep: timedelta = timedelta(days=60)
    """How long a row is kept after its last change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderMetrics:
    """What the recorder did, for monitoring."""

    written: int = 0
    """Machines whose reports were written, counted once per batch."""
    dropped: int = 0
    """Reports that were lost: above zero, counts are too low."""
    waiting: int = 0
    away_since: datetime | None = None
    """Since when the database does not answer."""
    full: bool = False
    """Whether the database holds as many rows as it may."""


class _Memory(Generic[K, V]):
    """What was learned last, up to a limit: what came in first goes first."""

    def __init__(self, limit: int) -> None:
        self._limit, self._known = limit, OrderedDict[K, V]()

    def __contains__(self, key: K) -> bool:
        return key in self._known

    def get(self, key: K) -> V | None:
        return self._known.get(key)

    def put(self, key: K, value: V) -> None:
        self._known[key] = value
        while len(self._known) > self._limit:
            self._known.popitem(last=False)

    def drop(self, key: K) -> None:
        self._known.pop(key, None)


_Offer = tuple[MachineKey, Version]


class StoreRecorder:
    """A ``Recorder`` on an ``EventStore``. ``close`` writes what waits, and ends the thread."""

    def __init__(
        self, store: EventStore, clock: Callable[[], datetime], options: RecorderOptions | None = None
    ) -> None:
        self._store, self._clock = store, clock
        self._options = options or RecorderOptions()
        self._lock = threading.Lock()
        self._wake, self._ending = threading.Event(), threading.Event()
        self._pending, self._unwritten = Pending(), Pending()
        self._metrics = RecorderMetrics()
        self._lost_at: datetime | None = None
        self._settling = 0
        remembered = self._options.remembered
        self._failed: _Memory[_Offer, None] = _Memory(remembered)
        self._offers: _Memory[_Offer, None] = _Memory(remembered)
        self._deltas: _Memory[MachineKey, Version] = _Memory(remembered)
        self._last_hour: Mapping[str, int] = {}
        self._uncounted: dict[str, int] = {}
        self._since_counted = 0
        self._refreshed: datetime | None = None
        self._tidied: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="event-store", daemon=True)

    def start(self) -> None:
        """Learn what the database knows, if it answers, and begin to write."""
        self._attempt(self._refresh)
        self._thread.start()

    def close(self, patience: float = 10.0) -> None:
        """Write what waits, for at most so many seconds; then let go of the database."""
        self._ending.set()
        self._wake.set()
        self._thread.join(patience)
        self._store.close()

    def record(self, report: Report) -> None:
        """Take note of it. Takes microseconds, whatever the database does."""
        offers = report.progress is Progress.OFFERED
        with self._lock:
            limit = self._options.pending - len(self._unwritten)
            refused = self._metrics.full and offers
            taken = not refused and self._pending.add(report, limit, time.monotonic())
            if not taken:
                self._lose(1)
            if offers and report.version is not None:
                self._remember_offer(report, report.version)
            if report.progress is Progress.FAILED:
                self._remember_failure(report)
            due = len(self._pending) - self._settling >= self._options.batch
        if due:
            self._wake.set()

    def failed_delta(self, machine: MachineKey, version: Version) -> bool:
        """Whether a delta to ``version`` failed on it. Failures elsewhere are known a refresh later."""
        with self._lock:
            return (machine, version) in self._failed

    def offered_before(self, machine: MachineKey, version: Version) -> bool:
        """Whether it was offered ``version`` under a limit, as far as is remembered."""
        with self._lock:
            return (machine, version) in self._offers

    def offers_last_hour(self, group: str, now: datetime) -> int:  # noqa: ARG002 - the protocol's form
        """How many machines of the group were first offered something in the last hour.

        Exact for what this process offered; what others did is known a refresh later, so that a limit
        may be passed by what they all offer in that time.
        """
        with self._lock:
            return self._last_hour.get(group, 0) + self._uncounted.get(group, 0)

    def counts_all(self) -> bool:
        """Whether all that machines tell is counted now: the database answers, has room, and keeps up."""
        with self._lock:
            held_up = self._metrics.full or self._metrics.away_since is not None
            losing = self._lost_at is not None and self._clock() - self._lost_at < _LOSING
            return not (held_up or losing)

    def metrics(self) -> RecorderMetrics:
        """What was done so far."""
        with self._lock:
            return replace(self._metrics, waiting=len(self._pending) + len(self._unwritten))

    def _remember_offer(self, report: Report, version: Version) -> None:
        machine, group = report.machine, report.group
        if report.kind is PayloadKind.DELTA:
            self._deltas.put(machine, version)
        else:
            self._deltas.drop(machine)
        if group and (machine, version) not in self._offers:
            self._offers.put((machine, version), None)
            self._uncounted[group] = self._uncounted.get(group, 0) + 1

    def _remember_failure(self, report: Report) -> None:
        """At once where this process made the offer; else the next refresh tells of it."""
        version = self._deltas.get(report.machine)
        if version is not None and report.version in {None, version}:
            self._failed.put((report.machine, version), None)

    def _run(self) -> None:
        tries = 0
        while True:
            away = self._metrics.away_since is not None
            pause = _RETRY[min(tries, len(_RETRY) - 1)] if away else self._options.interval
            ending = self._ending.wait(pause) if away else self._wake.wait(pause) and self._ending.is_set()
            self._wake.clear()
            done = self._attempt(self._round)
            tries = 0 if done else tries + 1
            if ending or self._ending.is_set():
                self._attempt(partial(self._write, settle=-math.inf))
                return

    def _attempt(self, act: Callable[[], None]) -> bool:
        """Do it; tells whether the database answered. Whatever goes wrong, this thread goes on."""
        try:
            act()
        except UnavailableError as error:
            self._is_away(error)
            return False
        except HumpyardError as error:
            self._lose_batch(error.message)
            return False
        except Exception:  # noqa: BLE001  whatever it is, later reports must be written
            _LOG.exception("event store: reports are lost by a mistake in the program")
            self._lose_batch("a mistake in the program")
            return False
        self._is_back()
        return True

    def _round(self) -> None:
        self._write()
        now = self._clock()
        if self._refreshed is None or now - self._refreshed >= timedelta(seconds=self._options.refresh):
            self._refresh()
        filled = self._since_counted > self._options.rows // 100
        if self._tidied is None or now - self._tidied >= timedelta(hours=1) or filled:
            self._tidy()

    def _write(self, settle: float | None = None) -> None:
        settle = self._options.settle if settle is None else settle
        with self._lock:
            if not self._unwritten:
                self._unwritten = self._pending.take(time.monotonic() - settle)
                self._settling = len(self._pending)
            batch = self._unwritten
        if not batch:
            return
        self._store.write(batch, self._clock())
        with self._lock:
            self._metrics = replace(self._metrics, written=self._metrics.written + len(batch))
            self._since_counted += len(batch.offered)
            self._unwritten = Pending()

    def _refresh(self) -> None:
        """Renew what is kept in memory."""
        now = self._clock()
        since = 0 if self._refreshed is None else int(self._refreshed.timestamp()) - _LATE
        failed = self._store.failed_deltas(since, self._options.remembered)
        offers = self._store.limited_offers(since, self._options.remembered)
        with self._lock:  # what is made from here on counts beside what the database says
            before, waiting = dict(self._uncounted), self._waiting_offers()
        counted = self._store.offers_last_hour(now)
        with self._lock:
            for one in reversed(failed):
                self._failed.put((one.machine, one.version), None)
            for one in reversed(offers):
                self._offers.put((one.machine, one.version), None)
            for group, number in self._uncounted.items():
                waiting[group] = waiting.get(group, 0) + number - before.get(group, 0)
            self._last_hour, self._uncounted = counted, waiting
        self._refreshed = now

    def _waiting_offers(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for batch in (self._pending, self._unwritten):
            for one in batch.offered.values():
                if one.group:
                    found[one.group] = found.get(one.group, 0) + 1
        return found

    def _tidy(self) -> None:
        now = self._clock()
        gone = self._store.forget(now - self._options.keep)
        full = self._store.size() >= self._options.rows
        if full and not self._metrics.full:
            _LOG.error("event store: as many rows as it may have; new machines are not counted")
        with self._lock:
            self._metrics = replace(self._metrics, full=full)
        self._since_counted = 0
        self._tidied = now
        if gone:
            _LOG.info("event store: forgot %d machines", gone)

    def _is_away(self, error: UnavailableError) -> None:
        if self._metrics.away_since is None:
            _LOG.error("%s; reports wait in memory, then they are dropped", error.message)
            with self._lock:
                self._metrics = replace(self._metrics, away_since=self._clock())

    def _is_back(self) -> None:
        if self._metrics.away_since is not None:
            _LOG.warning(
                "event store: it answers again; %d reports were dropped so far", self._metrics.dropped
            )
            with self._lock:
                self._metrics = replace(self._metrics, away_since=None)

    def _lose_batch(self, why: str) -> None:
        """A batch that can never be written must not stop those that can."""
        with self._lock:
            lost, self._unwritten = len(self._unwritten), Pending()
            self._lose(lost)
        _LOG.error("%s; %d reports are lost", why, lost)

    def _lose(self, reports: int) -> None:
        """Under the lock."""
        if reports:
            self._metrics = replace(self._metrics, dropped=self._metrics.dropped + reports)
            self._lost_at = self._clock()

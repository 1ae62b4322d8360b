"""What update servers count: one row for each machine, release, channel and board, in SQLite or PostgreSQL.

Rows are merged, by the rule of ``event_store_statements``, so that any number of servers may write to one
database, in any order and again. Every method may block, and raises what ``store_errors`` says;
``event_store_recorder`` is what stands between them and machines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, case, delete, func, or_, select, tuple_

from release.catalog.version import Version
from release.updates.counts import MachineKey, Progress, RolloutCounts
from release.updates.event_store_pending import Offered, Pending, Place, Slot, Told
from release.updates.event_store_schema import (
    FAILED_DELTA,
    LIMITED,
    OFFERS,
    TARGETS,
    database_url,
    make_tables,
    open_engine,
    store_errors,
    writing,
)
from release.updates.event_store_statements import OfferRow, ToldRow, dialect_of, offer, tell

T = TypeVar("T")
_CODES = 20
"""Error codes that a summary tells: machines may send any."""
_AT_ONCE = 500
"""Machines that one statement asks for."""
_DELETED_AT_ONCE = 5_000
"""Rows: others may write in between."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class KnownOffer:
    """A machine and a release, as it is remembered in memory; ``at`` in seconds since 1970."""

    machine: MachineKey
    version: Version
    at: int


@dataclass(slots=True)
class EventStore:
    """An open database. For threads: each call takes a connection of its own."""

    engine: Engine
    _targets: dict[Place, int] = field(default_factory=dict)

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    def write(self, batch: Pending, now: datetime) -> None:
        """Write a batch, all of it or nothing; writing it twice is harmless. ``now`` dates the rows."""
        with store_errors(self.engine):
            self._find_targets({slot.place for slot in batch.offered})
            with writing(self.engine) as connection:
                told = self._told_rows(connection, batch)
                if told:
                    tell(connection, told, _seconds(now))
                rows = [self._offer_row(slot, one, now) for slot, one in batch.offered.items()]
                if rows:
                    # In one order everywhere: two writers that lock the same rows wait, and do not deadlock.
                    offer(connection, sorted(rows))

    def summary(
        self,
        channel: str,
        version: Version,
        now: datetime,
        *,
        silence_after: timedelta | None = None,
        since: datetime | None = None,
    ) -> RolloutCounts:
        """Count the machines that were offered a release in a channel, on all its boards.

        Args:
            channel: its name.
            version: the release.
            now: the time, aware.
            silence_after: how long after the first offer, in its stretch, a machine is due; None asks for
                none.
            since: when its rollout began, or went on, last: leave out machines that were not offered it
                from then on. What they told before that is left out, too.
        """
        wanted = [TARGETS.c.channel == channel, TARGETS.c.version == str(version)]
        if since is not None:
            begun = _seconds(since)
            wanted.append(or_(OFFERS.c.stretch >= begun, OFFERS.c.renewed >= begun))
        due_from = -1 if silence_after is None else _seconds(now - silence_after)
        rows = OFFERS.join(TARGETS, OFFERS.c.target == TARGETS.c.id)
        by_progress = (
            select(
                OFFERS.c.progress,
                func.count(),
                func.sum(case((FAILED_DELTA, 1), else_=0)),
                func.sum(case((OFFERS.c.renewed <= due_from, 1), else_=0)),
            )
            .select_from(rows)
            .where(*wanted)
            .group_by(OFFERS.c.progress)
        )
        machines = func.count().label("machines")
        by_code = (
            select(OFFERS.c.code, machines)
            .select_from(rows)
            .where(*wanted, OFFERS.c.progress == Progress.FAILED, OFFERS.c.code.is_not(None))
            .group_by(OFFERS.c.code)
            .order_by(machines.desc(), OFFERS.c.code)
            .limit(_CODES)
        )
        with store_errors(self.engine), self.engine.connect() as connection:
            found = {row[0]: tuple(row[1:]) for row in connection.execute(by_progress)}
            codes = {row[0]: row[1] for row in connection.execute(by_code)}
        return _counts(found, codes)

    def failed_deltas(self, since: int, limit: int) -> list[KnownOffer]:
        """Machines that a delta failed on, in rows written from ``since`` (seconds) on; the newest first."""
        return self._known(FAILED_DELTA, OFFERS.c.written, since, limit)

    def limited_offers(self, since: int, limit: int) -> list[KnownOffer]:
        """Machines that were offered something under a limit from ``since`` (seconds) on; newest first."""
        return self._known(LIMITED, OFFERS.c.offered, since, limit)

    def offers_last_hour(self, now: datetime) -> Mapping[str, int]:
        """By group with a limit: machines that were first offered something in the hour before ``now``."""
        asked = (
            select(OFFERS.c.group_name, func.count())
            .where(LIMITED, OFFERS.c.offered > _seconds(now - _HOUR))
            .group_by(OFFERS.c.group_name)
        )
        with store_errors(self.engine), self.engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(asked)}

    def size(self) -> int:
        """How many rows there are."""
        with store_errors(self.engine), self.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(OFFERS)).scalar_one()

    def forget(self, before: datetime) -> int:
        """Delete what has not changed since ``before``; returns how many rows. Others may write meanwhile."""
        gone = 0
        key = tuple_(OFFERS.c.target, OFFERS.c.machine)
        old = (
            select(OFFERS.c.target, OFFERS.c.machine)
            .where(OFFERS.c.written < _seconds(before))
            .limit(_DELETED_AT_ONCE)
        )
        with store_errors(self.engine):
            while True:
                with writing(self.engine) as connection:
                    rows = connection.execute(delete(OFFERS).where(key.in_(old))).rowcount
                gone += rows
                if rows < _DELETED_AT_ONCE:
                    return gone

    def _known(self, which: Any, at: Any, since: int, limit: int) -> list[KnownOffer]:
        asked = (
            select(OFFERS.c.machine, TARGETS.c.version, at)
            .join(TARGETS, OFFERS.c.target == TARGETS.c.id)
            .where(which, at >= since)
            .order_by(at.desc())
            .limit(limit)
        )
        with store_errors(self.engine), self.engine.connect() as connection:
            rows = connection.execute(asked).all()
        return [KnownOffer(MachineKey(bytes(row[0])), Version.parse(row[1]), row[2]) for row in rows]

    def _find_targets(self, places: Iterable[Place]) -> None:
        """Learn the numbers of releases; those that have none get one, in a transaction of its own."""
        missing = sorted(set(places) - set(self._targets))
        if not missing:
            return
        new = dialect_of(self.engine).insert(TARGETS).on_conflict_do_nothing()
        with writing(self.engine) as connection:
            connection.execute(new, [place._asdict() for place in missing])
            found = _read_targets(connection)
        self._targets = found

    def _told_rows(self, connection: Connection, batch: Pending) -> list[ToldRow]:
        """What to say about which rows, in their order; without what nobody was offered."""
        told = batch.told
        if not set(self._targets).issuperset(slot.place for slot in told):
            self._targets = _read_targets(connection)  # another server made the offer
        renewed = {
            (self._targets[slot.place], slot.machine): one.renewed for slot, one in batch.offered.items()
        }
        found = dict(self._last_targets(connection, told, renewed))
        rows: dict[tuple[int, MachineKey], Told] = {}
        for slot, one in told.items():
            target = self._targets.get(slot.place) if slot.place.version else found.get(slot)
            if target is not None:
                known = rows.setdefault((target, slot.machine), replace(one))
                known.progress = max(known.progress, one.progress)
                known.code = known.code if one.code is None else one.code
        return [
            ToldRow(target, machine, renewed.get((target, machine)), int(one.progress), one.code)
            for (target, machine), one in sorted(rows.items(), key=lambda row: row[0])
        ]

    def _last_targets(
        self, connection: Connection, told: Iterable[Slot], renewed: Mapping[tuple[int, MachineKey], int]
    ) -> Iterator[tuple[Slot, int]]:
        """What machines that named no version were offered last, where anything was.

        ``renewed`` has the offers that follow what was told; see ``ToldRow``.
        """
        unnamed: dict[Place, list[Slot]] = {}
        for slot in told:
            if slot.place.version is None:
                unnamed.setdefault(slot.place, []).append(slot)
        for place, slots in unnamed.items():
            targets = [number for known, number in self._targets.items() if known[:2] == place[:2]]
            for some in _pieces(slots, _AT_ONCE):
                asked = (
                    select(OFFERS.c.machine, OFFERS.c.target, OFFERS.c.renewed)
                    .where(
                        OFFERS.c.target.in_(targets), OFFERS.c.machine.in_([slot.machine for slot in some])
                    )
                    .order_by(OFFERS.c.latest, OFFERS.c.target)
                )
                for key, target, made in connection.execute(asked):  # the last one stays
                    machine = MachineKey(bytes(key))
                    if made < renewed.get((target, machine), made + 1):
                        yield Slot(place, machine), target

    def _offer_row(self, slot: Slot, one: Offered, now: datetime) -> OfferRow:
        return OfferRow(
            target=self._targets[slot.place],
            machine=slot.machine,
            group_name=one.group,
            offered=one.offered,
            renewed=one.renewed,
            latest=one.latest,
            stretch=one.stretch,
            kind=int(one.kind),
            progress=int(one.progress),
            code=one.code,
            failed_delta=one.failed_delta,
            written=_seconds(now),
        )


def open_event_store(url: str, base: Path) -> EventStore:
    """Open the store at ``url``, see ``database_url``; makes its tables where there are none.

    Raises:
        InputError: the URL, or what is there, is not what it should be.
        UnavailableError: the database does not answer.
    """
    engine = open_engine(database_url(url, base))
    try:
        with store_errors(engine):
            make_tables(engine)
    except BaseException:
        engine.dispose()
        raise
    return EventStore(engine)


def _read_targets(connection: Connection) -> dict[Place, int]:
    columns = TARGETS.c
    rows = connection.execute(select(columns.id, columns.channel, columns.board, columns.version))
    return {Place(*row[1:]): row[0] for row in rows}


def _seconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())


def _pieces(things: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    source = iter(things)
    while some := tuple(islice(source, size)):
        yield some


def _counts(found: Mapping[int, tuple[int, ...]], codes: Mapping[int, int]) -> RolloutCounts:
    def machines(progress: Progress) -> int:
        return int(found.get(progress, (0,))[0])

    return RolloutCounts(
        offered=sum(int(row[0]) for row in found.values()),
        downloading=machines(Progress.DOWNLOADING),
        installed=machines(Progress.INSTALLED),
        succeeded=machines(Progress.SUCCEEDED),
        failed=machines(Progress.FAILED),
        failed_delta=sum(int(row[1]) for row in found.values()),
        due=sum(int(row[2]) for row in found.values()),
        silent=sum(int(row[2]) for progress, row in found.items() if progress < Progress.FAILED),
        codes=MappingProxyType(dict(codes)),
    )

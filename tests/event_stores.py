"""Event stores for tests, and reports to write into them. As a program: a writer, to be raced or killed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from release.catalog.board import Board
from release.catalog.version import Version
from release.updates.counts import PayloadKind, Progress, Report, machine_key
from release.updates.event_store import EventStore, open_event_store
from release.updates.event_store_pending import Pending

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
BOARD = Board("amd64")
ONE, TWO = Version(1, 0, 0), Version(2, 0, 0)
PLENTY = 1_000_000


def offer(
    number: int,
    version: Version = ONE,
    *,
    at: datetime = NOW,
    kind: PayloadKind = PayloadKind.FULL,
    group: str = "",
    since: datetime | None = None,
) -> Report:
    """Machine ``number`` is offered a release."""
    return _report(number, version, Progress.OFFERED, at, kind=kind, group=group, since=since)


def told(
    number: int,
    progress: Progress,
    version: Version | None = ONE,
    *,
    at: datetime = NOW,
    code: int | None = None,
) -> Report:
    """Machine ``number`` tells how far it got."""
    return _report(number, version, progress, at, code=code)


def batch(*reports: Report) -> Pending:
    """Reports that are written together."""
    pending = Pending()
    for one in reports:
        assert pending.add(one, PLENTY)
    return pending


def write(store: EventStore, *reports: Report, at: datetime = NOW) -> None:
    """Write reports at once."""
    store.write(batch(*reports), at)


def _report(
    number: int,
    version: Version | None,
    progress: Progress,
    at: datetime,
    *,
    kind: PayloadKind | None = None,
    group: str = "",
    since: datetime | None = None,
    code: int | None = None,
) -> Report:
    return Report(
        channel="stable",
        board=BOARD,
        version=version,
        machine=machine_key("Small OS", f"{number:032x}"),
        at=at,
        progress=progress,
        kind=kind,
        group=group,
        since=since,
        code=code,
    )


def main(url: str, rounds: int, size: int, apart: int) -> None:
    """Write ``rounds`` batches: of the same machines, or each time of others when ``apart``. Says which."""
    store = open_event_store(url, Path.cwd())
    for number in range(rounds):
        first = number * size if apart else 0
        write(store, *(offer(one) for one in range(first, first + size)))
        write(store, *(told(one, Progress.SUCCEEDED) for one in range(first, first + size, 2)))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], *(int(one) for one in sys.argv[2:]))

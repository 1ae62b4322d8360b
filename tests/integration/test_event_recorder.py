"""What stands between machines and the event store: it never waits, never grows, and complains."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from release.updates.counts import PayloadKind, Progress
from release.updates.event_store import EventStore, open_event_store
from release.updates.event_store_recorder import RecorderMetrics, RecorderOptions, StoreRecorder
from tests.event_stores import NOW, ONE, TWO, offer, told, write
from tests.postgresql import PostgreSQL, postgresql

__all__ = ["postgresql"]
ROOT = Path(__file__).resolve().parents[2]
QUICK = RecorderOptions(interval=0.01, refresh=0.0, settle=0.0)
PATIENCE = 60.0


@contextmanager
def recorder_on(
    store: EventStore, options: RecorderOptions = QUICK, clock: Callable[[], datetime] = lambda: NOW
) -> Iterator[StoreRecorder]:
    """A recorder that writes; it closes the store."""
    recorder = StoreRecorder(store, clock, options)
    recorder.start()
    try:
        yield recorder
    finally:
        recorder.close()


def until(holds: Callable[[], bool]) -> None:
    """Wait for another thread."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'events.db'}"


def test_reports_are_written_soon_and_at_the_end(url: str, tmp_path: Path) -> None:
    with recorder_on(open_event_store(url, tmp_path)) as recorder:
        recorder.record(offer(1))
        until(lambda: recorder.metrics().written == 1)
        assert recorder.metrics() == RecorderMetrics(written=1)
        recorder.record(offer(2))
        recorder.record(told(2, Progress.SUCCEEDED))
    store = open_event_store(url, tmp_path)
    assert store.summary("stable", ONE, NOW).succeeded == 1
    assert store.size() == 2
    store.close()


def test_a_delta_that_failed_is_known_at_once_and_elsewhere_soon(url: str, tmp_path: Path) -> None:
    one, elsewhere = open_event_store(url, tmp_path), open_event_store(url, tmp_path)
    machine = offer(1).machine
    with recorder_on(one) as recorder, recorder_on(elsewhere) as other:
        recorder.record(offer(1, kind=PayloadKind.DELTA))
        recorder.record(told(1, Progress.FAILED, None))
        assert recorder.failed_delta(machine, ONE)
        assert not recorder.failed_delta(machine, TWO)
        until(lambda: other.failed_delta(machine, ONE))
        recorder.record(offer(2))
        recorder.record(told(2, Progress.FAILED, None))
        assert not recorder.failed_delta(offer(2).machine, ONE)
        recorder.record(offer(3, kind=PayloadKind.DELTA))
        until(lambda: recorder.metrics().waiting == 0)
        other.record(told(3, Progress.FAILED, None))
        until(lambda: recorder.failed_delta(offer(3).machine, ONE))


def test_a_failure_that_comes_before_another_servers_offer_is_written_counts_for_that(
    url: str, tmp_path: Path
) -> None:
    """The machine had another release before, which did not fail."""
    waits = RecorderOptions(interval=0.01, settle=3600.0)
    store, elsewhere = open_event_store(url, tmp_path), open_event_store(url, tmp_path)
    write(store, offer(1, ONE, at=NOW - timedelta(days=7)), told(1, Progress.SUCCEEDED))
    with recorder_on(elsewhere, waits) as other:
        other.record(told(1, Progress.FAILED, None, code=15))
        other.record(told(2, Progress.FAILED, None, code=15))
        other.record(offer(3))
        until(lambda: other.metrics().written == 1)
        assert other.metrics().waiting == 2
        write(store, offer(1, TWO), offer(2, TWO))
    assert store.summary("stable", TWO, NOW).failed == 2
    assert store.summary("stable", ONE, NOW).succeeded == 1
    store.close()


def test_a_failure_that_an_offer_follows_is_about_what_was_before(url: str, tmp_path: Path) -> None:
    waits = RecorderOptions(interval=0.01, settle=3600.0)
    store, elsewhere = open_event_store(url, tmp_path), open_event_store(url, tmp_path)
    write(store, offer(1, ONE))
    with recorder_on(elsewhere, waits) as other:
        other.record(told(1, Progress.FAILED, None, code=15))
        other.record(offer(1, TWO))
        until(lambda: other.metrics().waiting == 0)
    assert store.summary("stable", ONE, NOW).failed == 1
    assert store.summary("stable", TWO, NOW).failed == 0
    store.close()


def test_offers_under_a_limit_are_counted_once_per_machine(url: str, tmp_path: Path) -> None:
    one, elsewhere = open_event_store(url, tmp_path), open_event_store(url, tmp_path)
    write(one, offer(9, group="slow"))
    with recorder_on(one) as recorder, recorder_on(elsewhere) as other:
        assert recorder.offers_last_hour("slow", NOW) == 1
        assert recorder.offered_before(offer(9).machine, ONE)
        assert not recorder.offered_before(offer(1).machine, ONE)
        for number in (1, 2, 3, 1, 2, 3):
            recorder.record(offer(number, group="slow"))
        assert recorder.offers_last_hour("slow", NOW) == 4
        assert recorder.offered_before(offer(1).machine, ONE)
        until(lambda: other.offers_last_hour("slow", NOW) == 4)
        until(lambda: other.offered_before(offer(1).machine, ONE))
        until(lambda: recorder.metrics().waiting == 0)
        assert recorder.offers_last_hour("slow", NOW) == 4
        assert recorder.offers_last_hour("other", NOW) == 0


def test_what_waits_is_bounded_and_what_is_dropped_is_counted(url: str, tmp_path: Path) -> None:
    """Nothing writes here, as while a database is away."""
    recorder = StoreRecorder(open_event_store(url, tmp_path), lambda: NOW, RecorderOptions(pending=10))
    for number in range(25):
        recorder.record(offer(number))
    recorder.record(told(3, Progress.SUCCEEDED))
    assert recorder.metrics() == RecorderMetrics(waiting=10, dropped=15)
    assert not recorder.counts_all()
    recorder.start()
    until(lambda: recorder.metrics().written == 10)
    recorder.close()


def test_what_was_lost_is_said_for_a_minute(url: str, tmp_path: Path) -> None:
    now = NOW
    recorder = StoreRecorder(open_event_store(url, tmp_path), lambda: now, RecorderOptions(pending=1))
    recorder.record(offer(1))
    assert recorder.counts_all()
    recorder.record(offer(2))
    assert not recorder.counts_all()
    now += timedelta(minutes=1)
    assert recorder.counts_all()
    recorder.start()
    recorder.close()


def test_memory_of_machines_is_bounded(url: str, tmp_path: Path) -> None:
    recorder = StoreRecorder(open_event_store(url, tmp_path), lambda: NOW, RecorderOptions(remembered=10))
    for number in range(20):
        recorder.record(offer(number, kind=PayloadKind.DELTA, group="slow"))
        recorder.record(told(number, Progress.FAILED))
    known = [recorder.failed_delta(offer(number).machine, ONE) for number in range(20)]
    assert known == [False] * 10 + [True] * 10
    assert sum(recorder.offered_before(offer(number).machine, ONE) for number in range(20)) == 10
    recorder.start()
    recorder.close()


def test_a_database_that_is_full_takes_no_more_machines(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = RecorderOptions(interval=0.01, rows=5)
    with recorder_on(open_event_store(url, tmp_path), options) as recorder:
        for number in range(5):
            recorder.record(offer(number))
        until(lambda: recorder.metrics().full)
        assert not recorder.counts_all()
        recorder.record(offer(6))
        assert recorder.metrics().dropped == 1
        recorder.record(told(1, Progress.SUCCEEDED))
        until(lambda: recorder.metrics().written == 6)
    assert "as many rows as it may have" in caplog.text


def test_old_rows_are_forgotten(url: str, tmp_path: Path) -> None:
    store = open_event_store(url, tmp_path)
    write(store, offer(1), at=NOW - timedelta(days=61))
    write(store, offer(2))
    with recorder_on(store):
        until(lambda: store.size() == 1)


def test_a_database_that_is_away_delays_nobody_and_gets_everything_when_it_is_back(
    postgresql: PostgreSQL, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = postgresql.new_database()
    with caplog.at_level(logging.WARNING), recorder_on(open_event_store(url, tmp_path)) as recorder:
        recorder.record(offer(1))
        until(lambda: recorder.metrics().written == 1)
        postgresql.stop()
        try:
            recorder.record(offer(2))
            until(lambda: recorder.metrics().away_since is not None)
            assert not recorder.counts_all()
            recorder.record(offer(3))
            recorder.record(told(2, Progress.FAILED, code=44))
            assert recorder.metrics().dropped == 0
        finally:
            postgresql.start()
        until(lambda: recorder.metrics().away_since is None and not recorder.metrics().waiting)
        assert recorder.metrics().dropped == 0
    store = open_event_store(url, tmp_path)
    found = store.summary("stable", ONE, NOW)
    store.close()
    assert (found.offered, found.failed) == (3, 1)
    assert "reports wait in memory" in caplog.text
    assert "it answers again" in caplog.text


def test_a_batch_that_cannot_be_written_does_not_stop_later_ones(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_event_store(url, tmp_path)
    with store.engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER no BEFORE INSERT ON humpyard_offers WHEN NEW.code = 7"
                " BEGIN SELECT RAISE(ABORT, 'no sevens'); END"
            )
        )
    recorder = StoreRecorder(store, lambda: NOW, QUICK)
    recorder.record(offer(1))
    recorder.record(told(1, Progress.FAILED, code=7))  # both in one batch: it does not write yet
    recorder.start()
    try:
        until(lambda: recorder.metrics().dropped > 0 or recorder.metrics().written > 0)
        recorder.record(offer(2))
        until(lambda: recorder.metrics().written > 0)
        until(lambda: recorder.metrics().waiting == 0)
    finally:
        recorder.close()
    assert "no sevens" in caplog.text


def test_a_server_that_is_killed_loses_no_more_than_what_waits(url: str, tmp_path: Path) -> None:
    """It says how much was written, which is there after ``kill -9``."""
    program = (
        "from tests.integration.test_event_recorder import NOW, QUICK, Path, StoreRecorder, offer\n"
        "from tests.integration.test_event_recorder import open_event_store\n"
        f"recorder = StoreRecorder(open_event_store({url!r}, Path('/')), lambda: NOW, QUICK)\n"
        "recorder.start()\n"
        "for number in range(10**9):\n"
        "    recorder.record(offer(number))\n"
        "    if number % 1000 == 0:\n"
        "        print(recorder.metrics().written, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        written = 0
        while written < 5000:
            written = int(server.stdout.readline())
        os.kill(server.pid, signal.SIGKILL)
    store = open_event_store(url, tmp_path)
    assert store.size() >= written
    store.close()

"""The event store on real databases: SQLite and PostgreSQL, one writer and many, killed and away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from release.errors import InputError, UnavailableError
from release.updates.counts import PayloadKind, Progress, RolloutCounts, machine_key
from release.updates.event_store import EventStore, open_event_store
from release.updates.event_store_schema import META, writing
from tests.event_stores import NOW, ONE, TWO, batch, offer, told, write
from tests.postgresql import PostgreSQL, postgresql

__all__ = ["postgresql"]
ROOT = Path(__file__).resolve().parents[2]
HOUR = timedelta(hours=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database is, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'events.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[EventStore]:
    """An empty store."""
    opened = open_event_store(url, tmp_path)
    yield opened
    opened.close()


def count(store: EventStore, silence_after: timedelta | None = None) -> RolloutCounts:
    """What is counted for the first release, an hour later."""
    return store.summary("stable", ONE, NOW + HOUR, silence_after=silence_after)


def test_machines_are_counted_by_how_far_they_got(store: EventStore) -> None:
    write(store, *(offer(number) for number in range(10)))
    write(
        store,
        told(0, Progress.DOWNLOADING),
        told(1, Progress.INSTALLED),
        told(2, Progress.SUCCEEDED),
        told(3, Progress.FAILED, code=9),
        told(4, Progress.FAILED, code=9),
        told(5, Progress.FAILED, code=-44),
    )
    found = count(store, silence_after=HOUR)
    assert (found.offered, found.downloading, found.installed, found.succeeded) == (10, 1, 1, 1)
    assert (found.failed, found.failed_delta, found.ended) == (3, 0, 4)
    assert (found.due, found.silent) == (10, 6)
    assert list(found.codes.items()) == [(9, 2), (-44, 1)]
    assert store.summary("beta", ONE, NOW) == RolloutCounts()
    assert store.summary("stable", TWO, NOW) == RolloutCounts()


def test_machines_are_due_when_their_time_is_over(store: EventStore) -> None:
    write(store, offer(1), offer(2, at=NOW + HOUR))
    assert count(store, silence_after=HOUR).due == 1
    assert count(store, silence_after=HOUR * 2).due == 0
    assert count(store, silence_after=timedelta()).due == 2


def test_machines_from_before_a_rollout_went_on_can_be_left_out(store: EventStore) -> None:
    write(store, offer(1), offer(2, at=NOW + HOUR))
    assert store.summary("stable", ONE, NOW + HOUR, since=NOW + HOUR).offered == 1
    write(store, offer(1, at=NOW + HOUR))
    assert store.summary("stable", ONE, NOW + HOUR, since=NOW + HOUR).offered == 1  # it was offered before


def test_the_last_word_is_how_far_it_got_in_whatever_order_reports_come(store: EventStore) -> None:
    write(store, offer(1), told(1, Progress.SUCCEEDED), told(1, Progress.DOWNLOADING))
    write(store, told(1, Progress.FAILED, code=1))
    write(store, offer(1))
    write(store, offer(2), told(2, Progress.FAILED, code=5))
    write(store, told(2, Progress.DOWNLOADING), told(2, Progress.INSTALLED))
    assert (count(store).succeeded, count(store).failed) == (1, 1)


def test_a_batch_may_be_written_twice(store: EventStore) -> None:
    same = batch(offer(1), offer(2), told(1, Progress.FAILED, code=3))
    store.write(same, NOW)
    once = count(store)
    store.write(same, NOW)
    assert count(store) == once


def test_a_machine_that_was_never_offered_a_release_counts_for_nothing(store: EventStore) -> None:
    write(store, told(1, Progress.FAILED), told(1, Progress.FAILED, None), told(2, Progress.FAILED, TWO))
    write(store, offer(1), told(1, Progress.FAILED, TWO))
    assert store.size() == 1
    assert count(store).failed == 0


def test_a_report_without_a_version_is_about_what_was_offered_last(store: EventStore) -> None:
    write(store, offer(1, at=NOW - HOUR), offer(2))
    write(store, offer(1, TWO))
    write(store, told(1, Progress.FAILED, None), told(2, Progress.FAILED, None))
    assert count(store).failed == 1
    assert store.summary("stable", TWO, NOW).failed == 1


def test_a_report_without_a_version_is_about_an_offer_that_is_not_written_yet(store: EventStore) -> None:
    write(store, offer(1, at=NOW - HOUR))
    write(store, offer(1, TWO), told(1, Progress.INSTALLED, None))
    assert store.summary("stable", TWO, NOW).installed == 1


def test_a_report_without_a_version_is_about_what_was_offered_again(store: EventStore) -> None:
    """A machine whose newer release was withdrawn is offered the older one again."""
    write(store, offer(1, at=NOW - 2 * HOUR))
    write(store, offer(1, TWO, at=NOW - HOUR))
    write(store, offer(1))
    write(store, told(1, Progress.FAILED, None))
    assert (count(store).failed, store.summary("stable", TWO, NOW).failed) == (1, 0)
    again = batch(offer(1, TWO), offer(1), offer(1, TWO), told(1, Progress.SUCCEEDED, None))
    store.write(again, NOW)
    assert store.summary("stable", TWO, NOW).succeeded == 1


def test_machines_that_are_offered_it_after_it_went_on_count_anew(store: EventStore) -> None:
    """Older failures do not count against it; new ones, and new silence, do."""
    later = NOW + HOUR
    write(store, *(offer(number, since=NOW) for number in range(4)))
    write(store, *(told(number, Progress.FAILED, code=9) for number in range(3)))
    assert _since(store, NOW).failed == 3
    assert _since(store, later) == RolloutCounts()
    write(store, *(offer(number, since=later, at=later) for number in range(3)))
    assert _since(store, later) == RolloutCounts(offered=3)
    write(store, offer(0, since=later, at=later + HOUR), told(0, Progress.FAILED, code=7))
    found = _since(store, later, now=later + HOUR)
    assert (found.offered, found.failed, found.due, found.silent) == (3, 1, 3, 2)
    assert dict(found.codes) == {7: 1}


def test_offers_of_several_stretches_may_come_in_any_order(store: EventStore) -> None:
    """As from servers that lag, or were cut off from the database."""
    later = NOW + HOUR
    old = (offer(1, since=NOW), told(1, Progress.FAILED, code=9))
    new = (offer(1, since=later, at=later), told(1, Progress.INSTALLED))
    for number, parts in enumerate(((old, new), (new, old), (old, new, old), ((*old, *new), old))):
        for part in parts:
            moved = [replace(one, machine=offer(number).machine) for one in part]
            write(store, *moved)
    found = _since(store, later)
    assert (found.offered, found.installed, found.failed, dict(found.codes)) == (4, 4, 0, {})


def test_an_offer_outside_of_the_rollout_hides_no_failure(store: EventStore) -> None:
    """As of a floor on the way to what the channel was at before, while the rollout is paused."""
    write(store, offer(1, since=NOW))
    write(store, offer(1, at=NOW + HOUR), told(1, Progress.FAILED))
    assert _since(store, NOW).failed == 1


def test_a_batch_with_an_older_failure_may_be_written_twice(store: EventStore) -> None:
    """The failure is of the stretch before, or of the release before, the second time, too."""
    later = NOW + HOUR
    write(store, offer(1, since=NOW), offer(2, TWO))
    same = batch(
        told(1, Progress.FAILED),
        offer(1, since=later, at=later),
        told(2, Progress.FAILED, None),
        offer(2, since=later, at=later),
    )
    for _ in range(2):
        store.write(same, later)
        assert _since(store, later) == RolloutCounts(offered=2)
        assert store.summary("stable", TWO, NOW).failed == 1


def test_failed_deltas_are_known_until_others_ask(store: EventStore) -> None:
    """By the offer that was made, whether it is in the same batch or was written by another server."""
    delta = PayloadKind.DELTA
    write(store, offer(1, kind=delta), offer(2), offer(3, kind=delta), offer(4, kind=delta))
    write(store, told(1, Progress.FAILED), told(2, Progress.FAILED), told(4, Progress.INSTALLED))
    write(store, offer(5, kind=delta), told(5, Progress.FAILED, None), offer(5))
    write(store, told(5, Progress.SUCCEEDED))
    failed = {one.machine for one in store.failed_deltas(0, 10)}
    assert failed == {offer(1).machine, offer(5).machine}
    assert count(store).failed_delta == 2
    assert store.failed_deltas(int(NOW.timestamp()) + 1, 10) == []
    assert len(store.failed_deltas(0, 1)) == 1


def test_offers_under_a_limit_are_counted_by_the_hour(store: EventStore) -> None:
    write(store, offer(1, group="slow"), offer(2, group="slow", at=NOW - HOUR), offer(3))
    write(store, offer(1, group="slow", at=NOW + HOUR))
    assert store.offers_last_hour(NOW) == {"slow": 1}
    assert [one.machine for one in store.limited_offers(int(NOW.timestamp()), 10)] == [offer(1).machine]


def test_what_has_not_changed_for_long_is_forgotten(store: EventStore) -> None:
    write(store, offer(1), offer(2))
    write(store, told(2, Progress.SUCCEEDED), at=NOW + HOUR)
    assert store.forget(NOW) == 0
    assert store.forget(NOW + HOUR) == 1
    assert count(store).succeeded == store.size() == 1


def test_absurd_codes_are_kept_within_bounds(store: EventStore) -> None:
    write(
        store,
        offer(1),
        told(1, Progress.FAILED, code=10**30),
        offer(2),
        told(2, Progress.FAILED, code=-(10**30)),
    )
    assert set(count(store).codes) == {2**31 - 1, -(2**31) + 1}


def test_machines_are_known_by_a_hash_of_their_id() -> None:
    key = machine_key("Small OS", "e3b0c44298fc1c149afbf4c8996fb924")
    assert len(key) == 16
    assert key != machine_key("Other OS", "e3b0c44298fc1c149afbf4c8996fb924")
    assert machine_key("a", "b\0c") != machine_key("a\0b", "c")
    assert len(machine_key("Small OS", "\ud800")) == 16


def test_several_processes_make_the_tables_and_write_the_same_machines(url: str, tmp_path: Path) -> None:
    """Nobody deadlocks, and every machine is counted once."""
    writers = [_writer(url, tmp_path, rounds=10, size=500, apart=False) for _ in range(4)]
    for writer in writers:
        _, said = writer.communicate(timeout=300)
        assert writer.returncode == 0, said
    store = open_event_store(url, tmp_path)
    found = count(store)
    store.close()
    assert (found.offered, found.succeeded) == (500, 250)


def test_a_writer_that_is_killed_leaves_whole_batches(url: str, tmp_path: Path) -> None:
    """What it said was written is there; of what it was at, all of a batch is, or nothing."""
    with _writer(url, tmp_path, rounds=100_000, size=2000, apart=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(3)]
        os.kill(writer.pid, signal.SIGKILL)
    assert lines[-1] == "2\n"
    store = open_event_store(url, tmp_path)
    found = count(store)
    write(store, offer(10**9))
    assert count(store).offered == found.offered + 1
    store.close()
    assert found.offered >= 6000
    assert (found.offered % 2000, found.succeeded % 1000) == (0, 0)


def test_tables_of_another_version_are_refused(store: EventStore, url: str, tmp_path: Path) -> None:
    with writing(store.engine) as connection:
        connection.execute(update(META).values(value="1"))
    with pytest.raises(InputError, match="its tables are of version 1, not 2"):
        open_event_store(url, tmp_path)


def test_a_database_that_is_away_can_be_tried_again(postgresql: PostgreSQL, tmp_path: Path) -> None:
    store = open_event_store(postgresql.new_database(), tmp_path)
    write(store, offer(1))
    postgresql.stop()
    try:
        with pytest.raises(UnavailableError, match="event store postgresql"):
            write(store, offer(2))
        with pytest.raises(UnavailableError):
            count(store)
    finally:
        postgresql.start()
    write(store, offer(2))
    assert count(store).offered == 2
    store.close()


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "events.db").write_bytes(b"something else, and long enough to be looked at\n" * 50)
    with pytest.raises(InputError, match="file is not a database"):
        open_event_store("sqlite:///events.db", tmp_path)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="unable to open database file"):
        open_event_store("sqlite:///nowhere/events.db", tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected sqlite:///FILE"),
        ("events.db", "expected sqlite:///FILE"),
        ("sqlite://", "expected sqlite:///FILE"),
        ("sqlite:///:memory:", "expected sqlite:///FILE"),
        ("mysql://a@b/c", "expected sqlite:///FILE"),
        ("postgresql://host", "expected sqlite:///FILE"),
        ("postgresql+asyncpg://host/name", "expected sqlite:///FILE"),
        ("postgresql://a:secret@host/name", "a password is refused"),
        ("postgresql://a@host/name?password=secret", "a password is refused"),
    ],
)
def test_other_urls_are_refused_without_telling_secrets(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said) as caught:
        open_event_store(text, tmp_path)
    assert "secret@" not in str(caught.value)
    assert "=secret" not in str(caught.value)


def _since(store: EventStore, since: datetime, now: datetime | None = None) -> RolloutCounts:
    """What is counted for the first release since it went on."""
    return store.summary("stable", ONE, now or since, since=since, silence_after=HOUR)


def _writer(url: str, folder: Path, *, rounds: int, size: int, apart: bool) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.event_stores", url, str(rounds), str(size), str(int(apart))],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

"""The update server's own fuse: it blows by the numbers, stays so, and lets people go on."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from release.catalog.version import Version
from release.digests import Digest
from release.errors import UnavailableError
from release.promotion.delivery import HaltRules
from release.updates.counts import RolloutCounts
from release.updates.fuse import Fuse, Watched

BEGAN = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WATCHED = Watched(
    channel="stable",
    version=Version(1, 0, 0),
    release=Digest.sha256(b"one"),
    since=BEGAN,
    rules=HaltRules(error_share=Decimal("0.1"), error_minimum=10),
)
GOOD = RolloutCounts(offered=20, succeeded=20)
BAD = RolloutCounts(offered=20, succeeded=10, failed=10)


@dataclass(slots=True)
class World:
    """Counts, rollouts and a clock, set by tests; None as counts is a store that is away."""

    counts: RolloutCounts | None = GOOD
    rollouts: list[Watched] = field(default_factory=lambda: [WATCHED])
    now: datetime = BEGAN
    asked: list[tuple[str, timedelta | None, datetime | None]] = field(default_factory=list)
    counting: bool = True

    def fuse(self) -> Fuse:
        return Fuse(self, lambda: self.rollouts, lambda: self.now, counting=lambda: self.counting)

    def summary(
        self,
        channel: str,
        version: Version,
        now: datetime,
        *,
        silence_after: timedelta | None = None,
        since: datetime | None = None,
    ) -> RolloutCounts:
        assert (version, now) == (WATCHED.version, self.now)
        self.asked.append((channel, silence_after, since))
        if self.counts is None:
            raise UnavailableError("the store is away")
        return self.counts


def test_a_release_that_goes_wrong_is_held_back_until_people_let_it_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    fuse = world.fuse()
    fuse.look()
    assert WATCHED.release not in fuse
    world.counts = BAD
    fuse.look()
    assert WATCHED.release in fuse
    assert "10 of 20 machines failed" in fuse.held[WATCHED.release]
    assert "is not offered in stable any more, here" in caplog.text
    world.counts = GOOD
    fuse.look()
    assert WATCHED.release in fuse
    world.rollouts = [replace(WATCHED, since=BEGAN + HOUR)]
    fuse.look()
    assert WATCHED.release not in fuse
    assert world.asked[-1] == ("stable", timedelta(hours=24), BEGAN + HOUR)


def test_a_floor_that_is_held_back_stays_so_while_the_rollout_behind_it_is_stopped() -> None:
    """What the channel was at before is still offered, and machines would go there through the floor."""
    world = World(counts=BAD)
    fuse = world.fuse()
    fuse.look()
    world.counts = GOOD
    for _ in range(2):
        world.rollouts = [replace(WATCHED, since=None)]
        fuse.look()
        assert "10 of 20 machines failed" in fuse.held[WATCHED.release]
    world.rollouts = [replace(WATCHED, since=BEGAN + HOUR)]
    fuse.look()
    assert WATCHED.release not in fuse


def test_a_floor_is_judged_by_all_machines_while_the_rollout_behind_it_is_stopped() -> None:
    world = World(counts=BAD, rollouts=[replace(WATCHED, since=None)])
    fuse = world.fuse()
    fuse.look()
    assert WATCHED.release in fuse
    assert world.asked == [("stable", timedelta(hours=24), None)]


def test_it_forgets_what_is_not_rolled_out_any_more() -> None:
    world = World(counts=BAD)
    fuse = world.fuse()
    fuse.look()
    world.rollouts = []
    fuse.look()
    assert not fuse.held


def test_where_nobody_can_count_nothing_is_offered_for_long(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    fuse = world.fuse()
    fuse.look()
    world.counts, world.now = None, BEGAN + HOUR
    fuse.look()
    assert WATCHED.release not in fuse
    assert "the store is away" in caplog.text
    world.now += timedelta(seconds=1)
    fuse.look()
    assert fuse.held == {WATCHED.release: "nobody could count its machines since 2026-05-04 12:00 UTC"}
    world.counts = GOOD
    fuse.look()
    assert not fuse.held


def test_where_not_all_is_counted_nothing_is_offered_for_long() -> None:
    world = World(counting=False)
    fuse = world.fuse()
    fuse.look()
    world.now += HOUR
    fuse.look()
    assert WATCHED.release not in fuse
    world.now += timedelta(seconds=1)
    fuse.look()
    assert WATCHED.release in fuse
    world.counting = True
    fuse.look()
    assert not fuse.held
    world.counts, world.counting = BAD, False
    fuse.look()
    assert "10 of 20 machines failed" in fuse.held[WATCHED.release], "what is counted is enough"


def test_a_thread_looks_at_once_and_again(caplog: pytest.LogCaptureFixture) -> None:
    world = World(counts=BAD)
    fuse = world.fuse()
    with caplog.at_level(logging.ERROR):
        fuse.start(interval=0.001)
        assert WATCHED.release in fuse
        world.rollouts = []
        while fuse.held:
            pass
        world.rollouts = [None]  # type: ignore[list-item]  # a mistake in the program
        while "a mistake in the program" not in caplog.text:
            pass
        world.rollouts = [WATCHED]
        while not fuse.held:
            pass
        fuse.close()
    assert WATCHED.release in fuse

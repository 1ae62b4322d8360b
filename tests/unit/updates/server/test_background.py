"""What goes on beside requests: rounds of refreshing, and what the fuse watches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from release.catalog.version import Version
from release.promotion.delivery import HaltRules, RolloutRules
from release.trust.channel_document import FloorRelease
from release.trust.head import ChannelStatus
from release.updates.counts import RolloutCounts
from release.updates.fuse import Fuse
from release.updates.server.refreshing import Refresher
from release.updates.server.watching import FuseStart, watched
from tests.unit.updates.server.desk import Desk
from tests.update_mirror import NEW, OLD, document, offer, release

HALTING = RolloutRules(halt=HaltRules(error_share=Decimal("0.1")))


class Rounds:
    """Stands for documents: calls what a test says, and lets it wait for rounds."""

    def __init__(self, act: Callable[[int], bool]) -> None:
        self.count = 0
        self.three = threading.Event()
        self._act = act

    def recall(self) -> None:
        """Nothing."""

    def refresh(self) -> bool:
        self.count += 1
        if self.count >= 3:
            self.three.set()
        return self._act(self.count)


def test_a_fault_in_one_round_does_not_end_the_others() -> None:
    def fail(number: int) -> bool:
        raise ZeroDivisionError(number)

    desk, rounds = Desk(("one",)), Rounds(fail)
    refresher = Refresher(rounds, desk.log, 0.01)  # type: ignore[arg-type]  # all that it needs of documents
    refresher.start()
    assert rounds.three.wait(30)
    refresher.stop()
    assert desk.told("refresh-fault")[0]["error"] == "ZeroDivisionError"


def test_what_was_remembered_is_looked_at_before_mirrors_are_asked() -> None:
    rounds, looked = Rounds(lambda _: True), list[int]()
    refresher = Refresher(rounds, Desk(("one",)).log, 0.01, lambda: looked.append(rounds.count))  # type: ignore[arg-type]  # as above
    refresher.start()
    assert rounds.three.wait(30)
    refresher.stop()
    assert looked[0] == 0


def test_rounds_end_when_it_is_stopped() -> None:
    desk, rounds = Desk(("one",)), Rounds(lambda _: True)
    refresher = Refresher(rounds, desk.log, 0.01)  # type: ignore[arg-type]  # as above
    refresher.start()
    assert rounds.three.wait(30)
    refresher.stop()
    count = rounds.count
    threading.Event().wait(0.1)
    assert rounds.count == count


def test_rollouts_that_may_stop_by_themselves_are_watched_once() -> None:
    desk = Desk(("one",))
    desk.mirror.publish(
        document(offer(NEW, rules=HALTING), offer(OLD)),
        document(offer(NEW, rules=HALTING, status=ChannelStatus.PAUSED), channel="beta"),
    )
    desk.documents.refresh()
    assert [(one.channel, one.version) for one in watched(desk.documents.held)] == [("stable", NEW)]


def test_floors_are_watched_by_the_rules_of_what_the_channel_is_at() -> None:
    desk = Desk(("one",))
    begun, low = desk.now - timedelta(hours=1), Version(3000, 0, 0)
    floors = (FloorRelease(release=release(low), withdrawn=True), FloorRelease(release=release(OLD)))
    going_on = document(offer(NEW, rules=HALTING, since=begun))
    stopped = document(offer(NEW, rules=HALTING, status=ChannelStatus.PAUSED), channel="beta")
    without = document(offer(NEW), channel="alpha")
    desk.mirror.publish(*(replace(one, floors=floors) for one in (going_on, stopped, without)))
    desk.documents.refresh()
    found = [(one.channel, one.version, one.since) for one in watched(desk.documents.held)]
    begun = begun.replace(microsecond=0)
    assert found == [("beta", OLD, None), ("stable", OLD, begun), ("stable", NEW, begun)]


class Failing:
    """Counts that halt."""

    def summary(self, *_: object, **__: object) -> RolloutCounts:
        return RolloutCounts(offered=100, succeeded=50, failed=50)


def test_the_fuse_begins_with_the_first_documents_and_has_looked_before_more_is_offered() -> None:
    desk = Desk(("one",))
    fuse = Fuse(Failing(), lambda: watched(desk.documents.held), lambda: desk.now + timedelta(minutes=1))
    start = FuseStart(fuse, desk.documents)
    start()
    desk.mirror.publish(document(offer(NEW, rules=HALTING)))
    desk.documents.refresh()
    start()
    start()
    fuse.close()
    assert release(NEW).release in fuse

"""Which release a machine is offered: newest first, never down, through floors, within every limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal, localcontext
from zoneinfo import ZoneInfo

import pytest

from release.catalog.version import Version
from release.promotion.delivery import OfferWindow, RolloutRules, RolloutStep
from release.promotion.rollout import BUCKETS, bucket
from release.trust.channel_document import ChannelDocument
from release.trust.head import ChannelStatus
from release.updates.machine import Machine
from release.updates.offer import NO_LIMITS, Limits, NoUpdate, Reason, Update, decide
from tests.unit.updates.omaha.scene import (
    NEW,
    NOW,
    OLD,
    OLDEST,
    document,
    floor,
    machine,
    offer,
    payload,
    release,
)

DAY = timedelta(days=1)
TENTH_A_DAY = RolloutRules(steps=(RolloutStep(after=10 * DAY, share=Decimal(1)),), linear=True)
AT_NIGHT = OfferWindow(
    zone=ZoneInfo("Europe/Berlin"), days=frozenset(range(7)), begins=time(22), ends=time(5)
)
PAUSED, WITHDRAWN = ChannelStatus.PAUSED, ChannelStatus.WITHDRAWN
FIRST, MIDDLE, LAST = (
    next(str(n) for n in range(10_000) if low <= bucket(str(n), release().release) / BUCKETS < high)
    for low, high in ((0, 0.01), (0.4, 0.5), (0.99, 1))
)
"""Machine ids by their place in the queue for NEW."""


def version(
    served: ChannelDocument | None, asks: Machine, limits: Limits = NO_LIMITS, now: datetime = NOW
) -> Version:
    answer = decide(served, asks, now, limits)
    assert isinstance(answer, Update), answer
    return answer.release.version


def reason(
    served: ChannelDocument | None, asks: Machine, limits: Limits = NO_LIMITS, now: datetime = NOW
) -> Reason:
    answer = decide(served, asks, now, limits)
    assert isinstance(answer, NoUpdate), answer
    return answer.reason


def test_an_older_machine_gets_the_newest_release() -> None:
    served = document(offer(), offer(release(OLD)))
    answer = decide(served, machine(OLDEST), NOW)
    assert isinstance(answer, Update)
    assert (answer.release, answer.payload) == (release(), payload())
    assert (answer.target, answer.is_delta, answer.is_floor) == (NEW, False, False)


@pytest.mark.parametrize("newer", [NEW, Version(4593, 2, 1), Version(9999, 0, 0)])
def test_machines_never_go_down_nor_again_to_what_they_run(newer: Version) -> None:
    served = document(offer(), offer(release(OLD)))
    assert reason(served, machine(newer)) is Reason.UP_TO_DATE
    assert reason(served, machine(newer, released=False)) is Reason.UP_TO_DATE


def test_an_update_can_be_forced_by_the_version_zero() -> None:
    assert version(document(), machine(Version(0, 0, 0))) == NEW


@pytest.mark.parametrize(("status", "why"), [(PAUSED, Reason.PAUSED), (WITHDRAWN, Reason.WITHDRAWN)])
def test_what_is_stopped_is_offered_to_nobody_and_what_was_before_still_is(
    status: ChannelStatus, why: Reason
) -> None:
    served = document(offer(status=status), offer(release(OLD)))
    assert version(served, machine(OLDEST)) == OLD
    assert reason(served, machine(OLD)) is why


def test_what_is_halted_here_is_offered_to_nobody() -> None:
    served = document(offer(), offer(release(OLD)))
    limits = Limits(halted={release().release})
    assert version(served, machine(OLDEST), limits) == OLD
    assert reason(served, machine(OLD), limits) is Reason.HALTED_HERE


def test_an_expired_document_is_believed_by_nobody() -> None:
    served = document()
    assert version(served, machine(), now=served.expires - timedelta(microseconds=1)) == NEW
    assert reason(served, machine(), now=served.expires) is Reason.EXPIRED
    assert reason(None, machine()) is Reason.NO_DOCUMENT


def test_a_machine_of_another_board_is_told_so() -> None:
    assert reason(document(), machine(board="arm64-usr")) is Reason.UNKNOWN_BOARD
    assert reason(document(), machine(board="")) is Reason.UNKNOWN_BOARD


def test_the_queue_moves_with_time() -> None:
    def at(days: float) -> ChannelDocument:
        return document(offer(rules=TENTH_A_DAY, since=NOW - days * DAY))

    assert version(at(0.5), machine(id_=FIRST)) == NEW
    assert reason(at(0.5), machine(id_=MIDDLE)) is Reason.WAITING
    assert version(at(5), machine(id_=MIDDLE)) == NEW
    assert reason(at(9.5), machine(id_=LAST)) is Reason.WAITING
    assert version(at(10), machine(id_=LAST)) == NEW


def test_a_rollout_begins_when_it_begins() -> None:
    assert reason(document(offer(since=NOW + DAY)), machine()) is Reason.NOT_BEGUN
    again = offer(since=NOW + DAY, active=5 * 86400, rules=TENTH_A_DAY)
    assert version(document(again), machine(id_=MIDDLE)) == NEW


def test_what_the_channel_left_behind_stays_at_its_share() -> None:
    left = offer(since=None, active=5 * 86400, rules=TENTH_A_DAY)
    assert version(document(left), machine(id_=MIDDLE)) == NEW
    assert reason(document(left), machine(id_=LAST)) is Reason.WAITING


def test_who_waits_for_the_newest_gets_the_one_before() -> None:
    served = document(offer(rules=TENTH_A_DAY, since=NOW), offer(release(OLD)))
    assert version(served, machine(OLDEST, id_=LAST)) == OLD
    assert reason(served, machine(OLD, id_=LAST)) is Reason.WAITING


def test_windows_close() -> None:
    served = document(offer(rules=RolloutRules(windows=(AT_NIGHT,))))
    assert reason(served, machine()) is Reason.WINDOW_CLOSED
    assert version(served, machine(), now=NOW + timedelta(hours=10)) == NEW


def test_groups_hold_back_and_never_hasten() -> None:
    served = document(offer(rules=TENTH_A_DAY, since=NOW - 5 * DAY))
    half = Limits(share=Decimal("0.4"))
    assert version(served, machine(id_=FIRST), half) == NEW
    assert reason(served, machine(id_=MIDDLE), half) is Reason.GROUP
    assert reason(served, machine(id_=LAST), half) is Reason.WAITING
    assert reason(served, machine(id_=FIRST), Limits(share=Decimal(0))) is Reason.GROUP
    place = bucket(FIRST, release().release)
    with localcontext() as exact:
        exact.prec = 60
        up_to, past = Decimal(place) / BUCKETS, Decimal(place + 1) / BUCKETS
        assert reason(served, machine(id_=FIRST), Limits(share=up_to)) is Reason.GROUP
        assert version(served, machine(id_=FIRST), Limits(share=past)) == NEW
    later = Limits(delay=2 * DAY)
    assert version(served, machine(id_=FIRST), later) == NEW
    assert reason(served, machine(id_=MIDDLE), later) is Reason.GROUP
    assert reason(served, machine(id_=FIRST), Limits(delay=6 * DAY)) is Reason.GROUP


def test_a_group_that_follows_late_gets_what_the_channel_left_behind_sooner() -> None:
    two_days = 2 * 24 * 3600
    left = offer(release(OLD), since=None, active=two_days)
    served = document(offer(release(NEW), since=NOW - DAY), left)
    late = Limits(delay=3 * DAY)
    found = decide(served, machine(OLDEST), NOW, late)
    assert isinstance(found, Update)
    assert found.release.version == OLD
    early = document(offer(release(NEW), since=NOW - DAY / 2), left)
    assert reason(early, machine(OLDEST), late) is Reason.GROUP
    assert reason(served, machine(id_=FIRST), Limits(windows=(AT_NIGHT,))) is Reason.GROUP


def test_floors_come_in_order_and_end_at_the_release() -> None:
    served = document(offer(), floors=[floor(OLDEST), floor(OLD)])
    asks = machine(Version(2905, 2, 0))
    for step in (OLDEST, OLD, NEW):
        answer = decide(served, asks, NOW)
        assert isinstance(answer, Update)
        assert (answer.release.version, answer.target, answer.is_floor) == (step, NEW, step != NEW)
        asks = replace(asks, version=step)
    assert reason(served, asks) is Reason.UP_TO_DATE


def test_a_floor_is_reached_only_when_the_release_behind_it_admits() -> None:
    served = document(offer(rules=TENTH_A_DAY, since=NOW), floors=[floor(OLD)])
    assert reason(served, machine(OLDEST, id_=FIRST)) is Reason.WAITING
    assert version(served, machine(OLDEST, id_=FIRST), now=NOW + timedelta(hours=47)) == OLD


def test_a_floor_above_the_release_is_none() -> None:
    served = document(offer(status=PAUSED), offer(release(OLDEST)), floors=[floor(OLD)])
    assert version(served, machine(Version(2905, 2, 0))) == OLDEST


def test_a_release_that_is_its_own_floor_is_offered_as_such() -> None:
    answer = decide(document(offer(), floors=[floor(NEW)]), machine(), NOW)
    assert isinstance(answer, Update)
    assert (answer.release.version, answer.is_floor) == (NEW, False)


def test_a_withdrawn_floor_lets_nobody_pass() -> None:
    served = document(offer(), floors=[floor(OLDEST), floor(OLD, withdrawn=True)])
    assert version(served, machine(Version(2905, 2, 0))) == OLDEST
    assert reason(served, machine(OLDEST)) is Reason.FLOOR_CLOSED
    assert version(served, machine(OLD)) == NEW


def test_below_a_withdrawn_floor_older_releases_are_offered() -> None:
    served = document(offer(), offer(release(OLDEST)), floors=[floor(OLD, withdrawn=True)])
    assert version(served, machine(Version(2905, 2, 0))) == OLDEST
    assert reason(served, machine(OLDEST)) is Reason.FLOOR_CLOSED


@pytest.mark.parametrize("status", [PAUSED, WITHDRAWN])
def test_a_floor_that_is_stopped_as_an_offer_lets_nobody_pass(status: ChannelStatus) -> None:
    served = document(offer(), offer(release(OLD), status=status), floors=[floor(OLD)])
    assert reason(served, machine(OLDEST)) is Reason.FLOOR_CLOSED


def test_a_floor_that_is_halted_here_lets_nobody_pass() -> None:
    served = document(offer(), floors=[floor(OLD)])
    assert reason(served, machine(OLDEST), Limits(halted={release(OLD).release})) is Reason.FLOOR_CLOSED


def test_what_no_mirror_has_is_not_offered() -> None:
    served = document(offer(release(mirrors=())), offer(release(OLD)))
    assert version(served, machine(OLDEST)) == OLD
    assert reason(served, machine(OLD)) is Reason.NO_MIRROR
    assert reason(document(offer(), floors=[floor(OLD, mirrors=())]), machine(OLDEST)) is Reason.NO_MIRROR
    nowhere = document(offer(release(mirrors=())), floors=[floor(OLD)])
    assert reason(nowhere, machine(OLDEST)) is Reason.NO_MIRROR


def test_errors_are_told_from_answers() -> None:
    errors = {one for one in Reason if one.is_error}
    assert errors == {
        Reason.UNKNOWN_APPLICATION,
        Reason.UNKNOWN_CHANNEL,
        Reason.UNKNOWN_BOARD,
        Reason.NO_DOCUMENT,
        Reason.EXPIRED,
    }

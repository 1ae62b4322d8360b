"""Laws of rollouts: shares only grow, are exact at their steps, and places are spread evenly."""

from __future__ import annotations

import random
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.digests import Digest
from release.promotion.delivery import AT_ONCE, OfferWindow, RolloutRules, RolloutStep
from release.promotion.rollout import (
    BUCKETS,
    admits,
    bucket,
    in_window,
    next_opening,
    next_step,
    share,
    threshold,
)

RELEASE, OTHER = Digest.sha256(b"one"), Digest.sha256(b"two")
PLACES = st.integers(0, BUCKETS - 1)
TIMES = st.timedeltas(timedelta(), timedelta(days=30))
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo")


@st.composite
def rules(draw: st.DrawFn) -> RolloutRules:
    """Steps that ascend in time and share, and end with everybody."""
    hours = sorted(draw(st.sets(st.integers(0, 300), min_size=1, max_size=6)))
    shares = sorted(draw(st.lists(st.integers(0, 9999), min_size=len(hours) - 1, max_size=len(hours) - 1)))
    steps = [
        RolloutStep(after=timedelta(hours=after), share=Decimal(part) / 10_000)
        for after, part in zip(hours, [*shares, 10_000], strict=True)
    ]
    return RolloutRules(steps=tuple(steps), linear=draw(st.booleans()))


@st.composite
def windows(draw: st.DrawFn) -> OfferWindow:
    """Any window, those over midnight and those of a whole day included."""
    return OfferWindow(
        zone=ZoneInfo(draw(st.sampled_from(ZONES))),
        days=draw(st.frozensets(st.integers(0, 6), min_size=1)),
        begins=time(draw(st.integers(0, 23)), draw(st.sampled_from((0, 30)))),
        ends=time(draw(st.integers(0, 23)), draw(st.sampled_from((0, 30)))),
    )


@given(rules(), TIMES, TIMES, PLACES)
def test_a_machine_that_was_admitted_stays_admitted(
    plan: RolloutRules, one: timedelta, other: timedelta, place: int
) -> None:
    early, late = sorted((one, other))
    assert share(plan, early) <= share(plan, late)
    assert admits(plan, early, place) <= admits(plan, late, place)


@given(rules())
def test_the_share_is_exact_at_every_step(plan: RolloutRules) -> None:
    for step in plan.steps:
        assert share(plan, step.after) == Fraction(step.share)
        assert threshold(plan, step.after) == -(-Fraction(step.share) * BUCKETS // 1)


@given(rules(), TIMES)
def test_a_stepped_share_stays_until_the_next_step(plan: RolloutRules, active: timedelta) -> None:
    reached = [step.share for step in plan.steps if step.after <= active]
    stepped = RolloutRules(steps=plan.steps)
    assert share(stepped, active) == Fraction(reached[-1] if reached else 0)
    coming = next_step(plan, active)
    assert coming == next((step for step in plan.steps if step.after > active), None)


def test_a_linear_share_grows_evenly_from_nothing() -> None:
    plan = RolloutRules(steps=(RolloutStep(after=timedelta(days=8), share=Decimal(1)),), linear=True)
    assert [share(plan, timedelta(days=day)) for day in range(10)] == [
        Fraction(min(n, 8), 8) for n in range(10)
    ]
    assert share(plan, timedelta(microseconds=1)) == Fraction(1, 8 * 86_400 * 10**6)


@given(PLACES)
def test_everybody_is_admitted_at_one_and_nobody_at_nothing(place: int) -> None:
    later = RolloutRules(steps=(RolloutStep(after=timedelta(hours=1), share=Decimal(1)),))
    assert admits(AT_ONCE, timedelta(), place)
    assert not admits(later, timedelta(), place)
    assert not admits(AT_ONCE, -timedelta(seconds=1), place)


@given(st.text(max_size=50) | st.text(st.characters(categories=["Cs"]), max_size=3))
def test_any_text_has_one_place(machine: str) -> None:
    assert 0 <= bucket(machine, RELEASE) < BUCKETS
    assert bucket(machine, RELEASE) == bucket(machine, RELEASE)


def test_a_place_is_what_it_was() -> None:
    """Update servers of different versions must agree, and machines keep their place over an upgrade."""
    assert bucket("e3b0c44298fc1c149afbf4c8996fb924", RELEASE) == 1_731_404_364
    assert bucket("", RELEASE) == 239_940_310


def test_places_are_spread_evenly() -> None:
    """Chi-square over 256 cells: 255 degrees of freedom; beyond 360 is less likely than one in 10,000."""
    cells = [0] * 256
    for number in range(51_200):
        cells[bucket(f"{number:032x}", RELEASE) >> 24] += 1
    assert sum((cell - 200) ** 2 / 200 for cell in cells) < 360


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_the_next_release_begins_with_other_machines(percent: int) -> None:
    """Of those that come first in one release, the usual share does in the next: within 5 deviations."""
    limit, total = BUCKETS * percent // 100, 40_000
    first = [one for one in (f"m{number}" for number in range(total)) if bucket(one, RELEASE) < limit]
    both = sum(bucket(one, OTHER) < limit for one in first)
    expected, chance = len(first) * percent / 100, percent / 100
    assert abs(len(first) - total * chance) < 5 * (total * chance * (1 - chance)) ** 0.5
    assert abs(both - expected) < 5 * (expected * (1 - chance)) ** 0.5


@given(windows(), st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))  # noqa: DTZ001  made aware below
def test_a_window_is_open_while_the_wall_clock_shows_it(window: OfferWindow, moment: datetime) -> None:
    now = moment.replace(tzinfo=UTC)
    local = now.astimezone(window.zone)
    minutes = {
        (day * 1440 + window.begins.hour * 60 + window.begins.minute + passed) % (7 * 1440)
        for day in window.days
        for passed in range(_length(window))
    }
    at = local.weekday() * 1440 + local.hour * 60 + local.minute
    assert in_window((window,), now) == (at in minutes)


@given(
    st.lists(windows(), max_size=2),
    st.datetimes(datetime(2026, 3, 1), datetime(2026, 4, 20))  # noqa: DTZ001  made aware below
    | st.datetimes(datetime(2026, 9, 20), datetime(2026, 11, 10)),  # noqa: DTZ001  made aware below
)
def test_the_next_opening_is_the_first_moment_in_a_window(some: list[OfferWindow], moment: datetime) -> None:
    """Asked around clock changes; compared with a look at every half hour and second of change."""
    now = moment.replace(tzinfo=UTC, second=0, microsecond=0)
    found = next_opening(tuple(some), now)
    assert found is not None
    assert found >= now
    assert in_window(tuple(some), found)
    step = now
    while step < found:
        assert not in_window(tuple(some), step)
        step = (step + timedelta(minutes=15)).replace(minute=(step.minute // 15 * 15 + 15) % 60)
        step = min(step, found)


def test_no_window_opens_without_a_day() -> None:
    never = OfferWindow(zone=ZoneInfo("UTC"), days=frozenset(), begins=time(9), ends=time(17))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert not in_window((never,), now)
    assert next_opening((never,), now) is None


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    night = OfferWindow(zone=ZoneInfo("Europe/Berlin"), days=frozenset({4}), begins=time(22), ends=time(4))
    friday = datetime(2026, 3, 27, 21, tzinfo=UTC)  # 22:00 in Berlin
    assert in_window((night,), friday)
    assert in_window((night,), friday + timedelta(hours=5, minutes=59))
    assert not in_window((night,), friday + timedelta(hours=6))
    assert not in_window((night,), friday - timedelta(days=1))
    assert not in_window((night,), friday + timedelta(days=1))


def test_a_window_that_the_clock_skips_opens_where_the_clock_jumps_to() -> None:
    """On 29 March 2026 Berlin's clock jumps from 02:00 to 03:00, which is 01:00 UTC."""
    berlin, sunday = ZoneInfo("Europe/Berlin"), frozenset({6})
    saturday = datetime(2026, 3, 28, 12, tzinfo=UTC)
    cut = OfferWindow(zone=berlin, days=sunday, begins=time(2, 15), ends=time(4))
    assert next_opening((cut,), saturday) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    gone = OfferWindow(zone=berlin, days=sunday, begins=time(2, 15), ends=time(2, 45))
    assert next_opening((gone,), saturday) == datetime(2026, 4, 5, 0, 15, tzinfo=UTC)


def _length(window: OfferWindow) -> int:
    begins, ends = (one.hour * 60 + one.minute for one in (window.begins, window.ends))
    return (ends - begins) % 1440 or 1440


def test_a_linear_share_is_on_the_line_between_its_steps() -> None:
    """A thousand random plans and times, with a fixed seed, beside a plain reading of the rule."""
    random_ = random.Random(5)  # noqa: S311 - test data
    for _ in range(1000):
        hours = sorted(random_.sample(range(1, 200), 3))
        parts = sorted(random_.sample(range(1, 100), 2))
        shares = [Decimal(parts[0]) / 100, Decimal(parts[1]) / 100, Decimal(1)]
        steps = tuple(
            RolloutStep(after=timedelta(hours=after), share=part)
            for after, part in zip(hours, shares, strict=True)
        )
        at = random_.uniform(0, 220)
        points = [(0.0, 0.0), *((step.after / timedelta(hours=1), float(step.share)) for step in steps)]
        wanted = 1.0
        for (left, low), (right, high) in pairwise(points):
            if left <= at < right:
                wanted = low + (high - low) * (at - left) / (right - left)
        found = share(RolloutRules(steps=steps, linear=True), timedelta(hours=at))
        assert float(found) == pytest.approx(wanted, abs=1e-9)

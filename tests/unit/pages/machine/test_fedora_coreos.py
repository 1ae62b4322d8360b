"""Documents in the form of Fedora CoreOS, as its update service reads them: never more than we offer."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.catalog.version import Version
from release.ledger.state import Offer, State
from release.line.site_facts import rollouts_of
from release.pages.machine.book import Book
from release.pages.machine.fedora_coreos import stream_document, updates_document
from release.pages.records import Floor, Rollout, Stop
from release.pages.site import Site
from release.promotion.delivery import OfferWindow, RolloutRules, RolloutStep
from release.promotion.rollout import share
from release.trust.channel_making import rollout_of
from tests.unit.ledger.fakes import digest_of, released
from tests.unit.line.story import POLICY, Story
from tests.unit.line.test_site_facts import EVERY_DAY
from tests.unit.pages.machine.cincinnati import led_to, share_at
from tests.unit.pages.machine.rich import BASE, rich_site
from tests.unit.pages.samples import AMD64, board, day, payload, published, release, site, with_entry

WARY = 0.000_001
"""The least wary machine, unless somebody set it."""
NOBODY = {"start_percentage": 0.0}
EVERYBODY = {"start_percentage": 1.0}
VERSIONS = ["1.0.8", "1.0.9", "1.0.10", "1.0.11"]
MINUTE = timedelta(minutes=1)
LINE = Rollout(
    began=day(16), steps=((day(16), Decimal(0)), (day(26), Decimal(1))), linear=True, share=Decimal("0.4")
)


def updates(sample: Site, channel: str = "alpha") -> Any:
    return json.loads(updates_document(Book(sample), channel))


def told(sample: Site, channel: str = "alpha") -> dict[str, Any]:
    return {entry["version"]: entry["metadata"] for entry in updates(sample, channel)["releases"]}


def four(*, alpha: str = "1.0.11", withdrawn: tuple[str, ...] = (), floors: tuple[str, ...] = ()) -> Site:
    """Alpha offered four releases, the last one from day 16 on; it is day 20."""
    one = board(AMD64, payload(5000))
    stop = Stop(since=day(18), reason="It loses data")
    found = [
        replace(
            published(release(version, one, created=day(2)), alpha=day(10 + 2 * place)),
            withdrawals=(stop,) if version in withdrawn else (),
        )
        for place, version in enumerate(VERSIONS)
    ]
    return replace(
        site(*found, base_url=BASE, alpha=alpha),
        floors=tuple(Floor(channel="alpha", version=Version.parse(one), reason="Keys") for one in floors),
    )


def paused(sample: Site, version: str = "1.0.11") -> Site:
    return with_entry(sample, version, "alpha", pauses=(Stop(since=day(17), reason="It boots slowly"),))


def led(sample: Site, machine: str, wariness: float = WARY, channel: str = "alpha") -> list[str]:
    """Where a machine is led, now and in ten years."""
    document, now = updates(sample, channel), sample.generated_at
    found = led_to(document, VERSIONS, machine, wariness, now)
    assert found == led_to(document, VERSIONS, machine, wariness, now + timedelta(days=3652))
    return found


@pytest.mark.parametrize("rollout", [LINE, replace(LINE, linear=False), None])
def test_a_paused_rollout_is_offered_to_nobody_however_long_it_lasts(rollout: Rollout | None) -> None:
    sample = replace(paused(four()), rollouts={} if rollout is None else {"alpha": rollout})
    assert told(sample) == {}
    assert led(sample, "1.0.8", 0) == led(sample, "1.0.10", 0) == []


def test_a_rollout_that_its_own_rules_halted_is_offered_to_nobody() -> None:
    stop = Stop(since=day(17), reason="9 of 100 failed", automatic=True)
    sample = replace(with_entry(four(), "1.0.11", "alpha", pauses=(stop,)), rollouts={"alpha": LINE})
    assert "1.0.11" not in told(sample)


def test_a_pause_of_a_stream_pauses_the_channel_that_follows_it() -> None:
    """Its entry has the pause as well."""
    stop = (Stop(since=day(17), reason="It boots slowly"),)
    sample = with_entry(rich_site(), "1.0.9", "lts-2026", pauses=stop)
    sample = with_entry(sample, "1.0.9", "lts", pauses=stop)
    assert "1.0.9" not in told(sample, "lts-2026").keys() | told(sample, "lts").keys()
    followed = with_entry(rich_site(), "1.0.9", "lts", pauses=stop)
    assert told(followed, "lts-2026")["1.0.9"] == {"rollout": EVERYBODY}


def test_what_people_stop_after_the_time_of_the_data_is_a_later_change() -> None:
    def modified(sample: Site) -> str:
        return str(updates(sample)["metadata"]["last-modified"])

    stop = Stop(since=day(21), reason="It boots slowly")
    assert modified(four()) == "2026-08-20T09:30:00Z"
    stopped = with_entry(four(), "1.0.11", "alpha", pauses=(stop,))
    assert (told(stopped), modified(stopped)) == ({}, "2026-08-21T09:30:00Z")
    on = with_entry(four(), "1.0.11", "alpha", pauses=(replace(stop, lifted=day(22)),))
    assert (told(on), modified(on)) == (told(four()), "2026-08-22T09:30:00Z")


def test_a_frozen_channel_does_not_move_and_offers_what_it_has() -> None:
    sample = replace(four(), freezes={"alpha": (Stop(since=day(18), reason="Holidays"),)})
    assert led(sample, "1.0.8", 1) == ["1.0.11"]


def test_what_everybody_may_have_is_told_as_fedora_coreos_does() -> None:
    assert told(four()) == {"1.0.11": {"rollout": EVERYBODY}}
    done = replace(LINE, steps=((day(16), Decimal(0)), (day(20), Decimal(1))), share=Decimal(1))
    assert told(replace(four(), rollouts={"alpha": done})) == {"1.0.11": {"rollout": EVERYBODY}}
    assert led(four(), "1.0.9", 1) == ["1.0.11"]
    assert told(rich_site(), "edge") == {}  # imported: who may have it is not known


def test_nobody_comes_to_a_withdrawn_release_and_everybody_goes_on_from_it() -> None:
    sample = four(withdrawn=("1.0.10",))
    assert "1.0.10" not in told(sample)
    assert led(sample, "1.0.9", 0) == ["1.0.11"]
    assert led(sample, "1.0.10", 0) == ["1.0.11"]
    head = four(withdrawn=("1.0.11",))
    assert (led(head, "1.0.8"), led(head, "1.0.10")) == ([], [])


def test_a_withdrawn_floor_lets_nobody_pass_nor_passes_anybody_by() -> None:
    sample = four(withdrawn=("1.0.9",), floors=("1.0.9",))
    reason = {"reason": f"{BASE}releases/1.0.9/index.html"}
    assert told(sample)["1.0.9"] == {"barrier": reason, "rollout": NOBODY}
    assert led(sample, "1.0.8") == []
    assert led(sample, "1.0.9") == led(sample, "1.0.10") == ["1.0.11"]


def test_a_floor_is_passed_as_long_as_there_is_something_behind_it() -> None:
    sample = four(floors=("1.0.9",))
    assert "rollout" not in told(sample)["1.0.9"]
    assert led(sample, "1.0.8") == ["1.0.9"]
    assert led(sample, "1.0.9") == ["1.0.11"]
    assert led(paused(sample), "1.0.8") == ["1.0.9"]  # that one was offered before, and still is


def test_a_floor_that_nothing_else_opens_is_open_as_far_as_what_is_behind_it() -> None:
    """The channel never offered it, or not any more."""
    one = published(release("1.0.9", board(AMD64, payload(5000)), created=day(2)), beta=day(4))
    alone = four(floors=("1.0.9",))
    others = [one, *(item for item in alone.releases if str(item.release.version) in {"1.0.8", "1.0.11"})]
    alone = replace(alone, releases=tuple(others))
    assert led(alone, "1.0.8", 1) == ["1.0.9"]
    assert led(paused(alone), "1.0.8") == []
    rolling = told(replace(alone, rollouts={"alpha": LINE}))
    assert rolling["1.0.9"]["rollout"] == rolling["1.0.11"]["rollout"]
    stopped = paused(paused(four(floors=("1.0.10",))), "1.0.10")
    assert led(stopped, "1.0.9") == []
    later = replace(four(), floors=(Floor(channel="alpha", version=Version(1, 1, 0), reason="Keys"),))
    assert told(later) == told(four())


def test_what_is_withdrawn_behind_a_floor_does_not_open_it() -> None:
    alone = four(floors=("1.0.9",), withdrawn=("1.0.10",))
    floor = published(release("1.0.9", board(AMD64, payload(5000)), created=day(2)), beta=day(4))
    others = [floor, *(item for item in alone.releases if str(item.release.version) != "1.0.9")]
    rolling = told(replace(alone, releases=tuple(others), rollouts={"alpha": LINE}))
    assert rolling["1.0.9"]["rollout"] == rolling["1.0.11"]["rollout"]


def test_a_floor_that_is_rolled_out_is_both() -> None:
    sample = replace(four(floors=("1.0.11",)), rollouts={"alpha": LINE})
    assert {*told(sample)["1.0.11"]} == {"barrier", "rollout"}
    assert led_to(updates(sample), VERSIONS, "1.0.8", 0.41, day(20)) == []
    assert led_to(updates(sample), VERSIONS, "1.0.8", 0.39, day(20)) == ["1.0.11"]


def test_a_line_is_told_from_now_on_and_everything_else_stays_where_it_is() -> None:
    at = int(day(20).timestamp())
    began = int(day(16).timestamp())
    line = {"start_epoch": at, "start_percentage": 0.4, "duration_minutes": 6 * 24 * 60}
    still = {"start_epoch": began, "start_percentage": 0.4}
    bent = (*LINE.steps[:1], (day(22), Decimal("0.5")), *LINE.steps[1:])
    for rollout, expected in (
        (LINE, line),
        (replace(LINE, linear=False), still),
        (replace(LINE, windows=("Mon, 09:00 to 17:00, UTC",)), still),
        (replace(LINE, steps=bent), still),
    ):
        assert told(replace(four(), rollouts={"alpha": rollout})) == {"1.0.11": {"rollout": expected}}


def test_what_has_not_begun_begins_when_it_does() -> None:
    ahead = replace(
        LINE, began=day(21), steps=((day(21), Decimal("0.1")), (day(23), Decimal(1))), share=Decimal("0.1")
    )
    for linear in (True, False):
        sample = replace(four(), rollouts={"alpha": replace(ahead, linear=linear)})
        rollout = told(sample)["1.0.11"]["rollout"]
        assert share_at(rollout, day(21) - MINUTE) == 0
        assert share_at(rollout, day(21)) == 0.1


def test_updates_are_as_old_as_the_data_and_images_as_their_last_change() -> None:
    assert updates(four())["metadata"] == {"last-modified": "2026-08-20T09:30:00Z"}

    def changed(sample: Site) -> str:
        return str(json.loads(stream_document(Book(sample), "alpha"))["metadata"]["last-modified"])

    def head(**changes: Any) -> Site:
        *others, last = four().releases
        return replace(four(), releases=(*others, replace(last, **changes)))

    assert changed(four()) == "2026-08-16T09:30:00Z"
    gone = Stop(since=day(17), reason="It loses data")
    assert changed(head(withdrawals=(gone,))) == "2026-08-17T09:30:00Z"
    assert changed(head(withdrawals=(replace(gone, lifted=day(18)),))) == "2026-08-18T09:30:00Z"
    assert changed(head(withdrawals=(gone,), collected=day(19))) == "2026-08-19T09:30:00Z"
    assert changed(paused(four())) == "2026-08-16T09:30:00Z"  # the images are still there


@dataclass(frozen=True)
class Course:
    """What became of a rollout: ``at`` is when it is told."""

    state: State
    rules: RolloutRules
    at: datetime

    def told(self) -> dict[str, Any]:
        policy = replace(POLICY, edges=tuple(replace(edge, rollout=self.rules) for edge in POLICY.edges))
        one = release("1.0.0", board(AMD64, payload(5000)), created=self.state.offers[0].begins)
        sample = site(published(one, alpha=one.created), alpha="1.0.0")
        ended = self.state.offers[-1].ends
        if ended is not None:
            sample = with_entry(sample, "1.0.0", "alpha", pauses=(Stop(since=ended, reason="Slow"),))
        rollouts = rollouts_of(self.state, policy, self.at)
        found = told(replace(sample, generated_at=self.at, rollouts=rollouts))
        return dict(found["1.0.0"]["rollout"]) if "1.0.0" in found else dict(NOBODY)

    def own(self, now: datetime) -> float:
        """The share of machines that the update server offers it."""
        if self.state.offers[-1].ends is not None:
            return 0.0
        head = self.state.heads["alpha"]
        return float(share(self.rules, rollout_of(self.state, POLICY, head).active_at(now)))


@cache
def moved() -> State:
    """1.0.0 is in alpha."""
    story = Story()
    story.tell(released("1.0.0"))
    story.move("1.0.0", "alpha")
    return story.state


def line(hours: int, windows: tuple[OfferWindow, ...] = ()) -> RolloutRules:
    return RolloutRules(steps=(step(0, 0), step(hours, 100)), linear=True, windows=windows)


def step(hours: int, percent: int) -> RolloutStep:
    return RolloutStep(after=timedelta(hours=hours), share=Decimal(percent) / 100)


LINES = st.integers(2, 800).map(line)


@st.composite
def bent(draw: st.DrawFn) -> RolloutRules:
    """Up to five steps, on which the share waits or between which it grows."""
    waits = draw(st.lists(st.integers(1, 200), max_size=4))
    percents = sorted(draw(st.lists(st.integers(0, 100), min_size=len(waits), max_size=len(waits))))
    hours = accumulate(waits, initial=draw(st.integers(0, 50)))
    steps = (step(*one) for one in zip(hours, (*percents, 100), strict=True))
    return RolloutRules(steps=tuple(steps), linear=draw(st.booleans()))


@st.composite
def courses(draw: st.DrawFn, rules: st.SearchStrategy[RolloutRules], *, stopped: bool = True) -> Course:
    """A rollout goes on, stops and goes on; it is told while one of these lasts."""
    chosen = draw(rules)
    state = moved()
    seconds = draw(st.lists(st.integers(1, 400_000), max_size=5))
    if not stopped:
        seconds = seconds[: len(seconds) // 2 * 2]
    times = [state.offers[0].begins]
    for second in seconds:
        times.append(times[-1] + timedelta(seconds=second))
    ends = (*times[1:], None)
    stretches = tuple(
        Offer(channel="alpha", version=Version(1, 0, 0), release=digest_of("1.0.0"), begins=begins, ends=end)
        for begins, end in list(zip(times, ends, strict=True))[::2]
    )
    at = times[-1] + timedelta(seconds=draw(st.integers(0, 2_000_000)))
    return Course(replace(state, offers=stretches), chosen, at)


LATER = st.integers(0, 4_000_000).map(lambda seconds: timedelta(seconds=seconds))


@settings(max_examples=200, deadline=None)
@given(courses(st.one_of(LINES, bent(), st.just(line(200, (EVERY_DAY,))))), LATER)
def test_a_reader_never_lets_more_have_it_than_we_do(course: Course, later: timedelta) -> None:
    rollout = course.told()
    for now in (course.at, course.at + MINUTE, course.at + later):
        assert share_at(rollout, now) <= course.own(now) + 1e-9


@settings(max_examples=100, deadline=None)
@given(courses(LINES, stopped=False), LATER)
def test_a_reader_of_a_line_is_less_than_a_percent_behind(course: Course, later: timedelta) -> None:
    rollout = course.told()
    for now in (course.at, course.at + MINUTE, course.at + later):
        assert abs(share_at(rollout, now) - course.own(now)) < 0.01

"""Rollouts, mirrors and floors, as the pages are told of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from release.catalog.version import Version
from release.ledger.kinds import MirrorVerified
from release.ledger.statements import StopAction
from release.line.site_facts import floors_of_site, mirrors_of_site, rollouts_of, window_words
from release.pages.records import Floor, MirrorSite, Rollout
from release.promotion import delivery
from release.promotion.delivery import OfferWindow, RolloutRules, RolloutStep
from release.promotion.policy import Policy
from tests.unit.ledger.fakes import digest_of, released
from tests.unit.line.story import DAY, POLICY, Story

STEPS = tuple(
    RolloutStep(after=timedelta(days=days), share=Decimal(share))
    for days, share in ((0, "0.01"), (4, "0.5"), (10, "1"))
)
EVERY_DAY = OfferWindow(
    zone=ZoneInfo("Europe/Berlin"), days=frozenset({0, 1, 2, 3, 5}), begins=time(9), ends=time(17, 30)
)


def rolled_out(*, linear: bool = False) -> Policy:
    rules = RolloutRules(steps=STEPS, linear=linear, windows=(EVERY_DAY,))
    return replace(POLICY, edges=tuple(replace(edge, rollout=rules) for edge in POLICY.edges))


def mirrored(**channels: tuple[str, ...]) -> Policy:
    mirrors = tuple(
        delivery.MirrorSite(name=name, url=f"https://{name}.example.org/", channels=served)
        for name, served in channels.items()
    )
    return replace(POLICY, mirrors=mirrors)


@pytest.fixture
def story() -> Story:
    """1.0.0 is in alpha, asked for and moved yesterday."""
    story = Story()
    story.tell(released("1.0.0"))
    story.move("1.0.0", "alpha")
    return story


def after(began: datetime, *days: float) -> list[datetime]:
    return [began + timedelta(days=one) for one in days]


def test_a_rollout_that_nothing_stops_says_when_its_steps_come(story: Story) -> None:
    began = story.now - DAY
    found = rollouts_of(story.state, rolled_out(), began + timedelta(days=5))
    assert found == {
        "alpha": Rollout(
            began=began,
            steps=tuple(zip(after(began, 0, 4, 10), map(Decimal, ("0.01", "0.5", "1")), strict=True)),
            linear=False,
            share=Decimal("0.5"),
            windows=("Mon to Thu, Sat, 09:00 to 17:30, Europe/Berlin",),
        )
    }
    assert found["alpha"].complete == began + timedelta(days=10)
    assert not rollouts_of(story.state, rolled_out(), began + timedelta(days=10))
    assert not rollouts_of(story.state, POLICY, began)


def test_a_linear_share_grows_between_steps_and_is_never_rounded_up(story: Story) -> None:
    began = story.now - DAY
    (found,) = rollouts_of(story.state, rolled_out(linear=True), began + timedelta(days=8)).values()
    assert found.share == Decimal("0.8333")
    assert found.linear


def test_time_in_which_it_was_stopped_does_not_count(story: Story) -> None:
    began = story.now - DAY
    pause = story.stop(StopAction.PAUSE, "alpha", "1.0.0")  # a day after it began
    (found,) = rollouts_of(story.state, rolled_out(), began + timedelta(days=3)).values()
    assert [moment for moment, _ in found.steps] == after(began, 0, 3 + 3, 3 + 9)  # as if it went on then
    assert found.share == Decimal("0.01")
    lifted = story.lift(pause)
    lost = (lifted - began) / DAY - 1
    (found,) = rollouts_of(story.state, rolled_out(), lifted + DAY).values()
    assert [moment for moment, _ in found.steps] == after(began, 0, 4 + lost, 10 + lost)


def test_what_is_withdrawn_goes_no_further(story: Story) -> None:
    story.stop(StopAction.WITHDRAW, version="1.0.0")
    assert not rollouts_of(story.state, rolled_out(), story.now)


def test_windows_in_words() -> None:
    weekend = replace(EVERY_DAY, days=frozenset({5, 6}), begins=time(22), ends=time(6))
    assert window_words(weekend) == "Sat, Sun, 22:00 to 06:00, Europe/Berlin"
    whole = replace(EVERY_DAY, days=frozenset(range(7)))
    assert window_words(whole) == "Mon to Sun, 09:00 to 17:30, Europe/Berlin"


def test_a_mirror_has_what_was_read_back_from_it(story: Story) -> None:
    story.move("1.0.0", "lts-2024")
    for channel in ("alpha", "lts-2024"):
        story.tell(
            MirrorVerified(
                mirror="eu",
                channel=channel,
                version=Version(1, 0, 0),
                release=digest_of("1.0.0"),
                passed=True,
            )
        )
    channels = story.site().channels
    found = mirrors_of_site(story.state, mirrored(eu=(), us=("lts",)), channels)
    every = ("alpha", "lts-2024", "lts")
    assert found == (
        MirrorSite(name="eu", url="https://eu.example.org/", channels=every, verified=every),
        MirrorSite(name="us", url="https://us.example.org/", channels=("lts-2024", "lts"), verified=()),
    )


def test_floors_of_a_channel_are_its_streams_as_well(story: Story) -> None:
    story.move("1.0.0", "lts-2024")
    policy = replace(
        POLICY,
        floors=(
            delivery.Floor(channel="lts", version=Version(0, 9, 0), reason="New partitions"),
            delivery.Floor(channel="alpha", version=Version(0, 8, 0), reason="New keys"),
        ),
    )
    rotations = {"alpha": Version(0, 7, 0), "lts": Version(0, 9, 0), "gone": Version(0, 1, 0)}
    first, *others = floors_of_site(policy, story.site().channels, rotations)
    assert (first.channel, first.version) == ("alpha", Version(0, 7, 0))
    assert "public key" in first.reason
    assert others == [
        Floor(channel="alpha", version=Version(0, 8, 0), reason="New keys"),
        Floor(channel="lts-2024", version=Version(0, 9, 0), reason="New partitions"),
        Floor(channel="lts", version=Version(0, 9, 0), reason="New partitions"),
    ]

"""What the pages are told of a ledger in which releases and channels are stopped, and streams opened."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from release.catalog.version import Version
from release.ledger.statements import StopAction
from release.pages.records import Hurry, Stop
from release.pages.render import render_site
from release.promotion.request import Skippable
from tests.unit.ledger.fakes import released
from tests.unit.line.story import DAY, Story


@pytest.fixture
def story() -> Story:
    """1.0.0 is in alpha and in a stream of lts since yesterday."""
    story = Story()
    story.tell(released("1.0.0"))
    story.tell(released("2.0.0"))
    story.move("1.0.0", "alpha")
    story.move("1.0.0", "lts-2024")
    return story


def test_streams_stand_before_their_channel_and_are_supported_by_the_policy(story: Story) -> None:
    opened = story.now - DAY
    second = story.move("2.0.0", "lts-2025")
    site = story.site()
    assert [channel.name for channel in site.channels] == ["alpha", "lts-2024", "lts-2025", "lts"]
    assert site.heads == {
        "alpha": Version(1, 0, 0),
        "lts-2024": Version(1, 0, 0),
        "lts-2025": Version(2, 0, 0),
        "lts": Version(2, 0, 0),
    }
    support = site.support["lts-2024"]
    assert (support.stream_of, support.opened) == ("lts", opened)
    assert support.ends == datetime(opened.year + 1, opened.month + 6, opened.day, 12, tzinfo=UTC)
    assert site.support["lts-2025"].opened == second
    assert site.releases[1].entry("lts-2025") is not None
    assert site.generated_at == second
    assert "releases-feed/releases-lts-2025.xml" in render_site(site)


def test_stops_are_told_of_what_they_stop_also_when_they_are_lifted(story: Story) -> None:
    pause = story.stop(StopAction.PAUSE, "lts-2024", "1.0.0")
    paused = story.now - DAY
    lifted = story.lift(pause)
    story.stop(StopAction.FREEZE, "lts")
    frozen = story.now - DAY
    story.stop(StopAction.WITHDRAW, version="1.0.0")
    site = story.site()
    entry = site.on_channel("lts-2024", Version(1, 0, 0))
    assert entry is not None
    assert entry.pauses == (Stop(since=paused, reason="why pause", advice="wait", lifted=lifted),)
    assert site.freezes == dict.fromkeys(
        ("lts-2024", "lts"), (Stop(since=frozen, reason="why freeze", advice="wait"),)
    )
    first, second = site.releases
    assert [stop.reason for stop in first.withdrawn] == ["why withdraw"]
    assert first.withdrawals[0].since == story.now - DAY
    assert not second.withdrawals
    other = site.on_channel("alpha", Version(1, 0, 0))
    assert other is not None
    assert not other.pauses


def test_what_is_paused_in_a_stream_is_paused_in_the_channel_that_follows_it(story: Story) -> None:
    story.stop(StopAction.PAUSE, "lts-2024", "1.0.0")
    assert pauses(story) == {"alpha": 0, "lts-2024": 1, "lts": 1}


def test_what_is_paused_in_a_channel_is_not_in_its_streams(story: Story) -> None:
    story.stop(StopAction.PAUSE, "lts", "1.0.0")
    assert pauses(story) == {"alpha": 0, "lts-2024": 0, "lts": 1}


def pauses(story: Story) -> dict[str, int]:
    """How often 1.0.0 was paused, by channel."""
    return {entry.name: len(entry.pauses) for entry in story.site().releases[0].channels}


def test_a_hurry_is_told_from_the_request_that_moved_the_channel(story: Story) -> None:
    story.move("2.0.0", "alpha", hurry=(Skippable.SOAK,), reason="a hole", incident="INC-17")
    site = story.site()
    entry = site.on_channel("alpha", Version(2, 0, 0))
    assert entry is not None
    assert entry.hurry == Hurry(skipped=("soak",), reason="a hole", incident="INC-17")
    before = site.on_channel("alpha", Version(1, 0, 0))
    assert before is not None
    assert before.hurry is None


def test_history_from_before_the_ledger_has_no_request_and_no_hurry() -> None:
    story = Story()
    story.tell(released("1.0.0", offered_in=("alpha", "lts-2024")))
    entry = story.site().on_channel("lts", Version(1, 0, 0))
    assert entry is not None
    assert entry.hurry is None
    assert entry.since == story.now - DAY

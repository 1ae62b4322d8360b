"""How every release stands, as `humpyard release list` shows it."""

from __future__ import annotations

from datetime import timedelta

from release.catalog.channel import PromotionKind
from release.catalog.version import Version
from release.cli.releases import _status
from release.ledger.statements import StopAction
from release.line.release_status import release_statuses
from tests.unit.ledger.fakes import released
from tests.unit.line.story import DAY, POLICY, Story


def told(story: Story) -> Story:
    """1.0.0 is in alpha and lts-2024, 2.0.0 was rebuilt from it and is nowhere."""
    story.tell(released("1.0.0"))
    story.tell(released("2.0.0", lineage=PromotionKind.REBUILD, derives_from=Version(1, 0, 0)))
    story.move("1.0.0", "alpha")
    story.move("1.0.0", "lts-2024")
    return story


def test_the_status_says_what_is_withdrawn_paused_derived_and_how_long_it_is_supported() -> None:
    story = told(Story())
    story.stop(StopAction.PAUSE, "alpha", "1.0.0")
    story.stop(StopAction.WITHDRAW, version="1.0.0")
    two, one = release_statuses(story.state, POLICY)
    assert [*_status(two, story.now)] == ["rebuild of 1.0.0"]
    assert one.channels == ("alpha", "lts-2024", "lts")
    (support,) = one.support
    assert support.stream == "lts-2024"
    assert [*_status(one, story.now)] == [
        f"WITHDRAWN {story.now - DAY:%Y-%m-%d}: why withdraw",
        "paused in alpha",
        f"support of lts-2024 until {support.ends:%Y-%m-%d}",
    ]
    assert [*_status(one, support.ends)][-1].startswith("support of lts-2024 ended")
    assert [*_status(one, support.ends - timedelta(seconds=1))][-1].startswith("support of lts-2024 until")


def test_what_was_lifted_and_what_moved_on_is_not_told_any_more() -> None:
    story = told(Story())
    story.lift(story.stop(StopAction.WITHDRAW, version="1.0.0"))
    story.move("2.0.0", "lts-2024")
    two, one = release_statuses(story.state, POLICY)
    assert not [*_status(one, story.now)]
    assert one.channels == ("alpha",)
    assert two.support[0].ends - story.now > 500 * DAY

"""Versions that an imported history has and the pipeline, too; and histories in which fixes come late."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.catalog.version import Version
from release.notes.imported import ImportedRelease, read_history
from release.pages import addresses
from release.pages.from_view import from_view
from release.pages.history import history
from release.pages.history_merge import site_of_history, with_history
from release.pages.machine.book import Book, Status
from release.pages.machine.files import machine_files
from release.pages.press import Press
from release.pages.records import ChannelEntry, Floor, PublishedRelease, Rollout, Stop, Support
from release.pages.site import Site
from release.pages.standings import Level, standings
from tests.unit.pages.samples import AMD64, board, day, published, release, site
from tests.unit.pages.test_history_merge import imported

OLD, NEW = Version(1, 1, 0), Version(1, 2, 0)
STABLE = (imported("1.1.0", "stable", day(1)), imported("1.2.0", "stable", day(3)))


def own(version: str, created: datetime, **since: datetime) -> PublishedRelease:
    return published(release(version, board(AMD64), created=created), **since)


def events(found: Site, version: Version) -> list[tuple[str, str]]:
    """When and what, the release that a link leads to behind the text."""
    item = found.find(version)
    assert item is not None
    told = history(found, item, addresses.release_page(version))
    return [(one.time.iso[8:10], f"{one.text} {one.link.text if one.link else ''}".strip()) for one in told]


def summary(found: Site, version: Version) -> str:
    item = found.find(version)
    assert item is not None
    return from_view(found, item).summary


@pytest.mark.parametrize("heads", [{}, {"alpha": "1.2.0"}], ids=["promoted nowhere", "only in alpha"])
def test_a_version_that_the_pipeline_has_too_stays_in_the_channel_of_the_history(
    heads: dict[str, str],
) -> None:
    mine = own("1.2.0", day(10), **dict.fromkeys(heads, day(11)))
    found = with_history(site(mine, **heads), STABLE)
    both, book = found.find(NEW), Book(found)
    assert both is not None
    assert both.release is mine.release
    assert both.release_digest == mine.release_digest
    assert both.entry("stable") == ChannelEntry(name="stable", since=day(3))
    assert found.heads == {**dict.fromkeys(heads, NEW), "stable": NEW}
    assert book.status(both) is Status.CURRENT
    assert summary(found, OLD).startswith("Stable is at 1.2.0: 1 release on")
    assert {one.channel: one.word for one in standings(found, both, "")}["stable"] == "current"
    assert events(found, OLD) == [("01", "Published in Stable"), ("03", "Superseded in Stable by 1.2.0")]


def test_what_was_published_before_it_was_assembled_here_is_said_in_that_order() -> None:
    found = with_history(site(own("1.2.0", day(10), alpha=day(11)), alpha="1.2.0"), STABLE)
    assert events(found, NEW) == [
        ("03", "Published in Stable"),
        ("10", "Assembled again, built for Alpha"),
        ("11", "Alpha offers it"),
    ]
    ahead = with_history(site(own("1.2.0", day(2))), STABLE)
    assert events(ahead, NEW) == [("02", "Assembled, built for Alpha"), ("03", "Stable offers it")]


def test_the_ledger_says_what_a_channel_is_at_also_below_what_the_history_has() -> None:
    mine = (own("1.1.5", day(9), stable=day(10)), own("1.2.0", day(12)))
    found = with_history(site(*mine, stable="1.1.5"), STABLE)
    assert found.heads == {"stable": Version(1, 1, 5)}
    assert found.on_channel("stable", NEW) == ChannelEntry(name="stable", since=day(3))
    assert summary(found, OLD).startswith("Stable is at 1.1.5: 1 release on")
    assert summary(found, NEW) == "Stable is at 1.1.5, which is older."
    assert events(found, Version(1, 1, 5)) == [
        ("09", "Assembled, built for Alpha"),
        ("10", "Stable offers it"),  # 1.2.0 was there on day 3 and replaced nothing
    ]


def test_nothing_replaced_what_a_channel_is_at_and_nothing_lower_replaces_anything() -> None:
    """The history has 1.2.0, and got it in the channel after the pipeline brought 1.1.5 there."""
    mine = (own("1.1.5", day(1), stable=day(2)), own("1.2.0", day(12)))
    found = with_history(site(*mine, stable="1.1.5"), STABLE)
    assert found.heads == {"stable": Version(1, 1, 5)}
    assert not [text for _, text in events(found, Version(1, 1, 5)) if "Superseded" in text]
    document = dict(machine_files(found, Press()))["api/v1/releases/1.1.5.json"]
    assert json.loads(document)["channels"][0]["superseded_by"] is None
    higher = found.find(NEW)
    assert higher is not None
    (stable,) = [one for one in standings(found, higher, "") if one.channel == "stable"]
    assert (stable.word, stable.superseded_by) == ("superseded", None)


def test_what_the_pipeline_says_of_its_own_entry_is_kept() -> None:
    pause = Stop(since=day(13), reason="slow")
    entry = ChannelEntry(name="stable", since=day(12), pauses=(pause,), approvals=("lead",))
    mine = replace(own("1.2.0", day(10)), channels=(entry,))
    rollout = Rollout(began=day(12), steps=(), linear=False, share=0)  # type: ignore[arg-type]
    before = replace(site(mine, stable="1.2.0"), rollouts={"stable": rollout})
    found = with_history(before, STABLE)
    both = found.find(NEW)
    assert both is not None
    assert both.channels == (entry,)
    assert found.rollouts == before.rollouts


def test_a_withdrawal_holds_in_the_channel_of_the_history() -> None:
    withdrawn = replace(own("1.2.0", day(10)), withdrawals=(Stop(since=day(11), reason="bad keys"),))
    found = with_history(site(withdrawn), STABLE)
    head = found.current("stable")
    assert head is not None
    assert head.withdrawn
    assert found.is_withdrawn(NEW)
    old = found.find(OLD)
    assert old is not None
    (path,) = from_view(found, old).paths
    assert path.advice[0].level is Level.BAD
    assert Book(found).status(head) is Status.WITHDRAWN


def test_streams_of_the_history_have_floors_and_freezes_of_their_channel() -> None:
    stop, lifted = Stop(since=day(5), reason="audit"), Stop(since=day(2), reason="x", lifted=day(3))
    floor = Floor(channel="lts", version=Version(0, 2, 0), reason="new keys")
    alpha = Floor(channel="alpha", version=Version(0, 1, 0), reason="x")
    before = replace(
        site(own("2.0.0", day(9), lts=day(9)), lts="2.0.0"),
        floors=(alpha, floor),
        freezes={"lts": (lifted, stop)},
    )
    streams = (imported("0.1.0", "lts-2023", day(1)), imported("0.2.0", "lts-2024", day(3)))
    support = Support(stream_of="lts", opened=day(3), ends=day(30))
    found = with_history(before, streams, {"lts-2024": support})
    assert found.floors == (
        alpha,
        replace(floor, channel="lts-2023"),
        replace(floor, channel="lts-2024"),
        floor,
    )
    assert found.freezes == {"lts": (lifted, stop), "lts-2024": (lifted, stop)}
    assert found.inherited("lts-2024") == (lifted, stop)
    assert found.heads == {
        "lts": Version(2, 0, 0),
        "lts-2023": Version(0, 1, 0),
        "lts-2024": Version(0, 2, 0),
    }


LATE = (
    imported("1.0.0", "beta", day(1)),
    imported("2.0.0", "beta", day(2)),
    imported("1.0.1", "beta", day(3)),
)


def test_a_fix_of_an_old_version_is_not_what_the_channel_is_at() -> None:
    found = site_of_history("Example", LATE)
    assert found.heads == {"beta": Version(2, 0, 0)}
    assert summary(found, Version(1, 0, 1)).startswith("Beta is at 2.0.0: 1 release on")
    assert summary(found, Version(2, 0, 0)) == "Beta: it is the newest."
    fix = found.find(Version(1, 0, 1))
    assert fix is not None
    (state,) = standings(found, fix, addresses.INDEX)
    assert state.superseded_by is not None
    assert state.superseded_by.text == "2.0.0"


def test_nothing_is_superseded_before_it_is_published() -> None:
    found = site_of_history("Example", LATE)
    assert events(found, Version(1, 0, 1)) == [("03", "Published in Beta")]
    assert events(found, Version(2, 0, 0)) == [("02", "Published in Beta")]
    assert events(found, Version(1, 0, 0)) == [
        ("01", "Published in Beta"),
        ("03", "Superseded in Beta by 1.0.1"),
    ]


def check_consistent(found: Site, releases: Sequence[ImportedRelease]) -> None:
    """What no history may contradict."""
    for name, head in found.heads.items():
        assert head == max(one.release.version for one in found.releases if one.entry(name)), name
    for one in releases:
        item = found.find(one.version)
        assert item is not None
        assert all(entry.since >= one.created for entry in item.channels)
        page = addresses.release_page(one.version)
        told = history(found, item, page)
        assert told[0].text.startswith("Published in ")
        assert all(before.time.iso <= after.time.iso for before, after in pairwise(told))
        for state in standings(found, item, page):
            after = state.superseded_by
            assert after is None or Version.parse(after.text) > one.version


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 3),
            st.sampled_from(["beta", "stable", "lts-2023", "lts-2024"]),
            st.integers(1, 28),
        ),
        min_size=1,
        unique_by=lambda one: one[:2],
    )
)
def test_no_order_of_publication_contradicts_itself(drawn: list[tuple[int, int, str, int]]) -> None:
    releases = [imported(f"{major}.{patch}.0", channel, day(at)) for major, patch, channel, at in drawn]
    check_consistent(site_of_history("Example", releases), releases)


@pytest.mark.shared
def test_flatcars_history_does_not_contradict_itself(shared: Path) -> None:
    releases = read_history(shared / "data" / "flatcar-releases")
    found = site_of_history("Flatcar", releases)
    check_consistent(found, releases)
    # Stable 1967.3.1 was published half an hour before 1967.3.0.
    assert events(found, Version(1967, 3, 0)) == [("28", "Published in Stable")]

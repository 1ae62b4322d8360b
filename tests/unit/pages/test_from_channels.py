"""Channels that are at the same version and are not alike, and versions that are not to be taken."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from release.catalog.version import Version
from release.pages import addresses
from release.pages.from_moves import onward_of
from release.pages.notices import channel_notices
from release.pages.records import Floor, IssueState, KnownIssue, PublishedRelease, Rollout, Stop, Support
from release.pages.site import Site
from tests.unit.pages.samples import day, stopped_site, stream_channels, with_entry
from tests.unit.pages.test_from_view import html, seen
from tests.unit.pages.told import fixes, history, imported, ours, site_at, withdrawn

PAUSE = Stop(since=day(18), reason="Some machines do not come back")


def three_channels() -> Site:
    """Everything is at 1.2.0, which stable offers to a few, stopped, behind a stop-over."""
    every = ("alpha", "beta", "stable")
    first, last = ours("1.0.9", *every), ours("1.2.0", *every, notes=fixes("CVE-2026-0001"))
    sample = with_entry(site_at(first, ours("1.1.0"), last), "1.2.0", "stable", pauses=(PAUSE,))
    rollout = Rollout(
        began=day(17), steps=((day(17), Decimal(0)), (day(30), Decimal(1))), linear=True, share=Decimal("0.1")
    )
    return replace(
        sample,
        freezes={"stable": (Stop(since=day(18), reason="Holidays"),)},
        rollouts={"stable": rollout},
        floors=(Floor(channel="stable", version=Version(1, 1, 0), reason="The disk changes"),),
    )


def changed(sample: Site, channel: str, **fields: object) -> Site:
    """The site with other fields of what a channel is at, in that channel."""
    return with_entry(sample, str(sample.heads[channel]), channel, **fields)


def alike() -> Site:
    """Beta and stable, which differ in nothing."""
    return site_at(*(ours(f"1.0.{number}", "beta", "stable") for number in range(1, 4)))


def test_a_stopped_channel_is_not_told_by_others_at_the_same_version() -> None:
    view = seen(three_channels(), "1.0.9")
    assert [path.titles for path in view.paths] == ["Stable", "Beta and Alpha"]
    stable, others = view.paths
    assert [mark.text for mark in stable.marks][:2] == ["Rollout paused", "Channel frozen"]
    assert [mark.text for mark in stable.advice] == [
        "Not offered for now: the rollout of 1.2.0 is paused.",
        "Stable is frozen: nothing newer comes for now.",
    ]
    assert [link.text for link, _ in stable.floors] == ["1.1.0"]
    assert others.marks[0].text == "Available to all"
    assert others.floors == ()
    assert view.summary.startswith("Stable is at 1.2.0 (paused): 1 release on")
    stable_page = html(three_channels(), "1.0.9").partition('id="stable"')[2].partition("</section>")[0]
    assert "The disk changes" in stable_page
    assert "Nothing is known against" not in stable_page


def test_the_form_asks_for_the_most_settled_channel() -> None:
    view = seen(alike(), "1.0.1")
    assert [(path.name, path.titles) for path in view.paths] == [("stable", "Stable and Beta")]
    assert '<input type="hidden" name="channel" value="stable">' in html(alike(), "1.0.1")


@pytest.mark.parametrize(
    "unlike",
    [
        lambda sample: changed(sample, "stable", pauses=(PAUSE,)),
        lambda sample: changed(sample, "beta", pauses=(replace(PAUSE, automatic=True),)),
        lambda sample: changed(sample, "beta", since=day(19)),
        lambda sample: with_entry(sample, "1.0.2", "beta", since=day(19)),
        lambda sample: replace(sample, freezes={"beta": (PAUSE,)}),
        lambda sample: replace(sample, retired=frozenset({"beta"})),
        lambda sample: replace(sample, floors=(Floor(channel="beta", version=Version(1, 0, 2), reason="x"),)),
    ],
)
def test_channels_that_differ_in_anything_told_are_told_apart(unlike: object) -> None:
    assert callable(unlike)
    assert sorted(path.titles for path in seen(unlike(alike()), "1.0.1").paths) == ["Beta", "Stable"]


def test_a_channel_that_was_told_less_before_is_told_apart() -> None:
    notes = "#### Bug fixes:\n\n- No more crash\n"
    sample = site_at(
        ours("1.0.1", "beta", notes=notes),
        ours("1.0.2", "beta", "stable"),
        ours("1.0.3", "beta", "stable", notes=notes),
    )
    told = {path.titles: len(path.told.groups) for path in seen(sample, "1.0.2").paths}
    assert told == {"Stable": 1, "Beta": 0}


def test_what_befell_all_of_them_is_told_once_of_all() -> None:
    issue = KnownIssue(
        name="x",
        title="x",
        text="",
        workaround="",
        state=IssueState.MITIGATED,
        opened=day(1),
        updated=day(2),
        affected=(Version(1, 0, 3),),
    )
    both = replace(alike(), freezes={"beta": (PAUSE,), "stable": (PAUSE,)}, issues=(issue,))
    (path,) = seen(both, "1.0.1").paths
    assert [mark.text for mark in path.advice] == [
        "Stable and Beta are frozen: nothing newer comes for now.",
        "1.0.3 has known issues.",
    ]


def stream_site(newest: PublishedRelease, **stops: tuple[Stop, ...]) -> Site:
    """LTS 2024 has ended at 1.0.1; LTS 2025, LTS 2026, which is at ``newest``, and stable go on."""
    opened, ends = datetime(2024, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    heads = {"lts-2024": "1.0.1", "lts-2025": "1.0.2", "stable": "1.0.3"}
    sample = Site(
        product="ExampleOS",
        base_url=None,
        channels=stream_channels("lts-2024", "lts-2025", "lts-2026"),
        releases=(*(ours(version, name) for name, version in heads.items()), newest),
        heads={
            **{name: Version.parse(version) for name, version in heads.items()},
            "lts-2026": newest.release.version,
        },
        generated_at=day(20),
        support={
            name: Support(stream_of="lts", opened=opened, ends=day(10) if name == "lts-2024" else ends)
            for name in ("lts-2024", "lts-2025", "lts-2026")
        },
    )
    for name, pauses in stops.items():
        sample = changed(sample, name.replace("_", "-"), pauses=pauses)
    return sample


def test_nobody_is_sent_to_what_is_withdrawn_or_paused() -> None:
    newest = ours("1.0.5", "lts-2026")

    def target(sample: Site) -> str:
        (path,) = seen(sample, "1.0.1").paths
        return path.move.link.text if path.move else ""

    assert target(stream_site(newest)) == "LTS 2026 1.0.5"
    assert target(stream_site(withdrawn(newest))) == "LTS 2025 1.0.2"
    assert target(stream_site(newest, lts_2026=(PAUSE,))) == "LTS 2025 1.0.2"
    lifted = replace(PAUSE, lifted=day(19))
    assert target(stream_site(newest, lts_2026=(lifted,))) == "LTS 2026 1.0.5"


def test_a_stop_sends_nobody_out_of_streams_that_go_on() -> None:
    """From Stable there is no way down to LTS again."""
    sample = stream_site(ours("1.0.5", "lts-2026"), lts_2026=(PAUSE,), lts_2025=(PAUSE,))
    published = sample.find(Version(1, 0, 1))
    assert published is not None
    found = onward_of(sample, published, "lts-2024", "from/1.0.1/index.html")
    assert found.move is None
    assert [link.text for link in found.waiting] == ["LTS 2026 1.0.5 (paused)", "LTS 2025 1.0.2 (paused)"]
    assert found.later == "LTS 2026, once it has what can be taken: 1.0.5 is paused."
    page = addresses.channel_page("lts-2024")
    (notice,) = channel_notices(sample, "lts-2024", page)
    assert [fact.text for fact in notice.facts if fact.label == "Move to"] == [found.later]


def test_where_every_stream_has_ended_other_channels_are_told() -> None:
    sample = stream_site(ours("1.0.5", "lts-2026"))
    ended = {name: replace(one, ends=day(10)) for name, one in sample.support.items()}
    published = sample.find(Version(1, 0, 1))
    assert published is not None
    found = onward_of(replace(sample, support=ended), published, "lts-2024", "from/1.0.1/index.html")
    assert found.move is not None
    assert found.move.link.text == "Stable 1.0.3"
    stopped = changed(replace(sample, support=ended), "stable", pauses=(PAUSE,))
    found = onward_of(stopped, published, "lts-2024", "from/1.0.1/index.html")
    assert [link.text for link in found.waiting] == ["Stable 1.0.3 (paused)"]
    assert (found.move, found.later) == (None, "")


def test_where_nothing_can_be_taken_that_is_said() -> None:
    gone = withdrawn(ours("1.0.5", "lts-2026"))
    sample = stream_site(gone, lts_2025=(PAUSE,), stable=(PAUSE,))
    view = seen(sample, "1.0.1")
    wait = "Move to LTS 2026, once it has what can be taken: 1.0.5 is withdrawn."
    assert view.summary == f"LTS 2024 has ended with it. {wait}"
    words = " ".join(re.sub("<[^>]*>", " ", html(sample, "1.0.1")).split())
    assert f"Nothing comes to LTS 2024 any more. {wait}" in words
    assert "Stable" not in words.partition(wait)[2].partition(".")[0]


def test_where_all_that_goes_on_is_stopped_that_is_said() -> None:
    sample = stream_site(ours("1.0.5", "lts-2026"), stable=(PAUSE,))
    ended = replace(next(iter(sample.support.values())), ends=day(10))
    sample = replace(sample, support=dict.fromkeys(sample.support, ended))
    assert seen(sample, "1.0.1").summary.endswith("There is nothing to move to for now.")
    words = " ".join(re.sub("<[^>]*>", " ", html(sample, "1.0.1")).split())
    assert "nothing that goes on can be taken now: Stable 1.0.3 (paused)" in words
    assert "Move to" not in words


def test_where_nothing_goes_on_that_is_said() -> None:
    sample = history(imported("1.0.0", "edge", "", days=0))
    view = seen(sample, "1.0.0")
    assert view.summary == "Edge has ended with it."
    assert "there is no other channel that does" in html(sample, "1.0.0")


def test_the_summary_says_what_is_not_to_be_taken() -> None:
    stopped = stopped_site()
    assert "Stable is at 1.0.9 (paused): 1 release on" in seen(stopped, "1.0.8").summary
    summary = "LTS and LTS 2026: it is the newest. Stable: it is the newest (paused). Alpha is at 1.0.11:"
    assert seen(stopped, "1.0.9").summary.startswith(summary)
    sample = site_at(ours("1.0.1", "alpha"), withdrawn(ours("1.0.2", "alpha")))
    assert seen(sample, "1.0.1").summary.startswith("Alpha is at 1.0.2 (withdrawn): 1 release on")
    assert seen(sample, "1.0.2").summary == "Alpha: it is the newest (withdrawn)."
    back = replace(sample, heads={"alpha": Version(1, 0, 1)})
    back = changed(back, "alpha", pauses=(PAUSE,))
    assert seen(back, "1.0.2").summary == "Alpha is at 1.0.1 (paused), which is older."


def test_what_channels_are_at_is_marked_for_a_version_that_none_offered() -> None:
    sample = site_at(ours("1.0.1"), withdrawn(ours("1.0.2", "stable")), ours("1.0.3", "alpha"))
    sample = changed(sample, "alpha", pauses=(PAUSE,))
    page = html(sample, "1.0.1")
    assert '<s>Stable 1.0.2</s></a> <span class="tag bad">withdrawn</span>' in page
    assert ">Alpha 1.0.3 (paused)</a>" in page

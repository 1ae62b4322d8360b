"""A pause of a stream holds in the channel that follows it, and is told once where both are told."""

from __future__ import annotations

import json
from dataclasses import replace

from release.catalog.version import Version
from release.pages.machine.book import Book
from release.pages.machine.news import all_news
from release.pages.records import Stop
from release.pages.site import Site
from tests.unit.pages.samples import day, stopped_site, with_entry
from tests.unit.pages.test_stopped import notices, rendered, text

PAUSE = Stop(since=day(18), reason="All of LTS boots slowly")
OTHER = Stop(since=day(19), reason="Only who follows")


def paused(*stops: Stop, follower: tuple[Stop, ...] = ()) -> Site:
    """LTS follows LTS 2026; both are at 1.0.9."""
    sample = with_entry(stopped_site(), "1.0.9", "lts-2026", pauses=stops)
    return with_entry(sample, "1.0.9", "lts", pauses=(*stops, *follower))


def titles(html: str) -> list[str]:
    found = (said.removeprefix("warn: ").partition(":")[0] for said in notices(html) if "rollout" in said)
    return [title for title in found if title.startswith("LTS")]


def test_it_is_one_banner_where_both_are_told_and_the_channel_says_it_itself() -> None:
    files = rendered(paused(PAUSE))
    assert titles(files["index.html"]) == ["LTS 2026"]
    assert titles(files["releases/1.0.9/index.html"]) == ["LTS 2026"]
    assert titles(files["channels/lts/index.html"]) == ["LTS"]
    assert titles(files["channels/lts-2026/index.html"]) == ["LTS 2026"]
    own = json.loads(files["api/v1/channels/lts.json"])["channel"]["current"]
    assert (own["status"], own["paused"]["reason"]) == ("paused", PAUSE.reason)


def test_what_was_ordered_for_the_channel_itself_is_told() -> None:
    files = rendered(paused(PAUSE, follower=(OTHER,)))
    assert titles(files["index.html"]) == ["LTS", "LTS 2026"]
    assert titles(files["releases/1.0.9/index.html"]) == ["LTS", "LTS 2026"]
    assert files["releases-feed/events.xml"].count(OTHER.reason) == 1


def test_a_stream_that_went_on_tells_no_pause_for_the_channel() -> None:
    """LTS stayed at 1.0.9, which its stream has left."""
    sample = paused(PAUSE)
    heads = {name: version for name, version in sample.heads.items() if name != "alpha"}
    sample = with_entry(replace(sample, heads=heads), "1.0.11", "alpha", name="lts-2026")
    files = rendered(replace(sample, heads={**heads, "lts-2026": Version(1, 0, 11)}))
    assert titles(files["index.html"]) == ["LTS"]
    assert titles(files["releases/1.0.9/index.html"]) == ["LTS"]


def test_feeds_of_all_tell_it_once_and_each_channel_its_own() -> None:
    for stop in (PAUSE, replace(PAUSE, lifted=day(19)), replace(PAUSE, automatic=True)):
        files = rendered(paused(stop))
        for name in ("events", "releases"):
            told = json.loads(files[f"releases-feed/{name}.json"])["items"]
            found = [item["title"] for item in told if "paused" in item["tags"] and "1.0.9" in item["title"]]
            assert [title for title in found if "LTS" in title and ":" in title] == [
                title for title in found if "LTS 2026:" in title
            ], name
            assert sum("LTS 2026:" in title for title in found) == 1
        for name, title in (("lts", "LTS"), ("lts-2026", "LTS 2026")):
            items = json.loads(files[f"releases-feed/releases-{name}.json"])["items"]
            assert sum(item["title"].startswith(f"ExampleOS {title}: the rollout") for item in items) == 1


def test_ids_of_feeds_stay_as_they_were() -> None:
    pauses = [item.identity for item in all_news(Book(paused(PAUSE))) if item.identity[0] == "paused"]
    assert ("paused", "lts", "1.0.9", "2026-08-18T09:30:00Z") in pauses
    assert ("paused", "lts-2026", "1.0.9", "2026-08-18T09:30:00Z") in pauses


def test_the_history_of_the_release_has_it_once() -> None:
    html = text(rendered(paused(replace(PAUSE, lifted=day(19))))["releases/1.0.9/index.html"])
    assert html.count(PAUSE.reason) == 1
    assert "Rollout in LTS 2026 paused" in html
    assert "Rollout in LTS paused" not in html
    assert "Rollout in LTS goes on" not in html

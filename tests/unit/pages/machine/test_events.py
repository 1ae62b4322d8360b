"""Feeds of security fixes and of events, and the same as JSON Feed, read as readers do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser
import pytest

from release.catalog.version import Version
from release.pages.history_merge import with_history
from release.pages.machine.atom import atom_feed
from release.pages.machine.book import Book
from release.pages.machine.json_feed import json_feed
from release.pages.machine.news import Feed, Kind, all_news, feeds_of
from release.pages.records import IssueState, Revision
from release.pages.site import Site
from tests.unit.pages.machine.rich import BASE, harmful_site, imported, rich_site
from tests.unit.pages.samples import day, site

OURS = "tag:releases.invalid,2026:ExampleOS/"


def feed(sample: Site, name: str) -> Feed:
    return {one.identity[1]: one for one in feeds_of(sample)}[name]


def told(sample: Site, name: str) -> dict[str, dict[str, Any]]:
    """Entries by id, as JSON Feed has them."""
    document = json.loads(json_feed(sample, feed(sample, name)))
    return {item["id"].removeprefix(OURS): item for item in document["items"]}


def test_events_are_what_befell_and_no_release() -> None:
    assert [*told(rich_site(), "events")] == [
        "frozen/alpha/2026-08-18T09%3A30%3A00Z",
        "paused/stable/1.0.9/2026-08-17T09%3A30%3A00Z",
        "corrected/1.0.11/2026-08-17T09%3A30%3A00Z",
        "withdrawn/1.0.10/2026-08-16T09%3A30%3A00Z",
        "withdrawn/1.0.10/2026-08-10T09%3A30%3A00Z",
        "issue/two-disks",
        "withdrawn/1.0.8/2026-08-03T09%3A30%3A00Z",
        "support/lts-2025",
        "support/lts-2024",
    ]


def test_security_is_releases_whose_notes_name_cves_each_once() -> None:
    items = told(rich_site(), "security")
    assert {"alpha/1.0.11", "lts-2026/1.0.9", "edge/0.8.9", "lts-2021/0.7.1"} <= {*items}
    assert not {"lts/1.0.9", "lts/0.7.1", "stable/0.8.10"} & {*items}
    assert all("security" in item["tags"] for item in items.values())
    assert not any(key.startswith(("withdrawn", "issue")) for key in items)


@pytest.mark.parametrize(
    "notes",
    [
        "#### Changes:\n\n- Nobody is affected by CVE-2026-0009\n",
        "#### Known issues:\n\n- curl (CVE-2026-0009)\n",
        "#### Security fixes:\n\n- Reverted the fix of CVE-2026-0009\n",
    ],
)
def test_a_cve_in_other_text_makes_no_security_release(notes: str) -> None:
    release = imported("7.0.0", "stable", datetime(2022, 1, 1, tzinfo=UTC), notes=notes)
    sample = with_history(rich_site(), (release,))
    assert "stable/7.0.0" not in told(sample, "security")
    assert "Fixes" not in told(sample, "stable")["stable/7.0.0"]["summary"]


def test_a_fix_without_a_package_makes_one() -> None:
    notes = "#### Bug fixes:\n\n- Fixed a leak (CVE-2026-0009)\n"
    release = imported("7.0.0", "stable", datetime(2022, 1, 1, tzinfo=UTC), notes=notes)
    sample = with_history(rich_site(), (release,))
    assert "Fixes 1 CVE." in told(sample, "security")["stable/7.0.0"]["summary"]


def test_a_correction_changes_the_entry_and_says_so() -> None:
    item = told(rich_site(), "alpha")["alpha/1.0.11"]
    assert item["date_published"] == "2026-08-16T09:30:00Z"
    assert item["date_modified"] == "2026-08-17T09:30:00Z"
    assert "Notes corrected on 2026-08-17: CVE list corrected." in item["summary"]
    assert "<strong>Notes corrected on 2026-08-17: CVE list corrected.</strong>" in item["content_html"]
    assert "More.</p>" in item["content_html"]
    assert "corrected/1.0.11/2026-08-17T09%3A30%3A00Z" not in told(rich_site(), "alpha")


def test_a_known_issue_is_one_entry_that_changes_where_its_releases_are() -> None:
    sample = rich_site()
    item = told(sample, "stable")["issue/two-disks"]
    assert item["title"] == "ExampleOS: Machines with two disks stop at boot (mitigated)"
    assert (item["date_published"], item["date_modified"]) == ("2026-08-10T09:30:00Z", "2026-08-19T09:30:00Z")
    assert item["content_text"] == (
        "They look for the root on the wrong one. Affected: 1.0.9. What to do: Pull the second disk."
        " Fixed in 1.0.11."
    )
    assert item["url"] == f"{BASE}known-issues/index.html#issue-two-disks"
    assert "issue/two-disks" not in told(sample, "beta")
    fixed = replace(sample, issues=(replace(sample.issues[0], state=IssueState.FIXED, updated=day(20)),))
    assert told(fixed, "stable")["issue/two-disks"]["date_modified"] == "2026-08-20T09:30:00Z"
    assert {*told(fixed, "stable")} == {*told(sample, "stable")}


def test_nothing_is_told_of_steps_of_rollouts() -> None:
    sample = rich_site()
    later = {name: replace(one, share=one.steps[-1][1]) for name, one in sample.rollouts.items()}
    for one in feeds_of(sample):
        assert atom_feed(replace(sample, rollouts=later), one) == atom_feed(sample, one)


@pytest.mark.parametrize("base", [BASE, None])
def test_both_forms_tell_the_same_and_are_what_their_forms_ask_for(base: str | None) -> None:
    sample = rich_site(base)
    for one in feeds_of(sample):
        document = json.loads(json_feed(sample, one))
        read = feedparser.parse(atom_feed(sample, one))
        assert not read.bozo
        assert read.version == "atom10"
        assert [entry.id for entry in read.entries] == [item["id"] for item in document["items"]]
        assert [entry.updated for entry in read.entries] == [
            item["date_modified"] for item in document["items"]
        ]
        assert document["version"] == "https://jsonfeed.org/version/1.1"
        assert document.get("feed_url") == (None if base is None else base + one.json)
        for item in document["items"]:
            assert {*item} - {"url", "content_html", "content_text"} == {
                "id",
                "title",
                "summary",
                "date_published",
                "date_modified",
                "tags",
            }
            assert ("content_html" in item) != ("content_text" in item)
            assert ("url" in item) == (base is not None)
            assert datetime.fromisoformat(item["date_published"]) <= datetime.fromisoformat(
                item["date_modified"]
            )
        published = [item["date_published"] for item in document["items"]]
        assert published == sorted(published, reverse=True)


def test_every_feed_is_there_before_the_first_release() -> None:
    for one in feeds_of(site()):
        assert json.loads(json_feed(site(), one))["items"] == []
        assert feedparser.parse(atom_feed(site(), one)).feed.updated == "2026-08-20T09:30:00Z"


def test_an_imported_release_has_an_entry_as_all_others() -> None:
    item = told(rich_site(), "edge")["edge/0.8.9"]
    assert item["date_published"] == item["date_modified"] == "2020-01-02T03:04:05Z"
    assert item["title"] == "ExampleOS Edge 0.8.9"
    assert "Security fixes" in item["content_html"]


def test_long_notes_are_not_rendered_for_feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    def no(_: str) -> None:
        raise AssertionError

    monkeypatch.setattr("release.pages.machine.atom.shown", no)
    wall = "- Linux (" + ", ".join(f"[CVE-2026-{n}](https://e.org/{n})" for n in range(1000, 2000)) + ")"
    release = imported("1.0.0", "alpha", datetime(2020, 1, 1, tzinfo=UTC), notes=wall)
    sample = rich_site()
    alone = replace(
        sample,
        issues=(),
        releases=tuple(
            replace(one, release=replace(release, version=Version(9, 9, n)), revisions=())
            for n, one in enumerate(sample.releases)
        ),
        heads={},
    )
    assert "Fixes 1000 CVEs." in told(alone, "all")["alpha/9.9.2"]["summary"]


def test_what_people_write_does_nothing_in_readers() -> None:
    sample = harmful_site()
    for one in feeds_of(sample):
        for item in json.loads(json_feed(sample, one))["items"]:
            assert "<script" not in item.get("content_html", "")
            assert "<b>" not in item.get("content_html", "")
        for entry in feedparser.parse(atom_feed(sample, one), sanitize_html=False).entries:
            assert "<script" not in "".join(part.value for part in entry.get("content", ()))


def test_each_correction_is_an_event_of_its_own_and_the_later_one_comes_first() -> None:
    sample = rich_site()
    again = Revision(recorded=day(17) + timedelta(seconds=1), summary="And again", notes="x")
    releases = tuple(
        replace(one, revisions=(*one.revisions, again)) if one.revisions else one for one in sample.releases
    )
    both = [
        item for item in all_news(Book(replace(sample, releases=releases))) if item.kind is Kind.CORRECTION
    ]
    assert [item.summary for item in both] == ["And again.", "CVE list corrected."]
    assert [item.identity for item in both] == [
        ("corrected", "1.0.11", "2026-08-17T09:30:01Z"),
        ("corrected", "1.0.11", "2026-08-17T09:30:00Z"),
    ]


def test_corrections_of_corrections_are_told_in_order() -> None:
    sample = rich_site()
    twice = Revision(recorded=day(19), summary="And again", notes="x")
    releases = tuple(
        replace(one, revisions=(*one.revisions, twice)) if one.revisions else one for one in sample.releases
    )
    item = told(replace(sample, releases=releases), "alpha")["alpha/1.0.11"]
    assert item["date_modified"] == "2026-08-19T09:30:00Z"
    assert item["summary"].index("CVE list corrected") < item["summary"].index("And again")

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from release.pages.machine.atom import ENTRY_LIMIT, atom_feed
from release.pages.records import Stop
from release.pages.site import Site
from tests.unit.pages.samples import (
    AMD64,
    board,
    day,
    full_site,
    payload,
    published,
    release,
    site,
    stopped_site,
    with_entry,
)

BASE = "https://releases.example.org/pages/"
ATOM = "{http://www.w3.org/2005/Atom}"


def read(sample: Site, channel: str | None) -> ET.Element:
    return ET.fromstring(atom_feed(sample, channel))  # noqa: S314  # our own output


def texts(feed: ET.Element, path: str) -> list[str]:
    return [
        element.text or ""
        for element in feed.findall(path.replace("/", f"/{ATOM}").replace("entry", f"{ATOM}entry"))
    ]


def links(element: ET.Element) -> dict[str, str]:
    return {link.attrib["rel"]: link.attrib["href"] for link in element.findall(f"{ATOM}link")}


def test_entries_are_what_channels_got_the_latest_first() -> None:
    feed = read(full_site(BASE), None)
    assert texts(feed, "entry/title") == [
        "ExampleOS Alpha 1.0.11",
        "ExampleOS Beta 1.0.10",
        "ExampleOS Alpha 1.0.10",
        "ExampleOS Stable 1.0.9",
        "ExampleOS Beta 1.0.9",
        "ExampleOS Alpha 1.0.9",
    ]
    assert texts(feed, "entry/updated") == texts(feed, "entry/published")
    assert texts(feed, "entry/updated")[0] == "2026-08-16T09:30:00Z" == feed.findtext(f"{ATOM}updated")


def test_ids_are_stable_and_the_same_in_both_feeds() -> None:
    everything, alpha = read(full_site(BASE), None), read(full_site(), "alpha")
    assert set(texts(alpha, "entry/id")) < set(texts(everything, "entry/id"))
    assert texts(alpha, "entry/id")[0] == "tag:releases.invalid,2026:ExampleOS/alpha/1.0.11"
    assert everything.findtext(f"{ATOM}id") == "tag:releases.invalid,2026:ExampleOS/feed/all"
    assert alpha.findtext(f"{ATOM}id") == "tag:releases.invalid,2026:ExampleOS/feed/alpha"
    moved = read(replace(full_site(BASE), base_url="https://elsewhere.example/", generated_at=day(30)), None)
    assert texts(moved, "entry/id") == texts(everything, "entry/id")
    assert texts(moved, "entry/updated") == texts(everything, "entry/updated")


def test_a_new_release_changes_no_other_entry() -> None:
    new = published(release("1.0.12", board(AMD64, payload(5000)), created=day(20)), alpha=day(20))
    before = full_site(BASE)
    after = replace(
        before, releases=(*before.releases, new), heads={**before.heads, "alpha": new.release.version}
    )
    old, grown = read(before, "alpha"), read(after, "alpha")
    entries = [ET.tostring(entry) for entry in old.findall(f"{ATOM}entry")]
    assert [ET.tostring(entry) for entry in grown.findall(f"{ATOM}entry")][1:] == entries
    assert grown.findtext(f"{ATOM}updated") == "2026-08-20T09:30:00Z"


def test_links_are_absolute_only_with_a_known_address() -> None:
    known, unknown = read(full_site(BASE), "beta"), read(full_site(), "beta")
    assert links(known) == {
        "self": f"{BASE}releases-feed/releases-beta.xml",
        "alternate": f"{BASE}channels/beta/index.html",
    }
    assert links(unknown) == {"alternate": "../channels/beta/index.html"}
    entry = known.find(f"{ATOM}entry")
    assert entry is not None
    assert links(entry) == {"alternate": f"{BASE}releases/1.0.10/index.html"}
    assert (
        entry.findtext(f"{ATOM}summary")
        == "Beta 1.0.10 for amd64-usr and arm64-usr, kernel 6.12.102, 3 delta updates. Fixes 3 CVEs."
    )
    content = entry.find(f"{ATOM}content")
    assert content is not None
    assert content.attrib == {"type": "html"}
    assert "SELINUX=&lt;yes|no&gt;" in (content.text or "")


def test_a_channel_without_releases_has_a_valid_empty_feed() -> None:
    feed = read(site(), "lts")
    assert feed.find(f"{ATOM}entry") is None
    assert feed.findtext(f"{ATOM}title") == "ExampleOS LTS releases"
    assert feed.findtext(f"{ATOM}updated") == "2026-08-20T09:30:00Z"
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "ExampleOS"


def test_feeds_are_bounded_and_long_notes_are_told_by_their_summary() -> None:
    many = [
        published(
            release(f"1.0.{n}", board(AMD64, payload(5000)), created=day(1), notes="word " * 4000),
            alpha=day(2, n % 24),
        )
        for n in range(ENTRY_LIMIT + 10)
    ]
    data = atom_feed(site(*many, alpha="1.0.59"), "alpha")
    feed = ET.fromstring(data)  # noqa: S314  # our own output
    assert len(feed.findall(f"{ATOM}entry")) == ENTRY_LIMIT
    assert feed.find(f"{ATOM}entry/{ATOM}content") is None
    assert len(data) < 100_000


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    item = release("1.0.0", board(AMD64, payload(5000)), created=day(1), notes="a\x00b\x0bc\ufffe")
    sample = replace(site(published(item, alpha=day(1)), alpha="1.0.0"), product="A\x01B")
    feed = read(sample, None)
    assert feed.findtext(f"{ATOM}title") == "A\ufffdB releases"


def entry_of(feed: ET.Element, identity: str) -> ET.Element:
    found = [
        entry
        for entry in feed.findall(f"{ATOM}entry")
        if (entry.findtext(f"{ATOM}id") or "").partition("ExampleOS/")[2] == identity
    ]
    assert len(found) == 1, (identity, texts(feed, "entry/id"))
    return found[0]


def test_withdrawing_changes_the_entry_of_the_release_and_removes_none() -> None:
    sample = stopped_site(BASE)
    before = replace(sample, releases=tuple(replace(item, withdrawals=()) for item in sample.releases))
    old, new = read(before, "beta"), read(sample, "beta")
    entry, was = entry_of(new, "beta/1.0.10"), entry_of(old, "beta/1.0.10")
    assert was.findtext(f"{ATOM}title") == "ExampleOS Beta 1.0.10"
    assert entry.findtext(f"{ATOM}title") == "ExampleOS Beta 1.0.10 (withdrawn)"
    assert was.findtext(f"{ATOM}updated") == "2026-08-14T09:30:00Z" == entry.findtext(f"{ATOM}published")
    assert entry.findtext(f"{ATOM}updated") == "2026-08-16T09:30:00Z" == new.findtext(f"{ATOM}updated")
    assert [term.attrib["term"] for term in entry.findall(f"{ATOM}category")] == [
        "beta",
        "security",
        "withdrawn",
    ]
    assert (entry.findtext(f"{ATOM}summary") or "").startswith(
        "Withdrawn, do not install it: Machines with two disks do not find <root> & stop at boot;\n"
        "seen on 3 of 40 machines. What to do: Boot the other partition, then take what the channel offers."
        " Beta 1.0.10 for amd64-usr"
    )
    assert (entry.findtext(f"{ATOM}content") or "").startswith(
        "<p><strong>Withdrawn, do not install it: Machines with two disks do not find &lt;root&gt; &amp; stop"
    )
    assert {*texts(old, "entry/id")} < {*texts(new, "entry/id")}


def test_a_withdrawal_is_news_of_its_own_where_the_release_was_offered() -> None:
    sample = stopped_site(BASE)
    for channel in (None, "beta", "alpha"):
        entry = entry_of(read(sample, channel), "withdrawn/1.0.10/2026-08-16T09%3A30%3A00Z")
        assert entry.findtext(f"{ATOM}title") == "ExampleOS 1.0.10 is withdrawn"
        assert links(entry) == {"alternate": f"{BASE}releases/1.0.10/index.html"}
    lifted = entry_of(read(sample, "beta"), "withdrawn/1.0.10/2026-08-10T09%3A30%3A00Z")
    assert lifted.findtext(f"{ATOM}title") == "ExampleOS 1.0.10 is not withdrawn any more"
    assert lifted.findtext(f"{ATOM}updated") == "2026-08-11T09:30:00Z"
    assert lifted.findtext(f"{ATOM}summary") == "Thought to be slow. Lifted 2026-08-11 09:30 UTC."
    assert "withdrawn/1.0.10" not in "".join(texts(read(sample, "stable"), "entry/id"))


def test_pauses_freezes_and_hurry_are_in_the_feed_of_their_channel() -> None:
    sample = stopped_site(BASE)
    stable, alpha = read(sample, "stable"), read(sample, "alpha")
    assert entry_of(stable, "stable/1.0.9").findtext(f"{ATOM}title") == "ExampleOS Stable 1.0.9 (paused)"
    pause = entry_of(stable, "paused/stable/1.0.9/2026-08-17T09%3A30%3A00Z")
    assert pause.findtext(f"{ATOM}summary") == "Updates take an hour on slow disks."
    frozen = entry_of(alpha, "frozen/alpha/2026-08-18T09%3A30%3A00Z")
    assert frozen.findtext(f"{ATOM}summary") == "Summer holidays. What to do: Wait for day 25."
    assert (entry_of(alpha, "alpha/1.0.11").findtext(f"{ATOM}summary") or "").startswith(
        "Hurried, it did not wait for the soak time and a freeze: A hole is <exploited> & spreads. Alpha"
    )
    resumed = (Stop(since=day(17), reason="x", lifted=day(19)),)
    again = read(with_entry(sample, "1.0.9", "stable", pauses=resumed), "stable")
    assert entry_of(again, "stable/1.0.9").findtext(f"{ATOM}title") == "ExampleOS Stable 1.0.9"
    assert entry_of(again, "stable/1.0.9").findtext(f"{ATOM}updated") == "2026-08-19T09:30:00Z"


def test_the_end_of_support_is_one_entry_that_changes_when_it_has_come() -> None:
    sample = stopped_site(BASE)
    soon = entry_of(read(sample, "lts-2025"), "support/lts-2025")
    assert soon.findtext(f"{ATOM}title") == "ExampleOS LTS 2025 ends 2026-09-30"
    assert soon.findtext(f"{ATOM}summary") == "Support of LTS 2025 ends 2026-09-30. Move to LTS 2026."
    ended = entry_of(
        read(replace(sample, generated_at=day(20) + timedelta(days=90)), "lts"), "support/lts-2025"
    )
    assert ended.findtext(f"{ATOM}title") == "ExampleOS LTS 2025 ended 2026-09-30"
    assert ended.findtext(f"{ATOM}published") == soon.findtext(f"{ATOM}published")
    assert ended.findtext(f"{ATOM}updated") == "2026-10-01T00:00:00Z"


@pytest.mark.parametrize(
    ("now", "said_again"),
    [
        ("2026-07-31", "2026-08-01T12:30"),  # it is not open yet
        ("2026-08-31", "2026-08-01T12:30"),  # it was opened then, less than 90 days before
        ("2026-09-01", "2026-09-01T00:00"),
        ("2026-09-23", "2026-09-01T00:00"),
        ("2026-09-24", "2026-09-24T00:00"),
        ("2026-12-24", "2026-10-01T00:00"),
    ],
)
def test_readers_are_reminded_of_the_end_of_support(now: str, said_again: str) -> None:
    """When it is 90 days away, 30, 7, and over: of one entry, which readers know by its id."""
    sample = replace(stopped_site(BASE), generated_at=datetime.fromisoformat(f"{now}T00:00:00Z"))
    entry = entry_of(read(sample, "lts-2025"), "support/lts-2025")
    assert entry.findtext(f"{ATOM}updated") == f"{said_again}:00Z"


def test_what_follows_a_stream_is_told_once_in_the_feed_of_all() -> None:
    everything = [text.partition("ExampleOS/")[2] for text in texts(read(stopped_site(), None), "entry/id")]
    assert "lts-2026/1.0.9" in everything
    assert "lts/1.0.9" not in everything
    assert "lts/1.0.9" in "".join(texts(read(stopped_site(), "lts"), "entry/id"))


@pytest.mark.parametrize("channel", [None, "alpha", "beta", "stable", "lts", "lts-2024", "lts-2025"])
@pytest.mark.parametrize("base", [None, BASE])
def test_every_feed_is_what_rfc_4287_asks_for(channel: str | None, base: str | None) -> None:
    feed = read(stopped_site(base), channel)
    identities = [feed.findtext(f"{ATOM}id"), *texts(feed, "entry/id")]
    assert len({*identities}) == len(identities)
    updates = []
    for element in (feed, *feed.findall(f"{ATOM}entry")):
        assert [len(element.findall(f"{ATOM}{name}")) for name in ("id", "title", "updated")] == [1, 1, 1]
        assert (element.findtext(f"{ATOM}id") or "").startswith("tag:releases.invalid,2026:ExampleOS/")
        assert " " not in (element.findtext(f"{ATOM}id") or " ")
        assert (
            len([link for link in element.findall(f"{ATOM}link") if link.attrib["rel"] == "alternate"]) == 1
        )
        updates.append(datetime.fromisoformat(element.findtext(f"{ATOM}updated") or ""))
    assert updates[0] == max(updates[1:])
    told = texts(feed, "entry/published")
    assert told == sorted(told, reverse=True)
    assert next(iter(feed)).tag == f"{ATOM}id"
    assert feed.findtext(f"{ATOM}author/{ATOM}name")

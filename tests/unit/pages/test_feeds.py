from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

from release.pages.feeds import ENTRY_LIMIT, atom_feed
from release.pages.site import Site
from tests.unit.pages.samples import AMD64, board, day, full_site, payload, published, release, site

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
        "alternate": f"{BASE}index.html",
    }
    assert links(unknown) == {"alternate": "../index.html"}
    entry = known.find(f"{ATOM}entry")
    assert entry is not None
    assert links(entry) == {"alternate": f"{BASE}releases/1.0.10/index.html"}
    assert (
        entry.findtext(f"{ATOM}summary")
        == "Beta 1.0.10 for amd64-usr and arm64-usr, kernel 6.12.102, 3 delta updates."
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

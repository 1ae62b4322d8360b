"""Lists in the form of Flatcar's ``releases-json/releases{,-CHANNEL}.json``, byte for byte. Pure.

Measured on the ten lists of 2026-08 (tests/vectors): an object by version with five names in an entry;
indented by two, everything beyond ASCII escaped, a line feed at the end. Versions stand in the order of
their texts, ``4081.3.10`` before ``4081.3.2``: readers must not take the last one for the newest, that is
what ``current`` is for. It repeats the entry of what a channel is at, and ``current-2024`` that of a stream.
"""

from __future__ import annotations

from itertools import groupby

from release.canonical import Json
from release.pages.machine.book import Book, architectures
from release.pages.machine.writing import dump, first_stop
from release.pages.records import ChannelEntry, PublishedRelease, standing, utc
from release.pages.site import Site

CURRENT = "current"
MAIN_CHANNEL = "stable"
"""Whose ``current`` the list of all channels has."""

_NO_NOTES = "No release notes were recorded.\n"
_List = dict[str, Json]


def release_list(site: Site, channel: str | None, book: Book | None = None) -> bytes:
    """The list of one channel, or of all. The same site gives the same bytes.

    The list of a channel: its releases, those of its streams included; then ``current-YEAR`` of each stream,
    then ``current``. The list of all: channel by channel in the order of their names, streams before what
    they are streams of and each followed by its ``current-YEAR``; ``current`` is that of ``stable`` and comes
    after the first channel that has one. A release that several channels have is in the most settled one.

    An alias is left out while there is nothing to point to, and while that is withdrawn: who asks for it
    expects nothing less settled. Where there is something to warn of, an entry has one more name:
    ``withdrawn`` or ``paused``.
    """
    book = book or Book(site)
    return dump(_everything(book) if channel is None else _channel(book, channel), ascii_only=True)


def _channel(book: Book, channel: str) -> _List:
    names = {channel, *book.streams(channel)}
    entries: _List = {}
    for version, published in _by_text(book.site.releases):
        places = [entry for entry in book.entries(published) if entry.name in names]
        if places:
            entries[version] = _listed(book, published, places[-1])
    for stream in book.streams(channel):
        entries |= _alias(book, stream, f"{CURRENT}-{_year(book, stream)}")
    if book.base(channel):
        entries |= _alias(book, channel, f"{CURRENT}-{_year(book, channel)}")
    return entries | _alias(book, channel, CURRENT)


def _everything(book: Book) -> _List:
    homes = [(_home(book, published), published) for published in book.site.releases if published.channels]
    homes.sort(key=lambda pair: pair[0].name)
    groups = {name: list(group) for name, group in groupby(homes, key=lambda pair: pair[0].name)}
    main = _alias(book, MAIN_CHANNEL, CURRENT) if MAIN_CHANNEL in book.site.channels else {}
    entries: _List = {}
    for name in sorted(book.ranks, key=lambda name: (book.base(name) or name, not book.base(name), name)):
        places = {published.release.version: entry for entry, published in groups.get(name, ())}
        for version, published in _by_text([published for _, published in groups.get(name, ())]):
            entries[version] = _listed(book, published, places[published.release.version])
        if book.base(name):
            entries |= _alias(book, name, f"{CURRENT}-{_year(book, name)}")
        elif CURRENT not in entries and _alias(book, name, CURRENT):
            entries |= main
    return entries


def _home(book: Book, published: PublishedRelease) -> ChannelEntry:
    """The most settled channel of the release; rather the stream than the channel that follows it."""
    entries = book.entries(published)
    streams = [entry for entry in entries if book.base(entry.name) == entries[-1].name]
    return (streams or entries)[-1]


def _alias(book: Book, channel: str, name: str) -> _List:
    head = book.site.current(channel)
    entry = head and head.entry(channel)
    return {name: _listed(book, head, entry)} if head and entry and not head.withdrawn else {}


def _by_text(
    releases: list[PublishedRelease] | tuple[PublishedRelease, ...],
) -> list[tuple[str, PublishedRelease]]:
    return sorted(((str(one.release.version), one) for one in releases), key=lambda pair: pair[0])


def _listed(book: Book, published: PublishedRelease, entry: ChannelEntry) -> Json:
    """The five names of Flatcar's entries, in its order; software is a list of one version each."""
    notes = published.notes.replace("\r", "")
    fields: dict[str, Json] = {
        "channel": book.base(entry.name) or entry.name,
        "architectures": [*architectures(published)],
        "release_date": utc(entry.since).strftime("%Y-%m-%d %H:%M:%S +0000"),
        "major_software": {package.name: [package.version] for package in published.release.software},
        "release_notes": notes if notes.strip() else _NO_NOTES,
    }
    if published.withdrawn:
        fields["withdrawn"] = first_stop(published.withdrawn)
    if pauses := standing(entry.pauses):
        fields["paused"] = first_stop(pauses)
    return fields


def _year(book: Book, stream: str) -> str:
    """``2024`` of ``lts-2024``."""
    return stream.removeprefix(f"{book.base(stream)}-")

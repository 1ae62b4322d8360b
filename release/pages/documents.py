"""Documents for programs: the machine index, and the lists that Flatcar's consumers read. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from release.bundle.layout import document_key
from release.canonical import Json
from release.catalog.channel import Channel
from release.pages import addresses
from release.pages.records import ChannelEntry, PublishedRelease, Stop, standing, utc
from release.pages.site import Site
from release.pages.wording import rfc3339

SCHEMA_VERSION = 1
_NO_NOTES = "No release notes were recorded.\n"


def machine_index(site: Site) -> bytes:
    """``index.json``: what each channel points to, and every release, the highest version first.

    Paths are relative to the document. Times are RFC 3339. Names are only ever added. A stop that
    stands is an object with ``since``, ``reason`` and ``advice``; null where there is none.
    """
    return _dump(
        {
            "schema_version": SCHEMA_VERSION,
            "product": site.product,
            "generated_at": rfc3339(site.generated_at),
            "channels": {channel.name: _channel(site, channel) for channel in site.channels},
            "releases": [_indexed(site, published) for published in site.newest_first()],
        }
    )


def release_list(site: Site, channel: str | None) -> bytes:
    """A list in the form of Flatcar's ``releases-json/releases{,-CHANNEL}.json``.

    Keys ascend by version as numbers; ``current`` repeats the entry a channel points to and comes last.
    In the list of all channels ``current`` is the one of ``stable``. It is left out while there is
    none, and while it is withdrawn: who asks for it expects nothing less settled. The list of a channel
    with streams has the releases of all of them, and for each stream ``lts-2024`` a ``current-2024``.

    Where there is something to warn of, an entry has one more name: ``withdrawn`` or ``paused``.
    """
    entries: dict[str, Json] = {}
    for published in reversed(site.newest_first()):
        offered = _entry_in(site, published, channel)
        if offered:
            entries[str(published.release.version)] = _listed(published, offered)
    pointers = {f"current-{_label(site, name)}": name for name in site.streams(channel or "")}
    for alias, name in {**pointers, "current": channel or "stable"}.items():
        head = site.current(name)
        entry = head and head.entry(name)
        if head and entry and not head.withdrawn:
            entries[alias] = _listed(head, entry)
    return _dump(entries)


def _channel(site: Site, channel: Channel) -> Json:
    published = site.current(channel.name)
    entry = published and published.entry(channel.name)
    support = site.support.get(channel.name)
    return {
        "current": str(published.release.version) if published else None,
        "status": _status(published, entry) if published and entry else None,
        "feed": addresses.feed(channel.name),
        "paused": _stop(standing(entry.pauses)) if entry else None,
        "frozen": _stop(site.frozen(channel.name)),
        "streams": list(site.streams(channel.name)),
        "support": None
        if support is None
        else {
            "stream_of": support.stream_of,
            "opened": rfc3339(support.opened),
            "ends": rfc3339(support.ends),
        },
    }


def _status(published: PublishedRelease, entry: ChannelEntry) -> str:
    """Whether machines on the channel are offered what it points to."""
    if published.withdrawn:
        return "withdrawn"
    return "paused" if standing(entry.pauses) else "offered"


def _indexed(site: Site, published: PublishedRelease) -> Json:
    release = published.release
    origin = release.lineage.derives_from
    entries = [entry for channel in site.channels if (entry := published.entry(channel.name))]
    return {
        "version": str(release.version),
        "digest": str(published.release_digest),
        "document": site.artifact_base + document_key(release.version),
        "page": addresses.release_page(release.version),
        "created": rfc3339(release.created),
        "boards": [str(board.board) for board in release.boards],
        "channels": {entry.name: rfc3339(entry.since) for entry in entries},
        "withdrawn": _stop(published.withdrawn),
        "hurried": {
            entry.name: {
                "skipped": list(entry.hurry.skipped),
                "reason": entry.hurry.reason,
                "incident": entry.hurry.incident,
            }
            for entry in entries
            if entry.hurry
        },
        "lineage": {
            "kind": release.lineage.kind.value,
            "derives_from": None if origin is None else str(origin),
        },
    }


def _stop(stops: tuple[Stop, ...]) -> Json:
    """The first of the stops that stand; the pages tell the others, too."""
    if not stops:
        return None
    first = stops[0]
    return {
        "since": rfc3339(first.since),
        "reason": first.reason,
        "advice": first.advice,
        "automatic": first.automatic,
    }


def _entry_in(site: Site, published: PublishedRelease, channel: str | None) -> ChannelEntry | None:
    """Where the list of ``channel`` has the release from: the channel, one of its streams, or any."""
    names = {channel, *site.streams(channel)} if channel else {entry.name for entry in published.channels}
    found = [entry for entry in published.channels if entry.name in names]
    return max(found, key=lambda entry: site.channels.rank(entry.name), default=None)


def _listed(published: PublishedRelease, entry: ChannelEntry) -> Json:
    """The five names of Flatcar's entries, in its order; software is a list of one version each."""
    release = published.release
    fields: dict[str, Json] = {
        "channel": entry.name.partition("-")[0] if entry.name.startswith("lts-") else entry.name,
        "architectures": [board.board.architecture for board in release.boards],
        "release_date": utc(entry.since).strftime("%Y-%m-%d %H:%M:%S +0000"),
        "major_software": {package.name: [package.version] for package in release.software},
        "release_notes": published.notes.replace("\r", "") if published.notes.strip() else _NO_NOTES,
    }
    if published.withdrawn:
        fields["withdrawn"] = _stop(published.withdrawn)
    if pauses := standing(entry.pauses):
        fields["paused"] = _stop(pauses)
    return fields


def _label(site: Site, stream: str) -> str:
    """``2024`` of ``lts-2024``."""
    return stream.removeprefix(f"{site.support[stream].stream_of}-")


def _dump(value: Mapping[str, Json]) -> bytes:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"

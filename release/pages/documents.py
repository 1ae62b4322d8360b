"""Documents for programs: the machine index, and the lists that Flatcar's consumers read. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from release.bundle.layout import document_key
from release.bundle.release import Release
from release.canonical import Json
from release.pages import addresses
from release.pages.site import PublishedRelease, Site, utc
from release.pages.wording import rfc3339

SCHEMA_VERSION = 1
_NO_NOTES = "No release notes were recorded.\n"


def machine_index(site: Site) -> bytes:
    """``index.json``: what each channel points to, and every release, the highest version first.

    Paths are relative to the document. Times are RFC 3339. Names are only ever added.
    """
    return _dump(
        {
            "schema_version": SCHEMA_VERSION,
            "product": site.product,
            "generated_at": rfc3339(site.generated_at),
            "channels": {
                channel.name: {
                    "current": str(head) if (head := site.heads.get(channel.name)) else None,
                    "feed": addresses.feed(channel.name),
                }
                for channel in site.channels
            },
            "releases": [_indexed(site, published) for published in site.newest_first()],
        }
    )


def release_list(site: Site, channel: str | None) -> bytes:
    """A list in the form of Flatcar's ``releases-json/releases{,-CHANNEL}.json``.

    Keys ascend by version as numbers; ``current`` repeats the entry a channel points to and comes last.
    In the list of all channels ``current`` is the one of ``stable`` and is left out while there is
    none: who asks for it expects nothing less settled.
    """
    entries: dict[str, Json] = {}
    for published in reversed(site.newest_first()):
        name = channel or _most_settled(site, published)
        if name and (entry := published.entry(name)):
            date = utc(entry.since).strftime("%Y-%m-%d %H:%M:%S +0000")
            entries[str(published.release.version)] = _listed(published.release, name, date)
    head = site.heads.get(channel or "stable")
    if head is not None:
        published_head = site.find(head)
        entry = published_head.entry(channel or "stable") if published_head else None
        if published_head and entry:
            date = utc(entry.since).strftime("%Y-%m-%d %H:%M:%S +0000")
            entries["current"] = _listed(published_head.release, channel or "stable", date)
    return _dump(entries)


def _indexed(site: Site, published: PublishedRelease) -> Json:
    release = published.release
    return {
        "version": str(release.version),
        "digest": str(published.release_digest),
        "document": site.artifact_base + document_key(release.version),
        "page": addresses.release_page(release.version),
        "created": rfc3339(release.created),
        "boards": [str(board.board) for board in release.boards],
        "channels": {
            channel.name: rfc3339(entry.since)
            for channel in site.channels
            if (entry := published.entry(channel.name))
        },
    }


def _listed(release: Release, channel: str, date: str) -> Json:
    """The five names of Flatcar's entries, in its order; software is a list of one version each."""
    return {
        "channel": channel.partition("-")[0] if channel.startswith("lts-") else channel,
        "architectures": [board.board.architecture for board in release.boards],
        "release_date": date,
        "major_software": {package.name: [package.version] for package in release.software},
        "release_notes": release.notes.replace("\r", "") if release.notes.strip() else _NO_NOTES,
    }


def _most_settled(site: Site, published: PublishedRelease) -> str | None:
    names = [entry.name for entry in published.channels]
    return max(names, key=site.channels.rank, default=None)


def _dump(value: Mapping[str, Json]) -> bytes:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"

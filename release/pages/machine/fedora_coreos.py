"""``streams/CHANNEL.json`` and ``updates/CHANNEL.json`` in the form of Fedora CoreOS. Pure.

Sources: coreos/stream-metadata-go ``stream``, ``release``; coreos/fedora-coreos-tracker ``metadata/updates``.
Both forms ask for absolute addresses: without ``base_url`` they are relative to the document.
"""

from __future__ import annotations

from datetime import datetime

from release.bundle.layout import shipped
from release.bundle.release import Release
from release.canonical import Json
from release.catalog.version import Version
from release.pages import addresses
from release.pages.machine.book import Book
from release.pages.machine.platforms import bootable
from release.pages.machine.releases import SIGNATURE
from release.pages.machine.writing import Object, dump, link
from release.pages.records import PublishedRelease, Rollout, standing
from release.pages.wording import rfc3339

ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64", "ppc64le": "ppc64le", "s390x": "s390x"}
"""What Fedora CoreOS calls them."""


def stream_document(book: Book, channel: str) -> bytes:
    """The images of what a channel is at, by architecture, platform and format.

    No architectures while there is nothing to take: no release, a withdrawn one, an imported one, of which
    no files are known. An architecture of which only updates are shipped has no artifacts.
    """
    head = book.site.current(channel)
    entry = head and head.entry(channel)
    return dump(
        {
            "stream": channel,
            "metadata": {
                "last-modified": rfc3339(entry.since if entry else book.site.generated_at),
                "generator": "humpyard",
            },
            "architectures": _architectures(book, head, addresses.stream_document(channel)) if head else {},
        }
    )


def updates_document(book: Book, channel: str) -> bytes:
    """Releases of a channel that machines must pass through, cannot go on from, or are getting just now.

    Ascending by version. A floor is a ``barrier``, a withdrawn release a ``deadend``, with the address that
    says why; a release is never both. A rollout in steps is told as one that grows evenly, from the share of
    its first step until everybody may have it; one that is stopped stays at the share that it has reached.
    """
    page = addresses.updates_document(channel)
    releases = sorted({offer.version: offer.published for offer in book.offers[channel]}.items())
    entries: list[Json] = [
        {"version": str(version), "metadata": metadata}
        for version, published in releases
        if (metadata := _metadata(book, channel, published, page))
    ]
    times = [book.changed(published) for _, published in releases]
    last = max(times, default=book.site.generated_at)
    return dump({"stream": channel, "metadata": {"last-modified": rfc3339(last)}, "releases": entries})


def _architectures(book: Book, published: PublishedRelease, page: str) -> Object:
    release = published.release
    if published.only_on_record or not isinstance(release, Release):
        return {}
    found: dict[str, dict[str, dict[str, dict[str, Json]]]] = {
        _architecture(board.board.architecture): {} for board in release.boards
    }
    for item in shipped(release):
        kind = None if item.payload else bootable(item.artifact.name)
        if kind is None:
            continue
        platforms = found[_architecture(item.board.board.architecture)]
        location = _address(book, page, book.site.artifact_base + item.key)
        platforms.setdefault(kind.platform, {}).setdefault(kind.format, {})[kind.part] = {
            "location": location,
            "signature": location + SIGNATURE,
            "sha256": item.artifact.sha256.hex,
        }
    return {
        name: {
            "artifacts": {
                platform: {
                    "release": str(release.version),
                    "formats": {kind: {**parts} for kind, parts in sorted(formats.items())},
                }
                for platform, formats in sorted(platforms.items())
            }
        }
        for name, platforms in found.items()
    }


def _architecture(name: str) -> str:
    return ARCHITECTURES.get(name, name)


def _metadata(book: Book, channel: str, published: PublishedRelease, page: str) -> Object:
    site, version = book.site, published.release.version
    why = _address(book, page, addresses.release_page(version))
    if published.withdrawn:
        return {"deadend": {"reason": why}}
    found: Object = {}
    if any((floor.channel, floor.version) == (channel, version) for floor in site.floors):
        found["barrier"] = {"reason": why}
    rollout = site.rollouts.get(channel)
    entry = published.entry(channel)
    if rollout and entry and _is_head(book, channel, version):
        paused = bool(standing(entry.pauses))
        found["rollout"] = _rollout(rollout, site.generated_at, paused=paused)
    return found


def _is_head(book: Book, channel: str, version: Version) -> bool:
    return book.site.heads.get(channel) == version


def _rollout(rollout: Rollout, now: datetime, *, paused: bool) -> Object:
    if paused:
        return {
            "start_epoch": int(rollout.began.timestamp()),
            "start_percentage": float(rollout.share),
            "duration_minutes": 0,
        }
    if rollout.complete <= now:
        return {"start_percentage": 1.0}
    return {
        "start_epoch": int(rollout.began.timestamp()),
        "start_percentage": float(rollout.steps[0][1]),
        "duration_minutes": int((rollout.complete - rollout.began).total_seconds() // 60),
    }


def _address(book: Book, page: str, target: str) -> str:
    return addresses.absolute(book.site, target) or link(page, target)

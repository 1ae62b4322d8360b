"""``streams/CHANNEL.json`` and ``updates/CHANNEL.json`` in the form of Fedora CoreOS. Pure.

Sources: coreos/stream-metadata-go ``stream``, ``release``; coreos/fedora-coreos-tracker ``metadata/updates``;
for what updates mean coreos/fedora-coreos-cincinnati ``graph``, ``policy``, and ``rollout.py`` of
coreos/fedora-coreos-streams. Both forms ask for absolute addresses: without ``base_url`` they are relative
to the document.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from release.bundle.layout import shipped
from release.bundle.release import Release
from release.canonical import Json
from release.catalog.version import Version
from release.pages import addresses
from release.pages.machine.book import Book, moments
from release.pages.machine.platforms import bootable
from release.pages.machine.releases import SIGNATURE
from release.pages.machine.writing import Object, dump, link
from release.pages.records import PublishedRelease, Rollout, standing
from release.pages.wording import rfc3339

ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64", "ppc64le": "ppc64le", "s390x": "s390x"}
"""What Fedora CoreOS calls them."""

_NOBODY: Object = {"start_percentage": 0.0}
"""No ``duration_minutes``: with one, be it 0, readers let everybody have it after a minute. Canaries with a
``rollout_wariness`` of 0 get it all the same; so it is for floors only, which cannot be left out."""
_EVERYBODY: Object = {"start_percentage": 1.0}
"""Not left out: machines are led to releases with a rollout, and to barriers, and to nothing else."""
_MINUTE = timedelta(minutes=1)


def stream_document(book: Book, channel: str) -> bytes:
    """The images of what a channel is at, by architecture, platform and format.

    No architectures while there is nothing to take: no release, a withdrawn one, an imported one, of which
    no files are known. An architecture of which only updates are shipped has no artifacts.
    """
    head = book.site.current(channel)
    return dump(
        {
            "stream": channel,
            "metadata": {
                "last-modified": rfc3339(_taken_at(book, channel, head)),
                "generator": "humpyard",
            },
            "architectures": _architectures(book, head, addresses.stream_document(channel)) if head else {},
        }
    )


def updates_document(book: Book, channel: str) -> bytes:
    """Releases of a channel that machines must pass through, or may get, and how many of them may.

    Ascending by version. A floor is a ``barrier``, with the address that says why. What is withdrawn is left
    out, so that nothing leads there: machines that have it go on from there. So is what the channel is at
    while that is paused. Readers never compute a larger share than the channel's own documents have at that
    time, as long as nothing stopped the rollout since.
    """
    page = addresses.updates_document(channel)
    told = _told(book, channel)
    entries: list[Json] = [
        {"version": str(version), "metadata": metadata}
        for version, published in sorted(told.items())
        if (metadata := _metadata(book, channel, published, page))
    ]
    # Shares are of the time of the data, and nothing says when a floor became one. What people stop after
    # it, or let go on, changes the document and not that time.
    changed = max([book.site.generated_at, *(book.changed(published) for published in told.values())])
    times: Object = {"last-modified": rfc3339(changed)}
    return dump({"stream": channel, "metadata": times, "releases": entries})


def _taken_at(book: Book, channel: str, head: PublishedRelease | None) -> datetime:
    """When what there is to take last changed: with a release images come, with a stop they go."""
    entry = head and head.entry(channel)
    if not head or not entry:
        return book.site.generated_at
    stops = (moment for stop in head.withdrawals for moment in moments(stop))
    return max([entry.since, *stops, *([] if head.collected is None else [head.collected])])


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


def _told(book: Book, channel: str) -> dict[Version, PublishedRelease]:
    """What the channel offered, and its floors: it need not have offered those itself."""
    found = {offer.version: offer.published for offer in book.offers[channel]}
    head = book.site.heads.get(channel)
    for floor in book.site.floors:
        published = book.site.find(floor.version)
        if floor.channel == channel and published and head and floor.version <= head:
            found[floor.version] = published
    return found


def _metadata(book: Book, channel: str, published: PublishedRelease, page: str) -> Object:
    version = published.release.version
    is_floor = any((floor.channel, floor.version) == (channel, version) for floor in book.site.floors)
    rollout = _rollout(book, channel, published, is_floor=is_floor)
    why = _address(book, page, addresses.release_page(version))
    return {
        **({"barrier": {"reason": why}} if is_floor else {}),
        **({} if rollout is None else {"rollout": rollout}),
    }


def _rollout(book: Book, channel: str, published: PublishedRelease, *, is_floor: bool) -> Object | None:
    """Who may have it. None for a floor: everybody; for anything else: nothing leads there.

    A floor that is stopped stays one, and is shut: else machines would pass it by. What is behind a floor
    opens it.
    """
    shut = _NOBODY if is_floor else None
    if published.withdrawn:
        return shut
    head = book.site.current(channel)
    if head is None or (published is not head and not is_floor):
        return None
    if published is not head and _is_passed(book, channel, published.release.version, head.release.version):
        return None
    if not head.is_imported and _is_stopped(channel, head):
        return shut
    return _head_rollout(book, channel, head)


def _is_passed(book: Book, channel: str, floor: Version, head: Version) -> bool:
    """Whether the floor, or something between it and what the channel is at, is still offered.

    How many may have that is not known any more: it is taken for everybody.
    """
    return any(
        floor <= offer.version < head and not _is_stopped(channel, offer.published)
        for offer in book.offers[channel]
    )


def _is_stopped(channel: str, published: PublishedRelease) -> bool:
    """Whether nobody is offered it there."""
    entry = published.entry(channel)
    paused = entry is not None and bool(standing(entry.pauses))
    return paused or published.is_imported or published.only_on_record


def _head_rollout(book: Book, channel: str, head: PublishedRelease) -> Object | None:
    if head.is_imported:
        return None  # who may have it was never said here
    rollout, now = book.site.rollouts.get(channel), book.site.generated_at
    return _EVERYBODY if rollout is None or rollout.complete <= now else _running(rollout, now)


def _running(rollout: Rollout, now: datetime) -> Object:
    """How far a rollout is that nothing stops. Readers know a share, and one straight line from it to all.

    Rounded so that readers are behind, on the line by less than a minute of all its time. What does not go
    on straight stays at the share of ``now``: before the next step a line would be ahead of it.
    """
    start, share = max(now, rollout.began), float(rollout.share)
    straight = rollout.linear and all(time <= start for time, _ in rollout.steps[:-1])
    if not straight or rollout.windows:
        return {"start_epoch": math.ceil(rollout.began.timestamp()), "start_percentage": share}
    return {
        "start_epoch": math.ceil(start.timestamp()),
        "start_percentage": share,
        "duration_minutes": -((start - rollout.complete) // _MINUTE),
    }


def _address(book: Book, page: str, target: str) -> str:
    return addresses.absolute(book.site, target) or link(page, target)

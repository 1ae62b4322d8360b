"""What many documents ask of a site, found once: what channels offered in order, how releases stand. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import chain

from release.bundle.change import Change
from release.bundle.layout import document_key
from release.bundle.release import Release
from release.catalog.version import Version
from release.notes.changes import items_of
from release.notes.cves import Fix, claimed_fixes
from release.notes.imported import ImportedRelease
from release.pages.corrected import told_now
from release.pages.records import ChannelEntry, KnownIssue, PublishedRelease, Stop, standing
from release.pages.site import Site

_HEADED = re.compile("breaking|action", re.IGNORECASE)
"""A word of the headings of what must be told. Notes without it need not be read for that."""


class Status(StrEnum):
    """How a release stands, the best first."""

    CURRENT = "current"
    ROLLING_OUT = "rolling_out"
    """Not everybody may have it yet."""
    PAUSED = "paused"
    """Its rollout, by people or by itself."""
    EOL = "eol"
    """The newest of a channel that gets nothing any more."""
    SUPERSEDED = "superseded"
    UNRELEASED = "unreleased"
    """No channel offers it or offered it."""
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Offer:
    """A release, and since when a channel has offered it."""

    published: PublishedRelease
    entry: ChannelEntry

    @property
    def version(self) -> Version:
        """Which release it is."""
        return self.published.release.version


@dataclass(frozen=True)
class Book:
    """A site, and what is looked up in it again and again."""

    site: Site
    _places: dict[tuple[str, Version], int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = {
            (name, version): place
            for name, versions in self.versions.items()
            for place, version in enumerate(versions)
        }
        object.__setattr__(self, "_places", places)

    @cached_property
    def offers(self) -> dict[str, tuple[Offer, ...]]:
        """By channel, what it offered, in that order."""
        found: dict[str, list[Offer]] = {channel.name: [] for channel in self.site.channels}
        for published in self.site.releases:
            for entry in published.channels:
                found[entry.name].append(Offer(published, entry))
        return {
            name: tuple(sorted(offers, key=lambda offer: (offer.entry.since, offer.version)))
            for name, offers in found.items()
        }

    @cached_property
    def versions(self) -> dict[str, tuple[Version, ...]]:
        """By channel, what it offered, the lowest version first: the order in which machines go."""
        return {
            name: tuple(sorted(offer.version for offer in offers)) for name, offers in self.offers.items()
        }

    @cached_property
    def issues(self) -> dict[Version, tuple[KnownIssue, ...]]:
        """By release, what is known to be wrong with it, by name."""
        found: dict[Version, list[KnownIssue]] = {}
        for issue in sorted(self.site.issues, key=lambda issue: issue.name):
            for version in issue.affected:
                found.setdefault(version, []).append(issue)
        return {version: tuple(issues) for version, issues in found.items()}

    @cached_property
    def ranks(self) -> dict[str, int]:
        """By channel, its place; 0 for the least settled."""
        return {channel.name: place for place, channel in enumerate(self.site.channels)}

    def entries(self, published: PublishedRelease) -> list[ChannelEntry]:
        """Where the release was offered, the least settled channel first."""
        return sorted(published.channels, key=lambda entry: self.ranks[entry.name])

    def neighbour(self, channel: str, version: Version, step: int) -> Version | None:
        """Of what the channel offered, what is ``step`` places above ``version``; below with a negative one.

        Pages go by version, too. When something was offered says nothing: fixes of an old one often come
        after a new one.
        """
        place = self._places[channel, version] + step
        versions = self.versions[channel]
        return versions[place] if 0 <= place < len(versions) else None

    def base(self, channel: str) -> str | None:
        """The channel that this one is a stream of, or None.

        Of a stream that is only in an imported history the name tells it: ``lts-2021``.
        """
        support = self.site.support.get(channel)
        if support is not None:
            return support.stream_of
        base, _, year = channel.rpartition("-")
        known = channel in self.site.retired and year.isdecimal() and base in self.site.channels
        return base if known else None

    def streams(self, channel: str) -> tuple[str, ...]:
        """The streams of a channel, the oldest first, those of the history too."""
        return tuple(one.name for one in self.site.channels if self.base(one.name) == channel)

    def is_repeated(self, published: PublishedRelease, entry: ChannelEntry) -> bool:
        """Whether a stream of the entry's channel says the same of the release."""
        return any(self.base(other.name) == entry.name for other in published.channels)

    def standing_in(self, published: PublishedRelease, entry: ChannelEntry) -> Status:
        """How the release stands with one channel."""
        site, name = self.site, entry.name
        if published.withdrawn:
            return Status.WITHDRAWN
        if site.heads.get(name) != published.release.version:
            return Status.SUPERSEDED
        if name in site.retired or site.has_ended(name):
            return Status.EOL
        if standing(entry.pauses):
            return Status.PAUSED
        rollout = site.rollouts.get(name)
        return Status.ROLLING_OUT if rollout and rollout.share < 1 else Status.CURRENT

    def status(self, published: PublishedRelease) -> Status:
        """How the release stands with the channel that it stands best with."""
        if published.withdrawn:
            return Status.WITHDRAWN
        order = list(Status)
        found = (self.standing_in(published, entry) for entry in published.channels)
        return min(found, key=order.index, default=Status.UNRELEASED)

    def at_it(self, published: PublishedRelease, *, paused: bool) -> list[str]:
        """Channels that point to it, with its rollout there paused or not; none for a withdrawn one."""
        return [
            entry.name
            for entry in self.entries(published)
            if self.site.heads.get(entry.name) == published.release.version
            and bool(standing(entry.pauses)) is paused
            and not published.withdrawn
        ]

    def attention(self, published: PublishedRelease) -> tuple[Change, ...]:
        """Breaking changes, and those that ask for something to be done, that a release has.

        All that its record has, as corrected, also what an earlier release told; without a record what its
        notes tell as they read now.
        """
        release = told_now(self.site)[published.release.version]
        recorded = isinstance(release, Release) and bool(release.changes)
        if not recorded and not _HEADED.search(release.notes):
            return ()
        return tuple(change for change in items_of(release) if change.kind.must_be_told)

    @cached_property
    def last_changed(self) -> datetime:
        """When something that is told last changed: what people say does not move the time of the data."""
        stops = chain.from_iterable(self.site.freezes.values())
        return max(
            [
                self.site.generated_at,
                *(self.changed(published) for published in self.site.releases),
                *(time for stop in stops for time in moments(stop)),
                *(issue.updated for issue in self.site.issues),
            ]
        )

    def changed(self, published: PublishedRelease) -> datetime:
        """When something that is told of the release last changed, but for what other releases did to it."""
        stops = [*published.withdrawals, *(stop for entry in published.channels for stop in entry.pauses)]
        return max(
            [
                published.release.created,
                *(entry.since for entry in published.channels),
                *(time for stop in stops for time in moments(stop)),
                *(revision.recorded for revision in published.revisions),
                *(issue.updated for issue in self.issues.get(published.release.version, ())),
                *([] if published.collected is None else [published.collected]),
            ]
        )

    def document(self, published: PublishedRelease) -> str | None:
        """Where ``release.json`` is, relative to the root of the pages; None where there never was one."""
        if published.is_imported:
            return None
        return self.site.artifact_base + document_key(published.release.version)


def moments(stop: Stop) -> list[datetime]:
    """When it began, and when it was lifted."""
    return [stop.since] if stop.lifted is None else [stop.since, stop.lifted]


def published_at(published: PublishedRelease) -> datetime | None:
    """When the first channel offered it; None as long as none does."""
    return min((entry.since for entry in published.channels), default=None)


def fixes(published: PublishedRelease) -> tuple[Fix, ...]:
    """What the notes, as they read now, say is fixed; not what they only mention."""
    return claimed_fixes(published.notes)


def cve_count(published: PublishedRelease) -> int:
    """How many CVEs the notes say are fixed, each once."""
    return len({fix.cve for fix in fixes(published)})


def architectures(published: PublishedRelease) -> tuple[str, ...]:
    """What machines it is for, as the boards or the imported list call them, each once."""
    release = published.release
    if isinstance(release, ImportedRelease):
        return release.architectures
    return tuple(dict.fromkeys(board.board.architecture for board in release.boards))

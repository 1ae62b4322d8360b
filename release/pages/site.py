"""What a site is rendered from: releases, who points to them, and when the data is from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from release.bundle.release import Release
from release.catalog.channel import Channels
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError

_BASE_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~%+-]+)*/", re.ASCII)
_ARTIFACT_BASE = re.compile(r"(?:\.\./)*(?:[A-Za-z0-9._~%+-]+/)*", re.ASCII)
_AUTHORITY = re.compile(r"[a-z0-9.-]+(?:@[a-z0-9.-]+)?,[0-9]{4}(?:-[0-9]{2}){0,2}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEntry:
    """``name`` has offered, or still offers, a release from ``since`` (aware, UTC) on."""

    name: str
    since: datetime

    def __post_init__(self) -> None:
        _check_utc(f"channel {self.name}: since", self.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRelease:
    """A release on the mirror. ``channels`` is empty as long as it was promoted to none."""

    release: Release
    release_digest: Digest
    channels: tuple[ChannelEntry, ...] = ()

    def entry(self, channel: str) -> ChannelEntry | None:
        """When ``channel`` began to offer it; None if it never did."""
        return next((entry for entry in self.channels if entry.name == channel), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything the pages say, as values. Equal sites give equal bytes.

    Attributes:
        product: the name people read.
        base_url: where the root of the pages is served, with a trailing slash; None when unknown:
            then nothing absolute is written, and what needs an absolute address is left out.
        channels: all of them, from the least settled to the most settled.
        releases: every published release, in any order.
        heads: the version each channel points to; a channel without a release has none.
        generated_at: when the data was last changed (aware, UTC), for example the time of the
            ledger's last entry. Never the time of rendering, so that nothing changes by itself.
        artifact_base: from the root of the pages to the root of the mirror: a relative path or an
            absolute address, with a trailing slash.
        feed_authority: who mints the ids of feed entries, ``name,date`` as RFC 4151 says. Readers
            take an entry with another id for a new one: never change it, whatever the pages' address.
    """

    product: str
    base_url: str | None
    channels: Channels
    releases: tuple[PublishedRelease, ...]
    heads: Mapping[str, Version] = field(hash=False)
    generated_at: datetime
    artifact_base: str = "../"
    feed_authority: str = "releases.invalid,2026"

    def __post_init__(self) -> None:
        _check_utc("generated_at", self.generated_at)
        if self.base_url is not None and not _BASE_URL.fullmatch(self.base_url):
            raise InputError(
                f"base_url {self.base_url!r}: expected http(s)://HOST/PATH/ with a trailing slash"
            )
        if not (_ARTIFACT_BASE.fullmatch(self.artifact_base) or _BASE_URL.fullmatch(self.artifact_base)):
            raise InputError(
                f"artifact_base {self.artifact_base!r}: expected a relative path or an http(s) address,"
                " with a trailing slash"
            )
        if not _AUTHORITY.fullmatch(self.feed_authority):
            raise InputError(f"feed_authority {self.feed_authority!r}: expected DOMAIN,YEAR as RFC 4151 says")
        self._check_releases()
        self._check_heads()

    def _check_releases(self) -> None:
        seen: set[Version] = set()
        for published in self.releases:
            version = published.release.version
            if version in seen:
                raise InputError(f"release {version} is listed twice")
            seen.add(version)
            names = [entry.name for entry in published.channels]
            for name in names:
                self.channels.get(name)
                if names.count(name) > 1:
                    raise InputError(f"release {version}: channel {name!r} is listed twice")

    def _check_heads(self) -> None:
        for name, version in self.heads.items():
            self.channels.get(name)
            if self.find(version) is None:
                raise InputError(f"channel {name!r} points to {version}, which is not among the releases")
            if self.on_channel(name, version) is None:
                raise InputError(f"channel {name!r} points to {version}, but not since when")

    def find(self, version: Version) -> PublishedRelease | None:
        """The release of that version, or None."""
        return next((item for item in self.releases if item.release.version == version), None)

    def on_channel(self, name: str, version: Version) -> ChannelEntry | None:
        """When the channel began to offer the version, or None."""
        published = self.find(version)
        return None if published is None else published.entry(name)

    def newest_first(self) -> tuple[PublishedRelease, ...]:
        """All releases, the highest version first."""
        return tuple(sorted(self.releases, key=lambda item: item.release.version, reverse=True))


def _check_utc(where: str, time: datetime) -> None:
    if time.utcoffset() != timedelta(0):
        raise InputError(f"{where}: expected a time in UTC, found {time.isoformat()}")


def utc(time: datetime) -> datetime:
    """``time`` in UTC, without fractions of a second."""
    return time.astimezone(UTC).replace(microsecond=0)

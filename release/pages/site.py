"""What a site is rendered from: releases, who points to them, what was stopped, and when the data is from."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice, pairwise

from release.catalog.channel import Channels
from release.catalog.version import Version
from release.errors import InputError
from release.pages.records import (
    Brand,
    ChannelEntry,
    Floor,
    Key,
    KnownIssue,
    MirrorSite,
    PublishedRelease,
    Rollout,
    Stop,
    Support,
    check_utc,
    standing,
)

_BASE_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~%+-]+)*/", re.ASCII)
_ARTIFACT_BASE = re.compile(r"(?:\.\./)*(?:[A-Za-z0-9._~%+-]+/)*", re.ASCII)
_AUTHORITY = re.compile(r"[a-z0-9.-]+(?:@[a-z0-9.-]+)?,[0-9]{4}(?:-[0-9]{2}){0,2}", re.ASCII)


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
        generated_at: when the pipeline last recorded something (aware, UTC). What people record after
            that changes what is told, and not this time, at which all is judged. Never the time of
            rendering, so that nothing changes by itself.
        artifact_base: from the root of the pages to the root of the mirror: a relative path or an
            absolute address, with a trailing slash.
        feed_authority: who mints the ids of feed entries, ``name,date`` as RFC 4151 says. Readers
            take an entry with another id for a new one: never change it, whatever the pages' address.
        freezes: by channel, when it was frozen, in any order. A frozen channel does not move. Freezing a
            channel freezes its streams, and is listed for each of them.
        support: by channel, for those that are streams of another channel. Streams are among
            ``channels``, before the channel that they are streams of, the oldest first.
        retired: channels, and streams, that get nothing any more and of which no more is known: they
            are only in the history that was imported.
        issues: what is known to be wrong, by name.
        rollouts: by channel, of what it is at; none where everybody had it at once.
        mirrors: those that the policy names, in its order.
        keys: what to believe, in the order to show.
        floors: of channels, ascending.
        brand: the looks.
    """

    product: str
    base_url: str | None
    channels: Channels
    releases: tuple[PublishedRelease, ...]
    heads: Mapping[str, Version] = field(hash=False)
    generated_at: datetime
    artifact_base: str = "../"
    feed_authority: str = "releases.invalid,2026"
    freezes: Mapping[str, tuple[Stop, ...]] = field(default_factory=dict, hash=False)
    support: Mapping[str, Support] = field(default_factory=dict, hash=False)
    retired: frozenset[str] = frozenset()
    issues: tuple[KnownIssue, ...] = ()
    rollouts: Mapping[str, Rollout] = field(default_factory=dict, hash=False)
    mirrors: tuple[MirrorSite, ...] = ()
    keys: tuple[Key, ...] = ()
    floors: tuple[Floor, ...] = ()
    brand: Brand = field(default_factory=Brand)
    _by_version: Mapping[Version, PublishedRelease] = field(init=False, repr=False, compare=False)
    """The same releases, ascending: pages look them up far more often than there are releases."""

    def __post_init__(self) -> None:
        ascending = sorted(self.releases, key=lambda item: item.release.version)
        object.__setattr__(self, "_by_version", {item.release.version: item for item in ascending})
        check_utc("generated_at", self.generated_at)
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
        self._check_channels()

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

    def _check_channels(self) -> None:
        for name in self.freezes:
            self.channels.get(name)
        for name, support in self.support.items():
            if support.stream_of in self.support or self.channels.rank(name) > self.channels.rank(
                support.stream_of
            ):
                raise InputError(
                    f"channel {name!r}: expected a stream of a channel that comes after it and is no stream,"
                    f" found {support.stream_of!r}"
                )
        for family in {support.stream_of for support in self.support.values()}:
            opened = [self.support[name].opened for name in self.streams(family)]
            if any(newer < older for older, newer in pairwise(opened)):
                raise InputError(f"channel {family!r}: its streams are not in the order in which they opened")

    def find(self, version: Version) -> PublishedRelease | None:
        """The release of that version, or None."""
        return self._by_version.get(version)

    def on_channel(self, name: str, version: Version) -> ChannelEntry | None:
        """When the channel began to offer the version, or None."""
        published = self.find(version)
        return None if published is None else published.entry(name)

    def current(self, name: str) -> PublishedRelease | None:
        """The release that the channel points to, or None. It may be withdrawn."""
        version = self.heads.get(name)
        return None if version is None else self.find(version)

    def is_withdrawn(self, version: Version) -> bool:
        """Whether there is a release of that version, and it is withdrawn."""
        published = self.find(version)
        return published is not None and bool(published.withdrawn)

    def frozen(self, name: str) -> tuple[Stop, ...]:
        """The freezes of a channel that stand, the first one first."""
        return standing(self.freezes.get(name, ()))

    def inherited(self, name: str) -> tuple[Stop, ...]:
        """Freezes of a stream, lifted ones too, that were ordered for the channel that it is a stream of."""
        support = self.support.get(name)
        return () if support is None else self.freezes.get(support.stream_of, ())

    def streams(self, name: str) -> tuple[str, ...]:
        """The streams of a channel, the oldest first."""
        return tuple(
            channel.name
            for channel in self.channels
            if (support := self.support.get(channel.name)) and support.stream_of == name
        )

    def supported(self, name: str) -> Support | None:
        """The support of a stream, or of the newest stream of the channel; None for other channels."""
        return self.support.get((self.streams(name) or (name,))[-1])

    def has_ended(self, name: str) -> bool:
        """Whether support of the channel had ended at ``generated_at``."""
        support = self.supported(name)
        return support is not None and support.ends <= self.generated_at

    def successor(self, name: str, version: Version) -> Version | None:
        """The next greater version that the channel has offered, whenever; None when there is none.

        Versions make the order, not times: machines go up, also where a fix of an old version came late.
        """
        ascending = tuple(self._by_version)
        later = islice(ascending, bisect_right(ascending, version), None)
        return next((other for other in later if self.on_channel(name, other)), None)

    def newest_first(self) -> tuple[PublishedRelease, ...]:
        """All releases, the highest version first."""
        return tuple(self._by_version.values())[::-1]

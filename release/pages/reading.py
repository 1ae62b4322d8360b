"""What pages of releases need of the whole site, found once: who was offered what, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from release.bundle.change import Change
from release.catalog.version import Version
from release.notes.changes import channel_changes, library_of
from release.pages.corrected import told_now
from release.pages.records import AnyRelease, PublishedRelease
from release.pages.site import Site


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A site, and by channel what it offered, the lowest version first."""

    site: Site
    offered: Mapping[str, tuple[PublishedRelease, ...]] = field(hash=False)

    @classmethod
    def of(cls, site: Site) -> Reading:
        """Read a site."""
        ascending = site.newest_first()[::-1]
        return cls(
            site=site,
            offered={
                channel.name: tuple(one for one in ascending if one.entry(channel.name))
                for channel in site.channels
            },
        )

    @cached_property
    def library(self) -> Mapping[str, Change]:
        """The words of all changes, by id, as notes read now."""
        return library_of(told_now(self.site).values())

    @cached_property
    def boards(self) -> Mapping[str, frozenset[str]]:
        """By channel, the boards of any of its releases; architectures where no more is known."""
        return {
            name: frozenset(board for one in releases for board in boards_of(one.release))
            for name, releases in self.offered.items()
        }

    @cached_property
    def rebuilt(self) -> Mapping[Version, tuple[Version, ...]]:
        """By release, those that derive from it, the lowest first."""
        found: dict[Version, list[Version]] = {}
        for one in reversed(self.site.newest_first()):
            origin = one.release.lineage.derives_from
            if origin is not None:
                found.setdefault(origin, []).append(one.release.version)
        return {version: tuple(versions) for version, versions in found.items()}

    def beside(
        self, channel: str, version: Version
    ) -> tuple[PublishedRelease | None, PublishedRelease | None]:
        """What the channel offered before and after a release of it, by version."""
        releases = self.offered[channel]
        place = next(n for n, one in enumerate(releases) if one.release.version == version)
        return (
            releases[place - 1] if place else None,
            releases[place + 1] if place + 1 < len(releases) else None,
        )

    def news(self, published: PublishedRelease, channel: str) -> tuple[Change, ...]:
        """What the release brought to a channel that offers, or offered, it.

        What only withdrawn releases told is news: a few machines took them, most did not.
        """
        return self._changes(published, self.before(published, channel))

    def told_again(self, published: PublishedRelease) -> tuple[Change, ...]:
        """What machines of the channel that the release was built for must be told, and notes may lack.

        Notes are made from what was released before; where that was withdrawn later, they do not repeat what
        it asked for.
        """
        channel = published.release.channel
        if published.is_imported or published.entry(channel) is None:
            return ()
        earlier = self._earlier(published, channel)
        if not any(one.withdrawn for one in earlier):
            return ()
        known = {change.id for change in self._changes(published, earlier)}
        news = self.news(published, channel)
        return tuple(one for one in news if one.kind.must_be_told and one.id not in known)

    def before(self, published: PublishedRelease, channel: str) -> tuple[PublishedRelease, ...]:
        """What machines of a channel may come from: lower versions that it offered, the lowest first.

        Not those that it began to offer later, nor those that are withdrawn.
        """
        return tuple(one for one in self._earlier(published, channel) if not one.withdrawn)

    def _earlier(self, published: PublishedRelease, channel: str) -> list[PublishedRelease]:
        own, version = published.entry(channel), published.release.version
        return [
            one
            for one in self.offered[channel]
            if one.release.version < version
            and own is not None
            and (entry := one.entry(channel)) is not None
            and entry.since <= own.since
        ]

    def _changes(self, published: PublishedRelease, before: Iterable[PublishedRelease]) -> tuple[Change, ...]:
        now = told_now(self.site)
        previous = [now[one.release.version] for one in before]
        return channel_changes(now[published.release.version], previous, self.library)

    def main_channel(self, published: PublishedRelease) -> str | None:
        """The most settled channel that has the release; of a channel with streams the stream."""
        names = [name for name in reversed(tuple(self.offered)) if published.entry(name)]
        main = next(iter(names), None)
        streams = [name for name in names if main and name.startswith(f"{main}-")]
        return streams[0] if streams else main


def boards_of(release: AnyRelease) -> tuple[str, ...]:
    """Boards by name; architectures where no more is known."""
    return tuple(str(board.board) for board in release.boards) or getattr(release, "architectures", ())

"""What pages of releases need of the whole site, found once: who was offered what, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from release.bundle.change import Change
from release.catalog.version import Version
from release.notes.changes import channel_changes, library_of
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
        """The words of all changes, by id."""
        return library_of(one.release for one in self.site.releases)

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
        """What the release brought to a channel that offers, or offered, it."""
        releases = self.offered[channel]
        since = {one.release.version: entry.since for one in releases if (entry := one.entry(channel))}
        begun = since[published.release.version]
        earlier = [one.release for one in releases if since[one.release.version] < begun]
        earlier.sort(key=lambda release: (since[release.version], release.version))
        return channel_changes(published.release, earlier, self.library)

    def main_channel(self, published: PublishedRelease) -> str | None:
        """The most settled channel that has the release; of a channel with streams the stream."""
        names = [name for name in reversed(tuple(self.offered)) if published.entry(name)]
        main = next(iter(names), None)
        streams = [name for name in names if main and name.startswith(f"{main}-")]
        return streams[0] if streams else main


def boards_of(release: AnyRelease) -> tuple[str, ...]:
    """Boards by name; architectures where no more is known."""
    return tuple(str(board.board) for board in release.boards) or getattr(release, "architectures", ())

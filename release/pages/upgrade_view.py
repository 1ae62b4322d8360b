"""View models of the way to a release: straight, or with stop-overs, and on from it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from release.pages import addresses
from release.pages.links import Link, known_link
from release.pages.records import Floor, PublishedRelease
from release.pages.site import Site
from release.pages.standings import is_current, settled_first
from release.pages.wording import channel_title, listing


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOver:
    """A release that older machines of a channel pass through first. ``is_this``: it is the page's own."""

    title: str
    via: Link
    reason: str
    is_this: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeView:
    """How machines come to the release. ``direct`` are channels without a stop-over, in words.

    ``onward`` tells what lies between it and what its channels are at, where one of them is at another.
    """

    direct: str
    stops: tuple[StopOver, ...]
    onward: Link | None


def upgrade_view(site: Site, published: PublishedRelease, page: str) -> UpgradeView:
    """The way to a release in each channel that offers or offered it, the most settled first."""
    version = published.release.version
    entries = settled_first(site, published)
    stops = [
        _stop(site, floor, published, page)
        for entry in entries
        for floor in site.floors
        if floor.channel == entry.name and floor.version <= version
    ]
    with_stops = {floor.channel for floor in site.floors if floor.version <= version}
    is_left = any(not is_current(site, published, entry) for entry in entries)
    return UpgradeView(
        direct=listing([channel_title(entry.name) for entry in entries if entry.name not in with_stops]),
        stops=tuple(stops),
        onward=Link(
            addresses.from_page(page, addresses.from_version_page(version)), f"What changed since {version}"
        )
        if is_left
        else None,
    )


def _stop(site: Site, floor: Floor, published: PublishedRelease, page: str) -> StopOver:
    return StopOver(
        title=channel_title(floor.channel),
        via=known_link(site, floor.version, page) or Link("", str(floor.version)),
        reason=floor.reason,
        is_this=floor.version == published.release.version,
    )

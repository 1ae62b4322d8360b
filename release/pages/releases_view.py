"""View models of the page of all releases. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from release.pages import addresses
from release.pages.links import Link
from release.pages.rows import ReleaseTable, release_table
from release.pages.site import Site
from release.pages.view import Frame, frame
from release.pages.wording import channel_title, counted


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasesView:
    """All releases, the highest version first. ``channels`` leads to the pages of single channels.

    ``names`` are name and title of each, to choose from. Sizes of updates are told on the pages of channels.
    """

    frame: Frame
    count: str
    channels: tuple[Link, ...]
    names: tuple[tuple[str, str], ...]
    table: ReleaseTable


def releases_view(site: Site) -> ReleasesView:
    """Everything on the page of all releases."""
    page = addresses.RELEASES
    count = counted(len(site.releases), "release")
    return ReleasesView(
        frame=frame(
            site,
            page,
            title=f"All releases - {site.product}",
            description=f"{count} of {site.product}, of every channel, the newest version first.",
        ),
        count=count,
        channels=tuple(
            Link(addresses.from_page(page, addresses.channel_page(channel.name)), channel_title(channel.name))
            for channel in reversed(tuple(site.channels))
        ),
        names=tuple(
            (channel.name, channel_title(channel.name)) for channel in reversed(tuple(site.channels))
        ),
        table=replace(release_table(site, site.newest_first(), page), has_updates=False),
    )

"""View model of the page of channels and the end of their support, and the same as a calendar. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from release.catalog.channel import Channel
from release.pages import addresses
from release.pages.calendar import Event, calendar
from release.pages.links import Link, release_link
from release.pages.notices import successor
from release.pages.site import Site
from release.pages.standings import Level, Mark
from release.pages.streams import support_mark
from release.pages.view import Frame, frame, last_day
from release.pages.wording import Time, channel_title, listing, rfc3339, time_of

WARNED_BEFORE = timedelta(days=90)
"""How long before the end of support the calendar speaks up first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRow:
    """One channel or stream. ``ends`` is the last day with support.

    ``then`` is the stream to go on with, where there is a newer one.
    """

    title: str
    href: str
    current: Link | None
    opened: Time | None
    ends: Time | None
    state: Mark
    then: Link | None
    sources: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorRow:
    """A release that older machines of a channel must pass through."""

    channel: str
    release: Link
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportView:
    """The page. ``calendar`` is empty where no end of support is known."""

    frame: Frame
    rows: tuple[SupportRow, ...]
    floors: tuple[FloorRow, ...]
    calendar: str


def support_view(site: Site) -> SupportView:
    """Channels and streams, the most settled first; then those that are retired, by name."""
    active = [channel for channel in reversed(tuple(site.channels)) if channel.name not in site.retired]
    retired = [channel for channel in site.channels if channel.name in site.retired]
    ordered = [*active, *sorted(retired, key=lambda channel: channel.name, reverse=True)]
    return SupportView(
        frame=frame(
            site,
            addresses.END_OF_LIFE,
            title=f"Channels and support of {site.product}",
            description=_description(site),
        ),
        rows=tuple(_row(site, channel) for channel in ordered),
        floors=tuple(
            FloorRow(
                channel=channel_title(floor.channel),
                release=release_link(site, floor.version, addresses.END_OF_LIFE)
                if site.find(floor.version)
                else Link("", str(floor.version)),
                reason=floor.reason,
            )
            for floor in site.floors
        ),
        calendar=addresses.from_page(addresses.END_OF_LIFE, addresses.CALENDAR) if site.support else "",
    )


def support_calendar(site: Site) -> bytes:
    """Ends of support as iCalendar (RFC 5545): one event on the first day without, one 90 days before.

    Ids and stamps are of the data, so that who subscribes to it gets changes and no second copies.
    """
    return calendar(f"{site.product} support", _events(site))


def _events(site: Site) -> Iterator[Event]:
    authority = site.feed_authority.partition(",")[0].replace("@", ".")
    page = addresses.absolute(site, addresses.END_OF_LIFE)
    for name, support in sorted(site.support.items(), key=lambda item: (item[1].ends, item[0])):
        title = f"{site.product} {channel_title(name)}"
        newer = successor(site, name)
        advice = "" if newer is None else f" Move to {channel_title(newer)}."
        yield Event(
            uid=f"support-ends-soon-{name}@{authority}",
            stamp=support.opened,
            day=(support.ends - WARNED_BEFORE).date(),
            summary=f"{title}: support ends in 90 days",
            description=f"Support ends at {rfc3339(support.ends)}.{advice}",
            url=page,
        )
        yield Event(
            uid=f"support-ends-{name}@{authority}",
            stamp=support.opened,
            day=support.ends.date(),
            summary=f"{title}: no support from today on",
            description=f"Support ends at {rfc3339(support.ends)}.{advice}",
            url=page,
            alarm=timedelta(days=7),
        )


def _row(site: Site, channel: Channel) -> SupportRow:
    name, page = channel.name, addresses.END_OF_LIFE
    support, published = site.supported(name), site.current(name)
    newer = successor(site, name) if name in site.support else None
    return SupportRow(
        title=channel_title(name),
        href=addresses.from_page(page, addresses.channel_page(name)),
        current=None if published is None else release_link(site, published.release.version, page),
        opened=None if support is None else time_of(support.opened),
        ends=None if support is None else last_day(support.ends),
        state=_state(site, name),
        then=None
        if newer is None
        else Link(addresses.from_page(page, addresses.channel_page(newer)), channel_title(newer)),
        sources=_sources(site, channel),
    )


def _state(site: Site, name: str) -> Mark:
    if name in site.retired and not site.has_ended(name):
        return Mark(Level.WARN, "Retired")
    if site.supported(name) is not None:
        return support_mark(site, (site.streams(name) or (name,))[-1])
    if site.current(name) is None:
        return Mark(Level.PLAIN, "No release yet")
    return Mark(Level.GOOD, "Supported")


def _sources(site: Site, channel: Channel) -> str:
    """Where a channel's releases come from, in words."""
    if channel.name in site.retired:
        return "Gets no releases any more."
    if site.streams(channel.name):
        return f"Follows its newest stream, {channel_title(site.streams(channel.name)[-1])}."
    sources = listing([channel_title(name) for name in channel.feeds_from])
    return f"Releases come from {sources}." if sources else "Releases come from the build."


def _description(site: Site) -> str:
    ends = [
        f"{channel_title(name)} through {last_day(support.ends).day}"
        for name, support in sorted(site.support.items(), key=lambda item: (item[1].ends, item[0]))
        if not site.has_ended(name)
    ]
    return f"Supported: {listing(ends)}." if ends else "Which channels there are, and how long they last."

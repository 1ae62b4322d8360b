"""View models of a channel's page: what it is at, and every release that it ever offered. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from release.pages import addresses
from release.pages.links import Link, release_link
from release.pages.notices import Notice, channel_notices
from release.pages.records import PublishedRelease, standing
from release.pages.rows import ReleaseTable, release_table
from release.pages.site import Site
from release.pages.standings import Mark, RolloutView, issue_mark, marks, rollout_view
from release.pages.view import FeedLink, Frame, aside, feed_links, frame, last_day, stopped
from release.pages.wording import Time, channel_title, counted, listing, time_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """The page of one channel. ``current`` is None before its first release, then ``waiting`` says so.

    ``relatives`` are its streams, or what it is a stream of. ``support`` is its last day.
    """

    frame: Frame
    title: str
    crumbs: tuple[Link, ...]
    notices: tuple[Notice, ...]
    current: Link | None
    since: Time | None
    marks: tuple[Mark, ...]
    issues: Link | None
    rollout: RolloutView | None
    waiting: str
    retired: bool
    support: Time | None
    ended: bool
    relatives: tuple[Link, ...]
    is_stream: bool
    count: str
    table: ReleaseTable
    feeds: tuple[FeedLink, ...]
    release_list: str


def channel_view(site: Site, channel: str) -> ChannelView:
    """Everything on the page of ``channel``. The highest version comes first."""
    page, title = addresses.channel_page(channel), channel_title(channel)
    offered = [one for one in site.newest_first() if one.entry(channel)]
    published = site.current(channel)
    entry = published and published.entry(channel)
    held = not published or not entry or published.only_on_record or standing(entry.pauses)
    sources = listing([channel_title(name) for name in site.channels.get(channel).feeds_from])
    support = site.supported(channel)
    current = None if published is None else release_link(site, published.release.version, page)
    return ChannelView(
        frame=frame(
            site,
            page,
            title=f"{title} releases - {site.product}",
            description=_description(site, channel, len(offered)),
            channels=(channel,),
        ),
        title=title,
        crumbs=(Link(addresses.from_page(page, addresses.RELEASES), "Releases"),),
        notices=channel_notices(site, channel, page),
        current=current,
        since=time_of(entry.since) if entry else None,
        marks=marks(site, published, entry) if published and entry else (),
        issues=_issues(site, published, page),
        rollout=None if held else rollout_view(site, channel),
        waiting=f"Releases come here from {sources}." if sources else "Releases come here from the build.",
        retired=channel in site.retired,
        support=None if support is None else last_day(support.ends),
        ended=site.has_ended(channel),
        relatives=_relatives(site, channel, page),
        is_stream=channel in site.support,
        count=counted(len(offered), "release"),
        table=release_table(site, offered, page),
        feeds=feed_links(page, channel),
        release_list=addresses.from_page(page, addresses.release_list(channel)),
    )


def _description(site: Site, channel: str, count: int) -> str:
    head = None if channel in site.retired else site.current(channel)
    now = "" if head is None else f", currently {head.release.version}{aside(stopped(head, channel))}"
    return f"{channel_title(channel)} of {site.product}: {counted(count, 'release')}{now}."


def _issues(site: Site, published: PublishedRelease | None, page: str) -> Link | None:
    """How much is known to be wrong with what the channel is at."""
    mark = None if published is None else issue_mark(site, published.release.version)
    if published is None or mark is None:
        return None
    href = addresses.from_page(page, addresses.release_page(published.release.version))
    return Link(f"{href}#known-issues", mark.text)


def _relatives(site: Site, channel: str, page: str) -> tuple[Link, ...]:
    support = site.support.get(channel)
    names = reversed(site.streams(channel)) if support is None else (support.stream_of,)
    return tuple(Link(addresses.from_page(page, addresses.channel_page(n)), channel_title(n)) for n in names)

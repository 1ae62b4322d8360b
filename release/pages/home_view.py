"""View models of the home page: what each channel is at, and whether to take it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from release.catalog.channel import Channel
from release.pages import addresses
from release.pages.links import Link
from release.pages.notices import Notice, index_notices
from release.pages.records import ChannelEntry, Key, PublishedRelease, standing
from release.pages.rows import ReleaseTable, release_table
from release.pages.site import Site
from release.pages.standings import Mark, RolloutView, issue_mark, marks, rollout_view
from release.pages.streams import StreamRow, stream_rows
from release.pages.view import Frame, aside, board_names, fix_count, frame, kernel_version, last_day, stopped
from release.pages.wording import Time, channel_title, counted, listing, numbered, time_of

LATEST = 10
"""Releases that the home page lists."""

_PURPOSES = {"files": "Files", "payloads": "Update payloads", "ledger": "Ledger"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The release a channel points to. ``marks`` is what to know before taking it, the worst first.

    ``issues`` counts what is known to be wrong with it. ``stopped`` is ``withdrawn`` or ``paused`` where
    machines do not get it now, else empty. ``takeable`` unless it is withdrawn or its files are not there.
    """

    version: str
    href: str
    since: Time
    boards: str
    kernel: str | None
    fixes: str
    fixes_href: str | None
    marks: tuple[Mark, ...]
    issues: Link | None
    rollout: RolloutView | None
    withdrawn: bool
    stopped: str
    takeable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCard:
    """One channel; ``current`` is None before its first release, then ``waiting`` says so.

    ``stream`` is the stream that the channel follows, ``support`` that one's last day with support.
    """

    name: str
    title: str
    href: str
    current: Current | None
    waiting: str
    stream: Link | None
    support: Time | None
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A version to compare with: what a channel is at."""

    version: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """A key in one line. ``fingerprint`` is in groups of four digits."""

    purpose: str
    owner: str
    fingerprint: str
    expires: Time | None
    expired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeView:
    """The home page.

    ``lead`` is the most settled channel that has a release and is supported, and of channels without a
    date for that rather than of those with one; ``long_term`` is the most settled of these.
    """

    frame: Frame
    notices: tuple[Notice, ...]
    lead: ChannelCard | None
    long_term: ChannelCard | None
    streams: tuple[StreamRow, ...]
    cards: tuple[ChannelCard, ...]
    retired: tuple[tuple[Link, str], ...]
    choices: tuple[Choice, ...]
    example: str
    """A version that somebody may run."""
    latest: ReleaseTable
    all_releases: Link
    compare: str
    lookup: str
    keys: tuple[KeyLine, ...]
    keys_page: str
    feeds: tuple[Link, ...]
    feeds_page: str
    documents: tuple[Link, ...]


def home_view(site: Site) -> HomeView:
    """Everything on the home page.

    The lead comes first, then the most settled channel, channels without a release last; streams have a
    table of their own when there are several, and what is retired one line.
    """
    page = addresses.INDEX
    lead, long_term = _leads(_cards(site))
    cards = tuple(sorted(_cards(site), key=lambda card: card != lead))
    current = [_headline(card.title, card.current) for card in cards if card.current]
    count, streams = len(site.releases), stream_rows(site)
    return HomeView(
        frame=frame(
            site,
            page,
            title=f"{site.product} releases",
            description=f"Current: {listing(current)}." if current else "No channel has a release yet.",
            channels=() if lead is None else (lead.name,),
        ),
        notices=index_notices(site),
        lead=lead,
        long_term=long_term,
        streams=streams if len(streams) > 1 else (),
        cards=cards,
        retired=_retired(site),
        choices=tuple(
            Choice(version=card.current.version, text=_headline(card.title, card.current))
            for card in cards
            if card.current and not card.current.withdrawn
        ),
        example=_example(site, lead),
        latest=release_table(site, _latest(site), page),
        all_releases=Link(
            addresses.RELEASES, f"All {counted(count, 'release')}" if count > 1 else "All releases"
        ),
        compare=addresses.COMPARE,
        lookup=addresses.CVES,
        keys=tuple(_key(site, label, key) for label, key in _labelled(site)),
        keys_page=addresses.KEYS,
        feeds=_feeds(site),
        feeds_page=addresses.FEEDS,
        documents=(
            Link(addresses.MACHINE_INDEX, "index.json"),
            Link(addresses.release_list(None), "releases.json"),
            Link(addresses.FEEDS, "all of them"),
        ),
    )


def grouped(fingerprint: str) -> str:
    """Hexadecimal digits by four, as people compare them."""
    digits = fingerprint.upper()
    return " ".join(digits[place : place + 4] for place in range(0, len(digits), 4))


def channel_order(site: Site) -> tuple[Channel, ...]:
    """Channels that get releases and are no streams, the most settled first."""
    named = [channel for channel in site.channels if channel.name not in site.support]
    return tuple(channel for channel in reversed(named) if channel.name not in site.retired)


def _leads(cards: tuple[ChannelCard, ...]) -> tuple[ChannelCard | None, ChannelCard | None]:
    having = [card for card in cards if card.current]
    alive = [card for card in having if not card.ended] or having
    plain = [card for card in alive if card.support is None]
    lead = next(iter(plain or alive), None)
    return lead, next((card for card in alive if card.support and card is not lead and not card.ended), None)


def _cards(site: Site) -> tuple[ChannelCard, ...]:
    found = (_card(site, channel) for channel in channel_order(site))
    return tuple(sorted(found, key=lambda card: card.current is None))


def _headline(title: str, current: Current) -> str:
    return f"{title} {current.version}{aside(current.stopped)}"


def _card(site: Site, channel: Channel) -> ChannelCard:
    published = site.current(channel.name)
    entry = None if published is None else published.entry(channel.name)
    sources = listing([channel_title(name) for name in channel.feeds_from])
    newest = (site.streams(channel.name) or (None,))[-1]
    support = site.supported(channel.name)
    return ChannelCard(
        name=channel.name,
        title=channel_title(channel.name),
        href=addresses.channel_page(channel.name),
        current=None if published is None or entry is None else _current(site, published, entry),
        waiting=f"Releases come here from {sources}." if sources else "Releases come here from the build.",
        stream=None if newest is None else Link(addresses.channel_page(newest), channel_title(newest)),
        support=None if support is None else last_day(support.ends),
        ended=site.has_ended(channel.name),
    )


def _current(site: Site, published: PublishedRelease, entry: ChannelEntry) -> Current:
    release = published.release
    href, fixes = addresses.release_page(release.version), fix_count(published)
    issues = issue_mark(site, release.version)
    held = published.only_on_record or standing(entry.pauses)
    return Current(
        version=str(release.version),
        href=href,
        since=time_of(entry.since),
        boards=board_names(release),
        kernel=kernel_version(release),
        fixes=str(fixes) if fixes else "none listed",
        fixes_href=f"{href}#security" if fixes else None,
        marks=marks(site, published, entry),
        issues=None if issues is None else Link(f"{href}#known-issues", issues.text),
        rollout=None if held else rollout_view(site, entry.name),
        withdrawn=bool(published.withdrawn),
        stopped=stopped(published, entry.name),
        takeable=not (published.only_on_record or published.is_imported),
    )


def _example(site: Site, lead: ChannelCard | None) -> str:
    """What the lead offered before what it is at, when there is such a release."""
    offered = [one.release.version for one in site.newest_first() if lead and one.entry(lead.name)]
    return str(offered[min(1, len(offered) - 1)]) if offered else ""


def _retired(site: Site) -> tuple[tuple[Link, str], ...]:
    """Channels that are only on record, the most settled first, and how many releases each has."""
    return tuple(
        (
            Link(addresses.channel_page(channel.name), channel_title(channel.name)),
            counted(sum(one.entry(channel.name) is not None for one in site.releases), "release"),
        )
        for channel in reversed(tuple(site.channels))
        if channel.name in site.retired
    )


def _latest(site: Site) -> list[PublishedRelease]:
    """Those that a channel began to offer last, the newest first; one in several channels is one."""
    offered = [one for one in site.newest_first() if one.channels]
    offered.sort(key=lambda one: min(entry.since for entry in one.channels), reverse=True)
    return offered[:LATEST]


def _labelled(site: Site) -> tuple[tuple[str, Key], ...]:
    return numbered([(_PURPOSES.get(key.purpose, key.purpose), key) for key in site.keys])


def _key(site: Site, label: str, key: Key) -> KeyLine:
    return KeyLine(
        purpose=label,
        owner=key.owner,
        fingerprint=grouped(key.fingerprint),
        expires=None if key.expires is None else time_of(key.expires),
        expired=key.expires is not None and key.expires <= site.generated_at,
    )


def _feeds(site: Site) -> tuple[Link, ...]:
    names = [None, *(channel.name for channel in channel_order(site))]
    return tuple(
        Link(addresses.feed(name), "All channels" if name is None else channel_title(name)) for name in names
    )

"""View models of the index: strings and numbers ready to print, so that templates decide nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from release.bundle.release import BoardRelease, PayloadRecord
from release.catalog.channel import Channel
from release.notes.imported import ImportedRelease
from release.pages import addresses
from release.pages.links import Link
from release.pages.notices import Notice, index_notices
from release.pages.records import AnyRelease, ChannelEntry, PublishedRelease
from release.pages.site import Site
from release.pages.standings import Mark, Standing, marks, standings
from release.pages.streams import StreamRow, stream_rows
from release.pages.wording import Time, channel_title, counted, listing, share, size, span, time_of

_NONE = "\N{EN DASH}"
"""What a table shows where there is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every page has around its content. ``root`` leads to the root of the pages ("", "../../")."""

    product: str
    title: str
    description: str
    root: str
    canonical: str | None
    feeds: tuple[Link, ...]
    generated: Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The release a channel points to. ``marks`` is what to know before taking it, the worst first."""

    version: str
    href: str
    since: Time
    boards: str
    kernel: str | None
    download: str
    update: str | None
    marks: tuple[Mark, ...]
    withdrawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCard:
    """One channel; ``current`` is None before its first release, then ``waiting`` says so.

    ``stream`` is the stream that the channel follows, ``support`` when that one's support ends.
    """

    name: str
    title: str
    current: Current | None
    waiting: str
    stream: Link | None
    support: Time | None
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow:
    """One line of the list of releases. ``standings`` is empty before the first promotion."""

    version: str
    href: str
    withdrawn: bool
    standings: tuple[Standing, ...]
    created: Time
    boards: str
    kernel: str
    full: str
    delta: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexView:
    """The index page. ``lead`` is the most settled channel that has a release and is supported."""

    frame: Frame
    notices: tuple[Notice, ...]
    lead: ChannelCard | None
    streams: tuple[StreamRow, ...]
    cards: tuple[ChannelCard, ...]
    rows: tuple[ReleaseRow, ...]
    documents: tuple[Link, ...]


def index_view(site: Site) -> IndexView:
    """Everything on the index page.

    The most settled channel comes first, channels without a release last; streams have a table of
    their own. Of releases the highest version comes first.
    """
    page = addresses.INDEX
    cards = _cards(site)
    with_release = [card for card in cards if card.current]
    lead = next((card for card in with_release if not card.ended), next(iter(with_release), None))
    current = [_headline(card.title, card.current) for card in cards if card.current]
    return IndexView(
        frame=frame(
            site,
            page,
            title=f"{site.product} releases",
            description=f"Current: {listing(current)}." if current else "No channel has a release yet.",
        ),
        notices=index_notices(site),
        lead=lead,
        streams=stream_rows(site),
        cards=cards,
        rows=tuple(_row(site, published, page) for published in site.newest_first()),
        documents=(
            Link(addresses.MACHINE_INDEX, "index.json"),
            Link(addresses.release_list(None), "releases.json"),
            *(
                Link(addresses.release_list(channel.name), f"releases-{channel.name}.json")
                for channel in site.channels
            ),
        ),
    )


def frame(site: Site, page: str, *, title: str, description: str) -> Frame:
    """The surroundings of ``page``."""
    names: list[str | None] = [None, *reversed([channel.name for channel in site.channels])]
    return Frame(
        product=site.product,
        title=title,
        description=description,
        root=addresses.from_page(page, ""),
        canonical=addresses.absolute(site, page),
        feeds=tuple(
            Link(
                addresses.from_page(page, addresses.feed(name)),
                "All channels" if name is None else channel_title(name),
            )
            for name in names
        ),
        generated=time_of(site.generated_at),
    )


def kernel_version(release: AnyRelease) -> str | None:
    """The version of the software called ``kernel``, the last one when there are several."""
    return next((item.version for item in reversed(release.software) if item.name == "kernel"), None)


def full_payload(board: BoardRelease) -> PayloadRecord | None:
    """The payload that needs nothing on the machine."""
    return next((payload for payload in board.payloads if payload.source is None), None)


def board_names(release: AnyRelease) -> str:
    """``amd64-usr and arm64-usr``; architectures where no more is known."""
    if isinstance(release, ImportedRelease):
        return listing(list(release.architectures))
    return listing([str(board.board) for board in release.boards])


def _cards(site: Site) -> tuple[ChannelCard, ...]:
    named = [channel for channel in site.channels if channel.name not in site.support]
    return tuple(
        sorted((_card(site, channel) for channel in reversed(named)), key=lambda card: card.current is None)
    )


def _headline(title: str, current: Current) -> str:
    return f"{title} {current.version}{' (withdrawn)' if current.withdrawn else ''}"


def _card(site: Site, channel: Channel) -> ChannelCard:
    published = site.current(channel.name)
    entry = None if published is None else published.entry(channel.name)
    sources = listing([channel_title(name) for name in channel.feeds_from])
    newest = (site.streams(channel.name) or (None,))[-1]
    support = site.supported(channel.name)
    return ChannelCard(
        name=channel.name,
        title=channel_title(channel.name),
        current=None if published is None or entry is None else _current(site, published, entry),
        waiting=f"Releases come here from {sources}." if sources else "Releases come here from the build.",
        stream=None if newest is None else Link(f"#channel-{newest}", channel_title(newest)),
        support=None if support is None else time_of(support.ends),
        ended=site.has_ended(channel.name),
    )


def _current(site: Site, published: PublishedRelease, entry: ChannelEntry) -> Current:
    release = published.release
    return Current(
        version=str(release.version),
        href=addresses.release_page(release.version),
        since=time_of(entry.since),
        boards=board_names(release),
        kernel=kernel_version(release),
        download=_download(release) or "no update payloads",
        update=_smallest_delta(release),
        marks=marks(site, published, entry),
        withdrawn=bool(published.withdrawn),
    )


def _row(site: Site, published: PublishedRelease, page: str) -> ReleaseRow:
    release = published.release
    return ReleaseRow(
        version=str(release.version),
        href=addresses.release_page(release.version),
        withdrawn=bool(published.withdrawn),
        standings=standings(site, published, page),
        created=time_of(release.created),
        boards=board_names(release),
        kernel=kernel_version(release) or _NONE,
        full=_download(release) or _NONE,
        delta=_smallest_delta(release) or _NONE,
    )


def _download(release: AnyRelease) -> str | None:
    """The size of a full update: of the only board, or from the smallest to the largest."""
    sizes = [full.artifact.size for board in release.boards if (full := full_payload(board))]
    return span([size(count) for count in sorted(sizes)]) if sizes else None


def _smallest_delta(release: AnyRelease) -> str | None:
    """The best case of an update: each board's smallest delta, and what part of the full one it is."""
    found = []
    for board in release.boards:
        full = full_payload(board)
        deltas = [payload.artifact.size for payload in board.payloads if payload.source is not None]
        if deltas:
            found.append((min(deltas), full.artifact.size if full else None))
    if not found:
        return None
    text = span([size(count) for count, _ in sorted(found, key=lambda pair: pair[0])])
    if len(found) == 1 and found[0][1]:
        return f"{text} ({share(found[0][0], found[0][1])})"
    return text


def summary(release: AnyRelease, channel: str) -> str:
    """One sentence for feeds and descriptions."""
    kernel = kernel_version(release)
    parts = [f"for {board_names(release)}"]
    if kernel:
        parts.append(f"kernel {kernel}")
    deltas = sum(payload.source is not None for board in release.boards for payload in board.payloads)
    if deltas:
        parts.append(counted(deltas, "delta update"))
    return f"{channel_title(channel)} {release.version} {', '.join(parts)}."

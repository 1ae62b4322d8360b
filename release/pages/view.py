"""View models of the index: strings and numbers ready to print, so that templates decide nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from release.bundle.release import BoardRelease, PayloadRecord, Release
from release.catalog.channel import Channel
from release.pages import addresses
from release.pages.site import ChannelEntry, PublishedRelease, Site
from release.pages.wording import Time, channel_title, counted, listing, share, size, span, time_of

_NONE = "\N{EN DASH}"
"""What a table shows where there is nothing."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link on one page."""

    href: str
    text: str


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
class Assurance:
    """Whether a release may be taken, in a few words. ``good`` is the colour, ``text`` the statement."""

    good: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The release a channel points to."""

    version: str
    href: str
    since: Time
    boards: str
    kernel: str | None
    download: str
    update: str | None
    assurance: Assurance


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCard:
    """One channel; ``current`` is None before its first release, then ``waiting`` says so."""

    name: str
    title: str
    current: Current | None
    waiting: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a release stands with one channel. ``superseded_by`` is None where it is current."""

    title: str
    since: Time
    superseded_by: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow:
    """One line of the list of releases. ``standings`` is empty before the first promotion."""

    version: str
    href: str
    standings: tuple[Standing, ...]
    created: Time
    boards: str
    kernel: str
    full: str
    delta: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexView:
    """The index page. ``lead`` is the most settled channel that has a release."""

    frame: Frame
    lead: ChannelCard | None
    cards: tuple[ChannelCard, ...]
    rows: tuple[ReleaseRow, ...]
    documents: tuple[Link, ...]


def index_view(site: Site) -> IndexView:
    """Everything on the index page.

    The most settled channel comes first, channels without a release last; of releases the highest
    version comes first.
    """
    page = addresses.INDEX
    cards = tuple(
        sorted(
            (_card(site, channel) for channel in reversed(tuple(site.channels))),
            key=lambda card: card.current is None,
        )
    )
    lead = next((card for card in cards if card.current), None)
    current = [f"{card.title} {card.current.version}" for card in cards if card.current]
    return IndexView(
        frame=frame(
            site,
            page,
            title=f"{site.product} releases",
            description=f"Current: {listing(current)}." if current else "No channel has a release yet.",
        ),
        lead=lead,
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


def standings(site: Site, published: PublishedRelease, page: str) -> tuple[Standing, ...]:
    """How the release stands with every channel that has offered it, the most settled first."""
    entries = sorted(published.channels, key=lambda entry: site.channels.rank(entry.name), reverse=True)
    return tuple(_standing(site, published.release, entry, page) for entry in entries)


def assurance(release: Release) -> Assurance:
    """What ``release.json`` says was done to the payloads. It repeats a record and verifies nothing."""
    payloads = [payload for board in release.boards for payload in board.payloads]
    if not payloads:
        return Assurance(good=False, text="No update payloads")
    if not all(payload.proven for payload in payloads):
        return Assurance(good=False, text="Not all proven")
    if not all(payload.signatures for payload in payloads):
        return Assurance(good=False, text="Not all signed")
    return Assurance(good=True, text="Signed and proven")


def kernel_version(release: Release) -> str | None:
    """The version of the software called ``kernel``, the last one when there are several."""
    return next((item.version for item in reversed(release.software) if item.name == "kernel"), None)


def full_payload(board: BoardRelease) -> PayloadRecord | None:
    """The payload that needs nothing on the machine."""
    return next((payload for payload in board.payloads if payload.source is None), None)


def board_names(release: Release) -> str:
    """``amd64-usr and arm64-usr``."""
    return listing([str(board.board) for board in release.boards])


def _card(site: Site, channel: Channel) -> ChannelCard:
    version = site.heads.get(channel.name)
    published = None if version is None else site.find(version)
    entry = None if published is None else published.entry(channel.name)
    sources = listing([channel_title(name) for name in channel.feeds_from])
    return ChannelCard(
        name=channel.name,
        title=channel_title(channel.name),
        current=None if published is None or entry is None else _current(published.release, entry),
        waiting=f"Releases come here from {sources}." if sources else "Releases come here from the build.",
    )


def _current(release: Release, entry: ChannelEntry) -> Current:
    return Current(
        version=str(release.version),
        href=addresses.release_page(release.version),
        since=time_of(entry.since),
        boards=board_names(release),
        kernel=kernel_version(release),
        download=_download(release) or "no update payloads",
        update=_smallest_delta(release),
        assurance=assurance(release),
    )


def _row(site: Site, published: PublishedRelease, page: str) -> ReleaseRow:
    release = published.release
    return ReleaseRow(
        version=str(release.version),
        href=addresses.release_page(release.version),
        standings=standings(site, published, page),
        created=time_of(release.created),
        boards=board_names(release),
        kernel=kernel_version(release) or _NONE,
        full=_download(release) or _NONE,
        delta=_smallest_delta(release) or _NONE,
    )


def _standing(site: Site, release: Release, entry: ChannelEntry, page: str) -> Standing:
    head = site.heads.get(entry.name)
    newer = None
    if head is not None and head != release.version:
        newer = Link(addresses.from_page(page, addresses.release_page(head)), str(head))
    return Standing(channel_title(entry.name), time_of(entry.since), newer)


def _download(release: Release) -> str | None:
    """The size of a full update: of the only board, or from the smallest to the largest."""
    sizes = [full.artifact.size for board in release.boards if (full := full_payload(board))]
    return span([size(count) for count in sorted(sizes)]) if sizes else None


def _smallest_delta(release: Release) -> str | None:
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


def summary(release: Release, channel: str) -> str:
    """One sentence for feeds and descriptions."""
    kernel = kernel_version(release)
    parts = [f"for {board_names(release)}"]
    if kernel:
        parts.append(f"kernel {kernel}")
    deltas = sum(payload.source is not None for board in release.boards for payload in board.payloads)
    if deltas:
        parts.append(counted(deltas, "delta update"))
    return f"{channel_title(channel)} {release.version} {', '.join(parts)}."

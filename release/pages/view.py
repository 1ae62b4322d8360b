"""What every page has around its content, and what several pages say of a release. Pure.

View models are strings and numbers ready to print, so that templates decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from release.bundle.release import BoardRelease, PayloadRecord
from release.notes.cves import claimed_cves
from release.notes.imported import ImportedRelease
from release.pages import addresses
from release.pages.links import Link
from release.pages.records import AnyRelease, PublishedRelease, standing
from release.pages.site import Site
from release.pages.wording import Time, channel_title, counted, listing, time_of

_CHANNELS = f"{addresses.INDEX}#channels"
_NAVIGATION = (
    (_CHANNELS, "Channels"),
    (addresses.RELEASES, "Releases"),
    (addresses.CVES, "CVEs"),
    (addresses.COMPARE, "Compare"),
    (addresses.STATUS, "Status"),
    (addresses.FEEDS, "Feeds"),
)
_MORE = (
    (addresses.ISSUES, "Known issues"),
    (addresses.END_OF_LIFE, "Support dates"),
    (addresses.KEYS, "Signing keys"),
    (addresses.MACHINE_INDEX, "index.json"),
)


@dataclass(frozen=True, slots=True)
class NavItem:
    """A link of the frame. ``here`` is ``page`` on that page, ``true`` below it, else empty (ARIA)."""

    href: str
    text: str
    here: str = ""


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed that belongs to a page. ``kind`` is its media type."""

    href: str
    text: str
    kind: str = "application/atom+xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every page has around its content. ``root`` leads to the root of the pages ("", "../../").

    ``feeds`` are those that programs find by the page. ``more`` and ``links`` are at the foot. ``published``
    is when what the page tells of was published, for pages that tell of one thing. ``noindex`` keeps the
    page out of search engines.
    """

    product: str
    title: str
    description: str
    root: str
    canonical: str | None
    feeds: tuple[FeedLink, ...]
    generated: Time | None
    """When the data are from; None on pages that stay as they are until what they tell changes."""
    nav: tuple[NavItem, ...] = ()
    more: tuple[NavItem, ...] = ()
    links: tuple[Link, ...] = ()
    tagline: str = ""
    published: Time | None = None
    noindex: bool = False


def frame(
    site: Site,
    page: str,
    *,
    title: str,
    description: str,
    channels: tuple[str, ...] = (),
    published: datetime | None = None,
    noindex: bool = False,
    lasting: bool = False,
) -> Frame:
    """The surroundings of ``page``. Programs find by it the feeds of all and of ``channels``.

    ``lasting`` leaves out when the data are from, so that a page that tells of one thing stays as it is, byte
    for byte, until something happens to that.
    """
    root = addresses.from_page(page, "")
    return Frame(
        product=site.product,
        title=title,
        description=description,
        root=root,
        canonical=addresses.absolute(site, page),
        feeds=tuple(feed for name in (None, *channels) for feed in feed_links(page, name)),
        generated=None if lasting else time_of(site.generated_at),
        nav=navigation(root, page),
        more=_items(_MORE, root, page),
        links=_brand_links(site),
        tagline=site.brand.tagline,
        published=None if published is None else time_of(published),
        noindex=noindex,
    )


def navigation(root: str, page: str = "") -> tuple[NavItem, ...]:
    """What leads around the site, from a page whose way to the root is ``root``."""
    return _items(_NAVIGATION, root, page)


def feed_links(page: str, channel: str | None) -> tuple[FeedLink, FeedLink]:
    """The feeds of a channel, or of all, as Atom and as JSON Feed."""
    title = "All channels" if channel is None else channel_title(channel)
    return (
        FeedLink(addresses.from_page(page, addresses.feed(channel)), title),
        FeedLink(
            addresses.from_page(page, addresses.json_feed(channel)), f"{title}, JSON", "application/feed+json"
        ),
    )


def _items(targets: tuple[tuple[str, str], ...], root: str, page: str) -> tuple[NavItem, ...]:
    return tuple(NavItem(root + target, text, _here(target, page)) for target, text in targets)


def _here(target: str, page: str) -> str:
    if target == page:
        return "page"
    folder = "channels" if target == _CHANNELS else target.rpartition("/")[0]
    return "true" if folder and page.startswith(f"{folder}/") else ""


def _brand_links(site: Site) -> tuple[Link, ...]:
    home = () if site.brand.home is None else (Link(site.brand.home, site.product),)
    return (*home, *(Link(href, text) for text, href in site.brand.links))


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


def fix_count(published: PublishedRelease) -> int:
    """How many CVEs the notes, as they read now, say are fixed; one in two packages is one."""
    return len(claimed_cves(published.notes))


def stopped(published: PublishedRelease, channel: str) -> str:
    """Why machines of a channel do not get it now: ``withdrawn``, ``paused``, or empty."""
    entry = published.entry(channel)
    return "withdrawn" if published.withdrawn else "paused" if entry and standing(entry.pauses) else ""


def aside(word: str) -> str:
    """What follows a version in plain text: `` (paused)``, or nothing for nothing."""
    return f" ({word})" if word else ""


def last_day(ends: datetime) -> Time:
    """The last day of what ends then (aware, UTC). "Until" a date reads as if that day belonged to it.

    Its ``text`` has the very end.
    """
    day = time_of(ends - timedelta(microseconds=1)).day
    return Time(iso=day, text=f"until {time_of(ends).text}", day=day)


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

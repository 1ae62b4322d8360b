"""View model of the page of feeds and documents: each with one line that says what it is for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from release.pages import addresses
from release.pages.links import Link
from release.pages.site import Site
from release.pages.view import Frame, frame
from release.pages.wording import channel_title


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One row: what it is about, its forms, and what is in it."""

    title: str
    forms: tuple[Link, ...]
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows that belong together."""

    anchor: str
    title: str
    meaning: str
    rows: tuple[Reading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedsView:
    """The page."""

    frame: Frame
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LostView:
    """The page for an address that leads nowhere. ``root`` is absolute, or empty when that is not known."""

    product: str
    root: str


def feeds_view(site: Site) -> FeedsView:
    """Every feed and every document for programs."""
    return FeedsView(
        frame=frame(
            site,
            addresses.FEEDS,
            title=f"Feeds and data of {site.product}",
            description="Atom and JSON feeds of every channel, and documents for programs.",
        ),
        groups=(
            Group(
                anchor="feeds",
                title="Feeds",
                meaning=(
                    "One entry whenever a channel gets a release. An entry is changed, with a new time, when"
                    " something befell the release or its notes were corrected. The newest 50 are there."
                ),
                rows=_feeds(site),
            ),
            Group(
                anchor="documents",
                title="For programs",
                meaning="Fields are only ever added. Times are UTC, as RFC 3339 has them.",
                rows=_documents(),
            ),
            Group(
                anchor="lists",
                title="Lists as Flatcar publishes them",
                meaning="An object by version, with channel, architectures, date, software and notes.",
                rows=_lists(site),
            ),
        ),
    )


def lost_view(site: Site) -> LostView:
    """Links of the page hold at any depth, since nobody knows at which address it is shown."""
    return LostView(product=site.product, root=site.base_url or "")


def _feeds(site: Site) -> tuple[Reading, ...]:
    names: tuple[str | None, ...] = (None, *reversed([channel.name for channel in site.channels]))
    return (
        *(_feed(name) for name in names),
        Reading(
            title="Security",
            forms=_both(addresses.SECURITY_FEED, addresses.SECURITY_JSON_FEED),
            meaning="Releases that fix something with a CVE id.",
        ),
        Reading(
            title="Events",
            forms=_both(addresses.EVENT_FEED, addresses.EVENT_JSON_FEED),
            meaning="Withdrawals, stops, corrections and ends of support.",
        ),
        *(
            [
                Reading(
                    title="Ends of support",
                    forms=(_link(addresses.CALENDAR, "iCalendar"),),
                    meaning="A day for each end of support, and one 90 days before.",
                )
            ]
            if site.support
            else []
        ),
    )


def _feed(name: str | None) -> Reading:
    return Reading(
        title="All channels" if name is None else channel_title(name),
        forms=_both(addresses.feed(name), addresses.json_feed(name)),
        meaning="Every release of every channel." if name is None else "Its releases.",
    )


def _documents() -> tuple[Reading, ...]:
    rows = (
        (
            "Index",
            addresses.MACHINE_INDEX,
            "Channels, what they are at, and every release with what befell it.",
        ),
        ("Table", addresses.MACHINE_TABLE, "The same in columns, for a shell."),
        ("API", addresses.API_INDEX, "Where the documents below api/v1/ are, and their JSON Schemas."),
        ("Channels", addresses.API_CHANNELS, "What each channel is at, its rollout and its support."),
        ("CVEs", addresses.API_CVES, "Ids, packages, and the release that first has the fix, by channel."),
    )
    return tuple(
        Reading(title=title, forms=(_link(target, target.rpartition("/")[2]),), meaning=meaning)
        for title, target, meaning in rows
    )


def _lists(site: Site) -> tuple[Reading, ...]:
    names: tuple[str | None, ...] = (None, *reversed([channel.name for channel in site.channels]))
    return tuple(
        Reading(
            title="All channels" if name is None else channel_title(name),
            forms=(_link(addresses.release_list(name), addresses.release_list(name).rpartition("/")[2]),),
            meaning="Every release." if name is None else "Its releases, and what it is at as current.",
        )
        for name in names
    )


def _both(atom: str, json_feed: str) -> tuple[Link, ...]:
    return _link(atom, "Atom"), _link(json_feed, "JSON Feed")


def _link(target: str, text: str) -> Link:
    return Link(addresses.from_page(addresses.FEEDS, target), text)

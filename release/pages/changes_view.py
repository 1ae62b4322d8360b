"""What changed with a release: what to act on, the notes, and what it brought to further channels. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from markupsafe import Markup

from release.bundle.change import Change, ChangeKind
from release.notes.changes import told_items
from release.notes.compose import HEADINGS
from release.notes.cves import cve_ids
from release.pages import addresses
from release.pages.links import Link, release_link
from release.pages.markdown import shown
from release.pages.notes_view import NotesPart, has_walls, notes_parts, without_walls
from release.pages.reading import Reading
from release.pages.records import PublishedRelease
from release.pages.wording import channel_title, counted

ROOM = 120
"""So many changes are told of a further channel; more of them on the page of what leads there only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Changes of one kind."""

    title: str
    html: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelNews:
    """What the release brought to a channel that it was not built for, since ``previous`` there.

    ``as_told``: just what its notes tell; then ``groups`` does not repeat it. ``elsewhere`` leads to where
    all of it is told, if there is no room for it here.
    """

    title: str
    previous: Link | None
    count: str
    as_told: bool
    groups: tuple[Group, ...]
    elsewhere: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesView:
    """Everything that changed. ``required`` is what people must reckon with, or do.

    ``since`` is the title of the only part of the notes, if it has one: then ``parts`` do not repeat it.
    ``has_walls`` when the notes have numbers in the place of many CVEs.
    """

    required: tuple[Group, ...]
    since: str
    parts: tuple[NotesPart, ...]
    has_walls: bool
    channels: tuple[ChannelNews, ...]


def changes_view(reading: Reading, published: PublishedRelease, page: str) -> ChangesView:
    """What changed, for those who come from the release before it in each of its channels.

    The notes tell that for the channel that the release was built for. To other channels it brought what
    they had not been told, which may be more.
    """
    news = {name: reading.news(published, name) for name in _further(reading, published)}
    everything = {
        change.id: change
        for told in (told_items(published.notes), *news.values(), reading.told_again(published))
        for change in told
    }
    required = sorted(
        (change for change in everything.values() if change.kind.must_be_told),
        key=lambda change: change.kind.rank,
    )
    parts = notes_parts(published)
    return ChangesView(
        required=_groups(required, frozenset()),
        since=parts[0].title if len(parts) == 1 else "",
        parts=parts if len(parts) > 1 else tuple(replace(part, title="") for part in parts),
        has_walls=has_walls(published),
        channels=tuple(_news(reading, published, name, told, page) for name, told in news.items()),
    )


def _further(reading: Reading, published: PublishedRelease) -> tuple[str, ...]:
    """Channels, the most settled first, but for the one the release was built for, and twins of streams."""
    if published.is_imported:
        return ()
    names = [name for name in reversed(tuple(reading.offered)) if published.entry(name)]
    twins = {name for name in names if any(other.startswith(f"{name}-") for other in names)}
    return tuple(name for name in names if name != published.release.channel and name not in twins)


def _news(
    reading: Reading, published: PublishedRelease, channel: str, told: tuple[Change, ...], page: str
) -> ChannelNews:
    before = next(reversed(reading.before(published, channel)), None)
    as_told = {change.id for change in told} == {change.id for change in told_items(published.notes)}
    listed = frozenset(cve_ids(published.notes))
    elsewhere = None
    if before is not None and len(told) > ROOM:
        way = addresses.from_version_page(before.release.version)
        elsewhere = Link(addresses.from_page(page, way), f"from {before.release.version} on")
    return ChannelNews(
        title=channel_title(channel),
        previous=None if before is None else release_link(reading.site, before.release.version, page),
        count=counted(len(told), "change"),
        as_told=as_told,
        groups=() if as_told or elsewhere else _groups(told, listed),
        elsewhere=elsewhere,
    )


def _groups(changes: Iterable[Change], listed: frozenset[str]) -> tuple[Group, ...]:
    """By kind; CVEs that are ``listed`` elsewhere on the page are counted."""
    return tuple(
        Group(
            title=_title(kind),
            html=shown(without_walls("\n".join(change.text for change in group), listed)),
        )
        for kind, group in groupby(changes, key=lambda change: change.kind)
    )


def _title(kind: ChangeKind) -> str:
    return HEADINGS[kind].strip("# :")

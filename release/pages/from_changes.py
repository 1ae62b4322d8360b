"""What a channel told with the releases after a version, each change once, and by which release."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from release.bundle.change import Change, ChangeKind
from release.bundle.release import Release
from release.catalog.version import Version
from release.notes.changes import changes_since, library_of, told_by
from release.pages import addresses
from release.pages.inline import item_html, plain
from release.pages.links import Link, release_link
from release.pages.offers import offered
from release.pages.once import Once
from release.pages.records import PublishedRelease
from release.pages.site import Site

TOLD = 12
"""Of so many releases, the newest, the changes are told in full; of older ones their number."""

LINES = 150
"""So many changes at most, unless the newest release alone has more."""

_TITLES = {
    ChangeKind.BUGFIXES: "Bug fixes",
    ChangeKind.CHANGES: "Changes",
    ChangeKind.UPDATES: "Updates",
}
_REQUIRED = frozenset({ChangeKind.BREAKING, ChangeKind.ACTION_REQUIRED})
_NAME = re.compile(r"[^(\n]{1,80}?(?= \()")


@dataclass(frozen=True, slots=True)
class Item:
    """A change and the release that brought it to the channel. Changes with the same ``key`` are the same."""

    kind: ChangeKind
    key: str
    html: Markup
    by: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Changes of one kind, the newest release's first."""

    name: str
    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """``required`` is what breaks or asks for action, of all releases.

    ``untold`` are older releases, with how many changes each has that are not told here.
    """

    required: tuple[Item, ...]
    groups: tuple[Group, ...]
    untold: tuple[tuple[Link, int], ...]


def told_of(site: Site, channel: str, gained: tuple[PublishedRelease, ...], page: str) -> Told:
    """What ``channel`` told with ``gained``, the lowest version first. CVEs are told elsewhere on the page.

    Of software that was updated several times only the newest update is told.
    """
    news = _all_news(site).get(channel, {})
    required: dict[str, Item] = {}
    found: dict[ChangeKind, dict[str, Item]] = {kind: {} for kind in _TITLES}
    told, untold = 0, []
    for place, one in enumerate(reversed(gained)):
        version = one.release.version
        items = news.get(version, ())
        # What is told again and again was brought by the first that told it.
        required.update((item.key, item) for item in items if item.kind in _REQUIRED)
        others = [item for item in items if item.kind in _TITLES]
        told += len(others)
        if place < TOLD and (place == 0 or told <= LINES):
            for item in others:
                found[item.kind].setdefault(item.key, item)
        elif others:
            told = LINES
            untold.append((release_link(site, version, page), len(others)))
    return Told(
        required=tuple(required.values()),
        groups=tuple(
            Group(name=kind.value, title=title, items=tuple(found[kind].values()))
            for kind, title in _TITLES.items()
            if found[kind]
        ),
        untold=tuple(untold),
    )


@Once
def _all_news(site: Site) -> Mapping[str, Mapping[Version, tuple[Item, ...]]]:
    """By channel and version, what each release was the first to tell there.

    Every page of this kind is as deep below the root as any other.
    """
    page = addresses.from_version_page(Version(0, 0, 0))
    library = library_of(published.release for published in site.newest_first())
    found: dict[str, dict[Version, tuple[Item, ...]]] = {}
    for channel, offers in offered(site).items():
        told, news = frozenset[str](), found.setdefault(channel, {})
        for release in (published.release for published in offers):
            by = release_link(site, release.version, page)
            news[release.version] = tuple(
                Item(change.kind, _key(change), item_html(change.text), by)
                for change in changes_since(told, release, library)
            )
            # As told_in says it: a record has everything, notes only what was new.
            recorded = isinstance(release, Release) and release.changes
            told = told_by(release) if recorded else told | told_by(release)
    return found


def _key(change: Change) -> str:
    """What makes an item the same: for updates the name of what was updated."""
    if change.kind is ChangeKind.UPDATES and (match := _NAME.match(plain(change.text))):
        return match[0].strip().lower()
    return change.id

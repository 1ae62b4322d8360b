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
from release.pages.corrected import told_now
from release.pages.inline import item_html, plain
from release.pages.links import Link, release_link
from release.pages.offers import offered
from release.pages.once import Once
from release.pages.records import PublishedRelease
from release.pages.site import Site

TOLD = 12
"""Of so many releases, the newest, the changes are told in full; of older ones their number."""

LINES = 60
"""Once so many changes are told, those of older releases are not."""

MOST = 250
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
    """A change and the release that brought it to the channel.

    Most are on no page, so nothing is made of them before it is asked for.
    """

    change: Change
    by: Link

    @property
    def kind(self) -> ChangeKind:
        """What kind of change it is."""
        return self.change.kind

    @property
    def html(self) -> Markup:
        """As a line."""
        return item_html(self.change.text)

    @property
    def key(self) -> str:
        """What makes it the same as another one: for updates the name of what was updated."""
        if self.kind is ChangeKind.UPDATES and (match := _NAME.match(plain(self.change.text))):
            return match[0].strip().lower()
        return self.change.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Changes of one kind, the newest release's first."""

    name: str
    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """``required`` is what breaks or asks for action, of all releases.

    ``untold`` is how many older releases there are whose other changes are not told here.
    """

    required: tuple[Item, ...]
    groups: tuple[Group, ...]
    untold: int


def told_of(site: Site, channel: str, gained: tuple[PublishedRelease, ...]) -> Told:
    """What ``channel`` told with ``gained``, the lowest version first. CVEs are told elsewhere on the page.

    Of software that was updated several times only the newest update is told.
    """
    news = _all_news(site).get(channel, {})
    newest_first = [(one.release.version, news.get(one.release.version, ())) for one in reversed(gained)]
    required: dict[str, Item] = {}
    for version, _ in newest_first:
        # What is told again and again was brought by the first that told it.
        required.update((item.key, item) for item in _required(site).get((channel, version), ()))
    counts = _counts(site)
    full = _in_full([counts[channel, version] for version, _ in newest_first[:TOLD]])
    key = tuple(version for version, _ in newest_first[:full])
    known = _groups(site)
    if (channel, key) not in known:
        known[channel, key] = _grouped([items for _, items in newest_first[:full]])
    return Told(
        required=tuple(required.values()),
        groups=known[channel, key],
        untold=len(newest_first) - full,
    )


def change_counts(site: Site) -> Mapping[tuple[str, Version], int]:
    """By channel and version, how many changes it was the first to tell there, CVEs aside."""
    return _counts(site)


@Once
def _counts(site: Site) -> Mapping[tuple[str, Version], int]:
    return {
        (channel, version): sum(item.kind in _TITLES or item.kind in _REQUIRED for item in items)
        for channel, news in _all_news(site).items()
        for version, items in news.items()
    }


def _in_full(counts: list[int]) -> int:
    """How many releases, from the newest one on, there is room for."""
    lines = 0
    for place, count in enumerate(counts[:TOLD]):
        if lines >= LINES or (place and lines + count > MOST):
            return place
        lines += count
    return min(TOLD, len(counts))


def _grouped(news: list[tuple[Item, ...]]) -> tuple[Group, ...]:
    found: dict[ChangeKind, dict[str, Item]] = {kind: {} for kind in _TITLES}
    for item in (item for items in news for item in items if item.kind in _TITLES):
        found[item.kind].setdefault(item.key, item)
    return tuple(
        Group(name=kind.value, title=title, items=tuple(found[kind].values()))
        for kind, title in _TITLES.items()
        if found[kind]
    )


@Once
def _required(site: Site) -> Mapping[tuple[str, Version], tuple[Item, ...]]:
    return {
        (channel, version): found
        for channel, news in _all_news(site).items()
        for version, items in news.items()
        if (found := tuple(item for item in items if item.kind in _REQUIRED))
    }


@Once
def _groups(_site: Site) -> dict[tuple[str, tuple[Version, ...]], tuple[Group, ...]]:
    """Most ways end with the same releases."""
    return {}


@Once
def _all_news(site: Site) -> Mapping[str, Mapping[Version, tuple[Item, ...]]]:
    """By channel and version, what each release was the first to tell there, as notes read now.

    Every page of this kind is as deep below the root as any other.
    """
    page = addresses.from_version_page(Version(0, 0, 0))
    now = told_now(site)
    library = library_of(now[published.release.version] for published in site.newest_first())
    found: dict[str, dict[Version, tuple[Item, ...]]] = {}
    for channel, offers in offered(site).items():
        told, news = frozenset[str](), found.setdefault(channel, {})
        for release in (now[published.release.version] for published in offers):
            by = release_link(site, release.version, page)
            news[release.version] = tuple(
                Item(change, by) for change in changes_since(told, release, library)
            )
            # As told_in says it: a record has everything, notes only what was new.
            recorded = isinstance(release, Release) and release.changes
            told = told_by(release) if recorded else told | told_by(release)
    return found

"""The page that compares any two releases, and what it knows of each of them. Pure.

What it knows is in the page itself, not in a file beside it: a page that was opened from a disk may not fetch
one, and whoever opens this page wants to compare. 540 releases with five programs and 7,614 CVEs take 20 kB
(compressed). Only lists of packages, which are longer, are fetched, of the two that are compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeVar

from markupsafe import Markup

from release.catalog.version import Version
from release.pages import addresses
from release.pages.cve_index import CveIndex, base_channels, cve_index
from release.pages.links import Link
from release.pages.offers import offered
from release.pages.press import Press
from release.pages.records import PublishedRelease
from release.pages.site import Site
from release.pages.view import Frame, frame, full_payload
from release.pages.wording import channel_title

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPages:
    """The pages "from a version" of a channel's releases, the newest first."""

    name: str
    title: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareView:
    """The page. ``data`` is JSON for its script, with nothing in it that ends an element."""

    frame: Frame
    channels: tuple[ChannelPages, ...]
    data: Markup


def compare_files(site: Site, press: Press) -> Iterator[tuple[str, bytes]]:
    """The page that compares."""
    view = compare_view(site)
    yield addresses.COMPARE, press.page("compare.html", script="compare.js", connect=True, view=view)


def compare_view(site: Site) -> CompareView:
    """Everything on ``compare/``."""
    page, bases = addresses.COMPARE, base_channels(site)
    offers = offered(site)
    names = [channel.name for channel in reversed(tuple(site.channels)) if channel.name in offers]
    named = {one.release.version for name in names if name not in bases for one in offers[name]}
    return CompareView(
        frame=frame(
            site,
            page,
            title=f"Compare {site.product} releases",
            description="What changes between any two releases: software, CVEs fixed, sizes, packages.",
        ),
        channels=tuple(
            ChannelPages(name=name, title=channel_title(name), links=links)
            for name in sorted(names, key=lambda name: name in site.retired or name in bases)
            if (links := _links(offers[name], page, named if name in bases else set()))
        ),
        data=_script_data(compare_data(site)),
    )


def compare_data(site: Site) -> dict[str, Any]:
    """What the script reads. Numbers instead of words wherever a word comes again.

    - ``versions`` ascending; all else says the place of a version among them.
    - ``channels``: ``[name, title, place of what it is at or -1]``; ``of``: the channel of each version, -1
      for none: the stream, or else the most settled one.
    - ``software``: names; ``texts``: versions of software; ``has``: for each version the places of its texts,
      by name, -1 for none.
    - ``ids``: numbers of CVEs by year, each as its distance from the one before. ``packages``: lists
      of what they are in, ``in``: for runs of CVEs the place of the list and how many they are.
    - ``parents``: for each version those that it continues; ``own``: the CVEs that it has besides what they
      have, each as the distance from the one before.
    - ``withdrawn``: versions. ``listed``: versions with a list of packages. ``sizes``: by version and board,
      bytes of the image and of the full payload.
    """
    index, releases = cve_index(site), tuple(reversed(site.newest_first()))
    versions = [published.release.version for published in releases]
    place = {version: number for number, version in enumerate(versions)}
    cves = {cve.id: number for number, cve in enumerate(index.cves)}
    packages = _Places[tuple[str, ...]]()
    runs = [
        [number, len(list(group))]
        for number, group in groupby(packages.place(cve.packages) for cve in index.cves)
    ]
    return {
        "versions": [str(version) for version in versions],
        **_channels(site, releases, place),
        **_software(releases),
        "ids": _ids(index),
        "packages": packages.things,
        "in": [number for run in runs for number in run],
        "parents": [[place[one] for one in index.parents(version)] for version in versions],
        "own": [_distances(cves[cve.id] for cve in index.own(version)) for version in versions],
        "withdrawn": [place[one.release.version] for one in releases if one.withdrawn],
        "listed": [place[one.release.version] for one in releases if one.packages],
        "sizes": {place[one.release.version]: sizes for one in releases if (sizes := _sizes(one))},
    }


class _Places(Generic[T]):
    """Things, each once, in the order in which they came."""

    def __init__(self) -> None:
        self._places: dict[T, int] = {}

    def place(self, thing: T) -> int:
        return self._places.setdefault(thing, len(self._places))

    @property
    def things(self) -> list[T]:
        return list(self._places)


def _links(offers: Sequence[PublishedRelease], page: str, told: set[Version]) -> tuple[Link, ...]:
    """Of a channel that has streams only those that are in none of them, which are ``told``."""
    return tuple(
        Link(
            addresses.from_page(page, addresses.from_version_page(one.release.version)),
            str(one.release.version),
            bool(one.withdrawn),
        )
        for one in reversed(offers)
        if one.release.version not in told
    )


def _channels(
    site: Site, releases: Sequence[PublishedRelease], place: dict[Version, int]
) -> dict[str, list[Any]]:
    names = [channel.name for channel in site.channels]
    heads = [place[site.heads[name]] if name in site.heads else -1 for name in names]
    bases = base_channels(site)

    def main(published: PublishedRelease) -> int:
        found = [names.index(entry.name) for entry in published.channels]
        return max(found, key=lambda number: (names[number] not in bases, number), default=-1)

    return {
        "channels": [[name, channel_title(name), head] for name, head in zip(names, heads, strict=True)],
        "of": [main(published) for published in releases],
    }


def _software(releases: Sequence[PublishedRelease]) -> dict[str, list[Any]]:
    names = sorted({package.name for one in releases for package in one.release.software})
    texts = _Places[str]()
    has = []
    for one in releases:
        found: dict[str, list[str]] = {}
        for package in one.release.software:
            found.setdefault(package.name, []).append(package.version)
        has.append([texts.place(", ".join(found[name])) if name in found else -1 for name in names])
    return {"software": names, "texts": texts.things, "has": has}


def _ids(index: CveIndex) -> dict[int, list[int]]:
    years = groupby(index.cves, key=lambda cve: cve.year)
    return {year: _distances(int(cve.id.split("-")[2]) for cve in cves) for year, cves in years}


def _distances(numbers: Iterable[int]) -> list[int]:
    """Of ascending numbers: the first, and how far each of the others is from the one before it."""
    found, last = [], 0
    for number in numbers:
        found.append(number - last)
        last = number
    return found


def _sizes(published: PublishedRelease) -> dict[str, list[int]]:
    return {
        str(board.board): [board.image.size, full.artifact.size if (full := full_payload(board)) else 0]
        for board in published.release.boards
    }


def _script_data(data: dict[str, Any]) -> Markup:
    """JSON that stays inside its element: what could end it, or begin a comment, is written as an escape."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(safe)  # noqa: S704  # no '<' is left

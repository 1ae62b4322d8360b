"""Where a release comes from, what became of it, and what differs from its origin. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from release.catalog.channel import PromotionKind
from release.pages.links import Link, known_link, release_link
from release.pages.records import AnyRelease, PublishedRelease
from release.pages.site import Site
from release.pages.wording import channel_title, listing, size

NOTHING = "\N{EN DASH}"
"""What a table shows where there is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that the origin has otherwise."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageView:
    """Lineage for people. ``origin`` is None where the release derives from none.

    ``origin.href`` is empty when the site does not have it; then there are no ``differences`` either.
    """

    origin: Link | None
    kind: str
    promoted: str
    rebuilt_as: tuple[Link, ...]
    differences: tuple[Difference, ...]


def lineage_view(site: Site, published: PublishedRelease, page: str) -> LineageView:
    """The lineage of a release."""
    release = published.release
    version = release.lineage.derives_from
    origin = None if version is None else site.find(version)
    return LineageView(
        origin=None if version is None else known_link(site, version, page) or Link("", str(version)),
        kind=_kind(release),
        promoted=_promoted(site, published),
        rebuilt_as=tuple(
            release_link(site, item.release.version, page)
            for item in reversed(site.newest_first())
            if item.release.lineage.derives_from == release.version
        ),
        differences=() if origin is None else _differences(origin.release, release),
    )


def _kind(release: AnyRelease) -> str:
    if release.lineage.kind is PromotionKind.REBUILD:
        return f"rebuild for {channel_title(release.channel)}: new bits, under a version of their own"
    return "same bits"


def _promoted(site: Site, published: PublishedRelease) -> str:
    """Which channels got the very same files."""
    names = [channel.name for channel in site.channels if published.entry(channel.name)]
    titles = [channel_title(name) for name in names]
    return f"the same bits in {listing(titles)}" if len(titles) > 1 else ""


def _differences(before: AnyRelease, after: AnyRelease) -> tuple[Difference, ...]:
    """Software and image sizes; both releases say them of themselves."""
    old, new = software_versions(before), software_versions(after)
    names = [*new, *(name for name in old if name not in new)]
    found = [(name, old.get(name, NOTHING), new.get(name, NOTHING)) for name in names]
    images = {board.board: board.image.size for board in before.boards}
    for board in after.boards:
        was = images.get(board.board)
        found.append((f"image, {board.board}", size(was) if was else NOTHING, size(board.image.size)))
    return tuple(Difference(name=name, before=a, after=b) for name, a, b in found if a != b)


def software_versions(release: AnyRelease) -> dict[str, str]:
    """By name, in the order of the release; several versions of one are listed."""
    versions: dict[str, list[str]] = {}
    for package in release.software:
        versions.setdefault(package.name, []).append(package.version)
    return {name: ", ".join(texts) for name, texts in versions.items()}

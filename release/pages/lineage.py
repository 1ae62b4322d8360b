"""Where a release comes from, and what became of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from release.catalog.channel import PromotionKind
from release.pages.links import Link, known_link, release_link
from release.pages.reading import Reading
from release.pages.records import AnyRelease, PublishedRelease
from release.pages.site import Site
from release.pages.wording import channel_title, listing

NOTHING = "\N{EN DASH}"
"""What a table shows where there is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageView:
    """Lineage for people. ``origin`` is None where the release derives from none.

    ``origin.href`` is empty when the site does not have it.
    """

    origin: Link | None
    kind: str
    promoted: str
    rebuilt_as: tuple[Link, ...]


def lineage_view(reading: Reading, published: PublishedRelease, page: str) -> LineageView:
    """The lineage of a release."""
    site, release = reading.site, published.release
    version = release.lineage.derives_from
    return LineageView(
        origin=None if version is None else known_link(site, version, page) or Link("", str(version)),
        kind=_kind(release),
        promoted=_promoted(site, published),
        rebuilt_as=tuple(
            release_link(site, version, page) for version in reading.rebuilt.get(release.version, ())
        ),
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


def software_versions(release: AnyRelease) -> dict[str, str]:
    """By name, in the order of the release; several versions of one are listed."""
    versions: dict[str, list[str]] = {}
    for package in release.software:
        versions.setdefault(package.name, []).append(package.version)
    return {name: ", ".join(texts) for name, texts in versions.items()}

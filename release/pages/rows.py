"""Lines of tables of releases: the latest, all, and those of a channel. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from release.pages import addresses
from release.pages.records import AnyRelease, PublishedRelease
from release.pages.site import Site
from release.pages.standings import Standing, standings
from release.pages.view import board_names, fix_count, full_payload, kernel_version
from release.pages.wording import Time, share, size, span, time_of

NOTHING = "\N{EN DASH}"
"""What a table shows where there is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow:
    """One release. ``standings`` is empty before the first promotion.

    ``released`` is when a channel first offered it; when it was assembled, as long as none did. ``full``
    and ``delta`` are sizes of updates.
    """

    version: str
    href: str
    withdrawn: bool
    standings: tuple[Standing, ...]
    released: Time
    boards: str
    kernel: str
    fixes: int
    full: str
    delta: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseTable:
    """Releases in the order to show. ``has_updates`` when the size of an update is known of any."""

    rows: tuple[ReleaseRow, ...]
    has_updates: bool


def release_table(site: Site, releases: Iterable[PublishedRelease], page: str) -> ReleaseTable:
    """The releases, in their order, as lines on ``page``."""
    rows = tuple(_row(site, published, page) for published in releases)
    return ReleaseTable(rows=rows, has_updates=any(row.full != NOTHING for row in rows))


def _row(site: Site, published: PublishedRelease, page: str) -> ReleaseRow:
    release = published.release
    offered = [entry.since for entry in published.channels]
    return ReleaseRow(
        version=str(release.version),
        href=addresses.from_page(page, addresses.release_page(release.version)),
        withdrawn=bool(published.withdrawn),
        standings=standings(site, published, page),
        released=time_of(min(offered, default=release.created)),
        boards=board_names(release),
        kernel=kernel_version(release) or NOTHING,
        fixes=fix_count(published),
        full=download_size(release) or NOTHING,
        delta=_smallest_delta(release) or NOTHING,
    )


def download_size(release: AnyRelease) -> str | None:
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

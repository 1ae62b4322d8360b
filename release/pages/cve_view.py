"""The pages of CVEs: how to look one up, and for each year which release has the fix first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from release.catalog.version import Version
from release.pages import addresses
from release.pages.cve_count import Fixed
from release.pages.cve_index import Cve, cve_index
from release.pages.links import Link
from release.pages.once import Once
from release.pages.press import Press
from release.pages.site import Site
from release.pages.view import Frame, frame
from release.pages.wording import channel_title, counted

RECORD = "https://www.cve.org/CVERecord?id="
"""Where a CVE is described. The rows of the years are the only links to it."""

RECORD_LINKS = 1900
"""So many rows of a year lead to records. More would make its page heavier than 30 kB (compressed): there the
ids are plain text, which the script makes links of. Measured: 12 bytes for a row, 9 without the link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YearRow:
    """A year of CVE ids."""

    year: int
    href: str
    count: int
    packages: str
    """Those that most of them are in, with their numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CvesView:
    """``cve/``. ``titles`` are of the channels that the years have a column for."""

    frame: Frame
    count: int
    years: tuple[YearRow, ...]
    titles: tuple[str, ...]
    last: str
    """An id to show the form of ids with."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The release of a channel that has a fix first. ``note`` says what to know of it, or nothing.

    With ``mentions`` its notes name the CVE, and the channel is not told to have the fix.
    """

    href: str
    text: str
    told: bool
    withdrawn: bool
    note: str
    mentions: bool = False


@dataclass(frozen=True, slots=True)
class CveRow:
    """One CVE. ``cells`` are by column; None where the channel's notes do not tell of it."""

    id: str
    packages: str
    severity: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CveYearView:
    """``cve/YEAR/``. ``columns`` are names and titles of channels."""

    frame: Frame
    year: int
    crumbs: tuple[Link, ...]
    columns: tuple[tuple[str, str], ...]
    rows: tuple[CveRow, ...]
    has_severities: bool
    links_records: bool
    older: Link | None
    newer: Link | None
    record: str = RECORD


def cve_files(site: Site, press: Press) -> Iterator[tuple[str, bytes]]:
    """The page that looks up, and one for each year."""
    view = cves_view(site)
    yield addresses.CVES, press.page("cves.html", script="cve.js", view=view)
    for year in view.years:
        path = addresses.cve_page(f"CVE-{year.year}-0")
        yield path, press.page("cve_year.html", script="cve_year.js", view=cve_year_view(site, year.year))


def cves_view(site: Site) -> CvesView:
    """Everything on ``cve/``: years, the newest first."""
    index, page = cve_index(site), addresses.CVES
    return CvesView(
        frame=frame(
            site,
            page,
            title=f"{site.product} CVEs",
            description=f"Which release of which channel fixes a CVE: {len(index.cves)} ids, by year.",
        ),
        count=len(index.cves),
        years=tuple(
            YearRow(
                year=year,
                href=addresses.from_page(page, addresses.cve_page(cves[0].id)),
                count=len(cves),
                packages=_packages(cves),
            )
            for year, cves in reversed(_years(site))
        ),
        titles=tuple(title for _, title in _columns(site, index.channels)),
        last=index.cves[-1].id if index.cves else "CVE-2024-6387",
    )


def cve_year_view(site: Site, year: int) -> CveYearView:
    """Everything on the page of a year that has ids. Channels without any have no column."""
    index = cve_index(site)
    years = _years(site)
    place = next(place for place, (known, _) in enumerate(years) if known == year)
    cves = years[place][1]
    page = addresses.cve_page(cves[0].id)
    columns = _columns(
        site,
        tuple(
            name for name in index.channels if any(name in cve.fixed or name in cve.mentioned for cve in cves)
        ),
    )
    names = tuple(name for name, _ in columns)

    def neighbour(place: int) -> Link | None:
        if not 0 <= place < len(years):
            return None
        known, (first, *_) = years[place]
        return Link(addresses.from_page(page, addresses.cve_page(first.id)), str(known))

    return CveYearView(
        frame=frame(
            site,
            page,
            title=f"CVEs of {year} in {site.product}",
            description=f"{counted(len(cves), 'CVE')} of {year} and the first release of each channel"
            " that has the fix.",
            lasting=True,
        ),
        year=year,
        crumbs=(Link(addresses.from_page(page, addresses.CVES), "CVEs"),),
        columns=columns,
        rows=tuple(_row(cve, names, page) for cve in cves),
        has_severities=any(cve.severity for cve in cves),
        links_records=len(cves) <= RECORD_LINKS,
        older=neighbour(place - 1),
        newer=neighbour(place + 1),
    )


@Once
def _years(site: Site) -> tuple[tuple[int, tuple[Cve, ...]], ...]:
    found = groupby(cve_index(site).cves, key=lambda cve: cve.year)
    return tuple((year, tuple(cves)) for year, cves in found)


def _columns(site: Site, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The most settled channels first, what gets nothing any more last."""
    settled = sorted(
        names,
        key=lambda name: (name in site.retired or site.has_ended(name), -site.channels.rank(name)),
    )
    return tuple((name, channel_title(name)) for name in settled)


def _row(cve: Cve, names: tuple[str, ...], page: str) -> CveRow:
    return CveRow(
        cve.id,
        ", ".join(cve.packages) or "\N{EN DASH}",
        cve.severity or "\N{EN DASH}",
        tuple(_cell(cve, name, page) for name in names),
    )


def _cell(cve: Cve, channel: str, page: str) -> Cell | None:
    fixed, mentioned = cve.fixed.get(channel), cve.mentioned.get(channel)

    def href(version: Version) -> str:
        return addresses.from_page(page, addresses.release_page(version))

    if fixed is not None:
        note = _note(fixed, mentioned)
        return Cell(href(fixed.version), str(fixed.version), fixed.told, fixed.withdrawn, note)
    if mentioned is not None:
        return Cell(href(mentioned), str(mentioned), told=False, withdrawn=False, note="", mentions=True)
    return None


def _note(fixed: Fixed, mentioned: Version | None) -> str:
    notes = ["withdrawn"] if fixed.withdrawn else [f"{fixed.earlier}: withdrawn"] if fixed.earlier else []
    if mentioned is not None and mentioned > fixed.version:
        notes.append(f"{mentioned}: read its notes")
    return ", ".join(notes)


def _packages(cves: tuple[Cve, ...]) -> str:
    counts = Counter(name for cve in cves for name in cve.packages)
    most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
    return ", ".join(f"{name} {number}" for name, number in most)

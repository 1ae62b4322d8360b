"""CVEs that are fixed on the way from one release to another, by package, as far as a page has room. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from release.pages import addresses
from release.pages.cve_index import CveSet
from release.pages.once import Once
from release.pages.site import Site
from release.pages.wording import counted

SHOWN = 300
"""So many ids are on a page; of packages with more only the number, those with fewest ids first."""

FEW = 6
"""Lists of fewer ids are not folded."""

ELSEWHERE = "without a package in the notes"
"""Where ids are counted that notes give no package for: items that are sentences, above all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFixes:
    """A package. ``ids`` are links, one ``li`` each; None where there is no room for them."""

    name: str
    count: int
    ids: Markup | None
    is_short: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """``count`` has each CVE once, also when it is in several packages; ``graves`` are severities.

    ``short`` are packages with so few ids that these need not be folded.
    """

    count: int
    long: tuple[PackageFixes, ...]
    short: tuple[PackageFixes, ...]
    graves: tuple[tuple[str, int], ...]
    told_in_full: bool

    @property
    def summary(self) -> str:
        """``474 in 2 packages``."""
        return f"{self.count} in {counted(len(self.long) + len(self.short), 'package')}"

    @property
    def told(self) -> str:
        """``474 CVEs are told``."""
        return f"{counted(self.count, 'CVE')} {'is' if self.count == 1 else 'are'} told"


def security_of(site: Site, cves: CveSet, page: str) -> Security:
    """The CVEs by package, the package with most first."""
    by_package = [(theirs.bit_count(), name, theirs) for name, theirs in cves.by_package()]
    by_package.sort(key=lambda one: one[0])
    known, room, packages = _made(site), SHOWN, []
    for count, name, theirs in by_package:
        is_shown = count <= room
        room -= count if is_shown else 0
        key = (name, theirs, is_shown)
        if key not in known:
            known[key] = _package(name, cves.part(theirs), page, is_shown=is_shown)
        packages.append(known[key])
    packages.sort(key=lambda package: -package.count)
    return Security(
        count=len(cves),
        long=tuple(package for package in packages if not package.is_short),
        short=tuple(package for package in packages if package.is_short),
        graves=tuple(cves.severities()),
        told_in_full=all(package.ids is not None for package in packages),
    )


@Once
def _made(_site: Site) -> dict[tuple[str | None, int, bool], PackageFixes]:
    """Most ways to what a channel is at have the same fixes of a package. All pages are as deep."""
    return {}


def _package(name: str | None, found: CveSet, page: str, *, is_shown: bool) -> PackageFixes:
    return PackageFixes(
        name=ELSEWHERE if name is None else name,
        count=len(found),
        ids=_links(found, page) if is_shown else None,
        is_short=is_shown and len(found) < FEW,
    )


def _links(found: CveSet, page: str) -> Markup:
    depth = page.count("/")
    return Markup("".join(_link(cve.id, depth) for cve in found.cves))  # noqa: S704  # _link escapes


@lru_cache(maxsize=1 << 16)
def _link(identifier: str, depth: int) -> Markup:
    href = addresses.from_page("/" * depth, addresses.cve(identifier))
    return Markup("<li><a href={}>{}</a>").format(href, identifier)

"""CVEs that are fixed on the way from one release to another, by package, as far as a page has room. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from release.pages import addresses
from release.pages.cve_index import CveSet

SHOWN = 500
"""So many ids are on a page; of packages with more only the number, those with fewest ids first."""

FEW = 6
"""Lists of fewer ids are not folded."""

ELSEWHERE = "only in the text of notes"
"""Where ids are counted that notes give no package for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFixes:
    """A package. ``ids`` are links, one ``li`` each; None where there is no room for them."""

    name: str
    count: int
    ids: Markup | None
    is_short: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """``count`` has each CVE once, also when it is in several packages; ``graves`` are severities."""

    count: int
    packages: tuple[PackageFixes, ...]
    graves: tuple[tuple[str, int], ...]
    told_in_full: bool


def security_of(cves: CveSet, page: str) -> Security:
    """The CVEs by package, the package with most first."""
    by_package = list(cves.by_package())
    room, shown = SHOWN, set()
    for name, found in sorted(by_package, key=lambda pair: (len(pair[1]), pair[0] or "")):
        if len(found) <= room:
            room -= len(found)
            shown.add(name)
    return Security(
        count=len(cves),
        packages=tuple(
            PackageFixes(
                name=ELSEWHERE if name is None else name,
                count=len(found),
                ids=_links(found, page) if name in shown else None,
                is_short=name in shown and len(found) < FEW,
            )
            for name, found in sorted(by_package, key=lambda pair: -len(pair[1]))
        ),
        graves=tuple(cves.severities()),
        told_in_full=len(shown) == len(by_package),
    )


def _links(found: CveSet, page: str) -> Markup:
    depth = page.count("/")
    return Markup("".join(_link(cve.id, depth) for cve in found.cves))  # noqa: S704  # _link escapes


@lru_cache(maxsize=1 << 16)
def _link(identifier: str, depth: int) -> Markup:
    href = addresses.from_page("/" * depth, addresses.cve(identifier))
    return Markup("<li><a href={}>{}</a>").format(href, identifier)

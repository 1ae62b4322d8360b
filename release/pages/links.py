"""Links between pages. A link to a withdrawn release says so, wherever it stands. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from release.catalog.version import Version
from release.pages import addresses
from release.pages.site import Site


@dataclass(frozen=True, slots=True)
class Link:
    """A link on one page. ``withdrawn`` when it leads to a release that is."""

    href: str
    text: str
    withdrawn: bool = False


def release_link(site: Site, version: Version, page: str, text: str | None = None) -> Link:
    """From ``page`` to the page of a release of the site, called by its version or by ``text``."""
    return Link(
        addresses.from_page(page, addresses.release_page(version)),
        str(version) if text is None else text,
        site.is_withdrawn(version),
    )


def known_link(site: Site, version: Version | None, page: str) -> Link | None:
    """The same; None without a version, or when the site has no such release."""
    if version is None or site.find(version) is None:
        return None
    return release_link(site, version, page)

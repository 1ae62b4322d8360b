"""Where every page, feed and file of a site is, relative to the root of the pages. Pure."""

from __future__ import annotations

from urllib.parse import urljoin

from release.catalog.version import Version
from release.pages.site import Site

INDEX = "index.html"
MACHINE_INDEX = "index.json"


def release_page(version: Version) -> str:
    """The permanent page of a release."""
    return f"releases/{version}/index.html"


def feed(channel: str | None) -> str:
    """The Atom feed of a channel, or of all."""
    return f"releases-feed/{_stem(channel)}.xml"


def release_list(channel: str | None) -> str:
    """The Flatcar-compatible document of a channel, or of all."""
    return f"releases-json/{_stem(channel)}.json"


def from_page(page: str, target: str) -> str:
    """``target``, relative to the root, as a link on ``page``. Absolute addresses stay as they are.

    Links name ``index.html``, so that they work from ``file:`` and from buckets as well.
    """
    return target if "://" in target else "../" * page.count("/") + target


def absolute(site: Site, target: str) -> str | None:
    """The address of ``target`` (a page, or a file of the mirror), or None when it is not known."""
    if "://" in target:
        return target
    return None if site.base_url is None else urljoin(site.base_url, target)


def _stem(channel: str | None) -> str:
    return "releases" if channel is None else f"releases-{channel}"

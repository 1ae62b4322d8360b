"""``sitemap.xml`` and ``robots.txt``: what search engines may find. Pure. Form: https://www.sitemaps.org."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from xml.etree import ElementTree as ET

from release.pages import addresses
from release.pages.cve_index import cve_index
from release.pages.machine.book import Book
from release.pages.wording import rfc3339

LIMIT = 50_000
"""Addresses in a sitemap, as its form says."""

_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


def sitemap(book: Book) -> bytes | None:
    """Every page that is worth finding; None without ``base_url``, because addresses must be absolute.

    ``lastmod`` is when what a page tells last changed. Withdrawn releases are left out: their pages say
    "Do not deploy", and ask not to be found.
    """
    if book.site.base_url is None:
        return None
    root = ET.Element("urlset", {"xmlns": _NAMESPACE})
    for target, changed in [*_pages(book)][:LIMIT]:
        url = ET.SubElement(root, "url")
        ET.SubElement(url, "loc").text = addresses.absolute(book.site, target)
        if changed is not None:
            ET.SubElement(url, "lastmod").text = rfc3339(changed)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def robots(book: Book) -> bytes:
    """Everybody may read everything. It acts only at the root of a host."""
    lines = ["User-agent: *", "Allow: /"]
    if where := addresses.absolute(book.site, addresses.SITEMAP):
        lines.append(f"Sitemap: {where}")
    return "".join(f"{line}\n" for line in lines).encode()


def _pages(book: Book) -> Iterator[tuple[str, datetime | None]]:
    site = book.site
    yield addresses.INDEX, book.last_changed
    for page in (
        addresses.RELEASES,
        addresses.CVES,
        addresses.COMPARE,
        addresses.END_OF_LIFE,
        addresses.ISSUES,
        addresses.STATUS,
        addresses.KEYS,
        addresses.FEEDS,
    ):
        yield page, None
    for page in sorted({addresses.cve_page(cve.id) for cve in cve_index(site).cves}):
        yield page, None
    for name, offers in book.offers.items():
        yield addresses.channel_page(name), max((book.changed(one.published) for one in offers), default=None)
    for published in site.newest_first():
        if not published.withdrawn:
            yield addresses.release_page(published.release.version), book.changed(published)

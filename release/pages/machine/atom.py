"""Atom 1.0 (RFC 4287) feeds of what happened. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote
from xml.etree import ElementTree as ET

from markupsafe import Markup

from release.notes.characters import FORBIDDEN
from release.pages import addresses
from release.pages.machine.book import Book
from release.pages.machine.news import Feed, News, all_news, feed_of, select
from release.pages.markdown import shown
from release.pages.site import Site
from release.pages.wording import rfc3339

ENTRY_LIMIT = 50
"""Entries in a feed; readers cut longer ones anyway."""

CONTENT_LIMIT = 8 << 10
"""Characters of notes in an entry, of Markdown and of the HTML made of it. Longer ones (walls of CVE links)
are told by their summary."""

_ATOM = "http://www.w3.org/2005/Atom"
_WARNING = Markup("<p><strong>{}</strong></p>\n")


def atom_feed(site: Site, feed: Feed | str | None, items: Iterable[News] | None = None) -> bytes:
    """A feed; that of a channel if only its name is given, that of all with None.

    Ids are tag URIs that never change, ``updated`` is when what an entry tells last changed, what
    happened last comes first. Without ``base_url`` there is no ``self`` link, and the links to pages are
    relative to the feed. A feed without entries takes the data's own time.

    Args:
        site: what to tell of.
        feed: which feed.
        items: all that happened, if it is at hand.
    """
    feed = feed if isinstance(feed, Feed) else feed_of(site, feed)
    told = select(all_news(Book(site)) if items is None else items, feed, ENTRY_LIMIT)
    root = ET.Element("feed", {"xmlns": _ATOM, "xml:lang": "en"})
    _text(root, "id", tag(site, *feed.identity))
    _text(root, "title", feed.title)
    _text(root, "subtitle", feed.description)
    updated = max((item.updated for item in told), default=site.generated_at)
    _text(root, "updated", rfc3339(updated))
    author = ET.SubElement(root, "author")
    _text(author, "name", site.product)
    if own := site.base_url and addresses.absolute(site, feed.atom):
        _link(root, "self", own, "application/atom+xml")
    _link(root, "alternate", _address(site, feed.atom, feed.page), "text/html")
    for item in told:
        _entry(root, site, feed.atom, item)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def content(item: News) -> Markup | None:
    """What an entry has to read besides its summary: warnings, then notes; None if too long, or none."""
    if not item.notes.strip() or len(item.notes) > CONTENT_LIMIT:
        return None
    html = shown(item.notes)
    if not html or len(html) > CONTENT_LIMIT:
        return None
    return Markup("").join(_WARNING.format(readable(line)) for line in item.warnings) + html


def tag(site: Site, *parts: str) -> str:
    """A tag URI (RFC 4151). It never changes, whatever the address of the pages."""
    return f"tag:{site.feed_authority}:{quote(readable('/'.join((site.product, *parts))))}"


def readable(text: str) -> str:
    """The text without characters that act on the reader, or that XML cannot hold."""
    return FORBIDDEN.sub("\ufffd", text)


def _entry(root: ET.Element, site: Site, page: str, item: News) -> None:
    entry = ET.SubElement(root, "entry")
    _text(entry, "id", tag(site, *item.identity))
    _text(entry, "title", item.title)
    _text(entry, "published", rfc3339(item.published))
    _text(entry, "updated", rfc3339(item.updated))
    _link(entry, "alternate", _address(site, page, item.page), "text/html")
    for term in item.terms:
        ET.SubElement(entry, "category", {"term": term})
    _text(entry, "summary", item.summary)
    if html := content(item):
        _text(entry, "content", html).set("type", "html")


def _address(site: Site, page: str, target: str) -> str:
    return addresses.absolute(site, target) or addresses.from_page(page, target)


def _text(parent: ET.Element, name: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, name)
    element.text = readable(text)
    return element


def _link(parent: ET.Element, relation: str, address: str, media: str) -> None:
    ET.SubElement(parent, "link", {"rel": relation, "type": media, "href": address})

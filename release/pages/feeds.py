"""Atom 1.0 (RFC 4287) feeds of what happened. Pure."""

from __future__ import annotations

from urllib.parse import quote
from xml.etree import ElementTree as ET

from markupsafe import Markup

from release.notes.characters import FORBIDDEN
from release.pages import addresses
from release.pages.markdown import to_html
from release.pages.news import News, news
from release.pages.site import Site
from release.pages.wording import channel_title, rfc3339

ENTRY_LIMIT = 50
"""Entries in a feed; readers cut longer ones anyway."""

CONTENT_LIMIT = 8 << 10
"""Characters of HTML in an entry. Longer notes (walls of CVE links) are told by their summary."""

_ATOM = "http://www.w3.org/2005/Atom"
_WARNING = Markup("<p><strong>{}</strong></p>\n")


def atom_feed(site: Site, channel: str | None) -> bytes:
    """The feed of one channel, or of all.

    Ids are tag URIs that never change, ``updated`` is when what an entry tells last changed, what
    happened last comes first. Without ``base_url`` there is no ``self`` link, and the links to pages are
    relative to the feed. A feed without entries takes the data's own time.

    Raises:
        InputError: the notes cannot be rendered.
    """
    page = addresses.feed(channel)
    items = news(site, channel)[:ENTRY_LIMIT]
    root = ET.Element("feed", {"xmlns": _ATOM, "xml:lang": "en"})
    _text(root, "id", _tag(site, "feed", channel or "all"))
    title = site.product if channel is None else f"{site.product} {channel_title(channel)}"
    _text(root, "title", f"{title} releases")
    updated = max((item.updated for item in items), default=site.generated_at)
    _text(root, "updated", rfc3339(updated))
    author = ET.SubElement(root, "author")
    _text(author, "name", site.product)
    if own := site.base_url and addresses.absolute(site, page):
        _link(root, "self", own, "application/atom+xml")
    _link(root, "alternate", _address(site, page, addresses.INDEX), "text/html")
    for item in items:
        _entry(root, site, page, item)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _entry(root: ET.Element, site: Site, page: str, item: News) -> None:
    entry = ET.SubElement(root, "entry")
    _text(entry, "id", _tag(site, *item.identity))
    _text(entry, "title", item.title)
    _text(entry, "published", rfc3339(item.published))
    _text(entry, "updated", rfc3339(item.updated))
    _link(entry, "alternate", _address(site, page, item.page), "text/html")
    for term in item.terms:
        ET.SubElement(entry, "category", {"term": term})
    _text(entry, "summary", item.summary)
    html = to_html(item.notes)
    if html and len(html) <= CONTENT_LIMIT:
        warnings = Markup("").join(_WARNING.format(line) for line in item.warnings)
        _text(entry, "content", warnings + html).set("type", "html")


def _address(site: Site, page: str, target: str) -> str:
    return addresses.absolute(site, target) or addresses.from_page(page, target)


def _tag(site: Site, *parts: str) -> str:
    return f"tag:{site.feed_authority}:{quote('/'.join((site.product, *parts)))}"


def _text(parent: ET.Element, name: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, name)
    element.text = FORBIDDEN.sub("\ufffd", text)
    return element


def _link(parent: ET.Element, relation: str, address: str, media: str) -> None:
    ET.SubElement(parent, "link", {"rel": relation, "type": media, "href": address})

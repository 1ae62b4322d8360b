"""Atom 1.0 (RFC 4287) feeds: one entry each time a channel gets a release. Pure."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote
from xml.etree import ElementTree as ET

from release.notes.characters import FORBIDDEN
from release.pages import addresses
from release.pages.markdown import to_html
from release.pages.site import PublishedRelease, Site
from release.pages.view import summary
from release.pages.wording import channel_title, rfc3339

ENTRY_LIMIT = 50
"""Entries in a feed; readers cut longer ones anyway."""

CONTENT_LIMIT = 8 << 10
"""Characters of HTML in an entry. Longer notes (walls of CVE links) are told by their summary."""

_ATOM = "http://www.w3.org/2005/Atom"
_Event = tuple[datetime, PublishedRelease, str]


def atom_feed(site: Site, channel: str | None) -> bytes:
    """The feed of one channel, or of all.

    Ids are tag URIs that never change, ``updated`` is when the channel got the release, the newest
    comes first. Without ``base_url`` there is no ``self`` link, and the links to pages are relative to
    the feed. A feed without entries takes the data's own time.

    Raises:
        InputError: the notes cannot be rendered.
    """
    page = addresses.feed(channel)
    events = _events(site, channel)[:ENTRY_LIMIT]
    root = ET.Element("feed", {"xmlns": _ATOM, "xml:lang": "en"})
    _text(root, "id", _tag(site, "feed", channel or "all"))
    title = site.product if channel is None else f"{site.product} {channel_title(channel)}"
    _text(root, "title", f"{title} releases")
    _text(root, "updated", rfc3339(events[0][0] if events else site.generated_at))
    author = ET.SubElement(root, "author")
    _text(author, "name", site.product)
    if own := site.base_url and addresses.absolute(site, page):
        _link(root, "self", own, "application/atom+xml")
    _link(root, "alternate", _address(site, page, addresses.INDEX), "text/html")
    for event in events:
        _entry(root, site, page, event)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _events(site: Site, channel: str | None) -> list[_Event]:
    """What happened, the latest first; at the same time the higher version, the more settled channel."""
    events = [
        (entry.since, published, entry.name)
        for published in site.releases
        for entry in published.channels
        if channel in {None, entry.name}
    ]
    return sorted(
        events,
        key=lambda event: (event[0], event[1].release.version, site.channels.rank(event[2])),
        reverse=True,
    )


def _entry(root: ET.Element, site: Site, page: str, event: _Event) -> None:
    since, published, channel = event
    release = published.release
    entry = ET.SubElement(root, "entry")
    _text(entry, "id", _tag(site, channel, str(release.version)))
    _text(entry, "title", f"{site.product} {channel_title(channel)} {release.version}")
    _text(entry, "published", rfc3339(since))
    _text(entry, "updated", rfc3339(since))
    _link(entry, "alternate", _address(site, page, addresses.release_page(release.version)), "text/html")
    ET.SubElement(entry, "category", {"term": channel})
    _text(entry, "summary", summary(release, channel))
    html = to_html(release.notes)
    if html and len(html) <= CONTENT_LIMIT:
        _text(entry, "content", html).set("type", "html")


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

"""JSON Feed 1.1 of what happened: the same entries and ids as the Atom feeds. Pure.

Source: https://www.jsonfeed.org/version/1.1/.
"""

from __future__ import annotations

from collections.abc import Iterable

from release.canonical import Json
from release.pages import addresses
from release.pages.machine.atom import ENTRY_LIMIT, content, tag
from release.pages.machine.book import Book
from release.pages.machine.news import Feed, News, all_news, select
from release.pages.machine.writing import Object, dump, words
from release.pages.site import Site
from release.pages.wording import rfc3339

VERSION = "https://jsonfeed.org/version/1.1"


def json_feed(site: Site, feed: Feed, items: Iterable[News] | None = None) -> bytes:
    """A feed. Addresses are absolute, or, without ``base_url``, left out: its form knows no others.

    Args:
        site: what to tell of.
        feed: which feed.
        items: all that happened, if it is at hand.
    """
    told = select(all_news(Book(site)) if items is None else items, feed, ENTRY_LIMIT)
    return dump(
        {
            "version": VERSION,
            "title": feed.title,
            **_address(site, "home_page_url", feed.page),
            **_address(site, "feed_url", feed.json),
            "description": feed.description,
            "language": "en",
            "authors": [{"name": site.product}],
            "items": [_item(site, item) for item in told],
        }
    )


def _item(site: Site, item: News) -> Json:
    html = content(item)
    return {
        "id": tag(site, *item.identity),
        **_address(site, "url", item.page),
        "title": item.title,
        **({"content_text": item.summary} if html is None else {"content_html": str(html)}),
        "summary": item.summary,
        "date_published": rfc3339(item.published),
        "date_modified": rfc3339(item.updated),
        "tags": words(item.terms),
    }


def _address(site: Site, name: str, target: str) -> Object:
    address = addresses.absolute(site, target)
    return {} if address is None else {name: address}

"""``api/v1/products/NAME.json`` in the form of endoflife.date's API v1: what is supported, until when. Pure.

Source: endoflife-date/endoflife.date ``openapi`` 1.2, ``ProductDetails`` and ``ProductRelease``. A cycle is a
channel; of a channel with streams its streams are the cycles. Dates are UTC; a cycle has ended on the day
of ``eolFrom``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from json import dumps

from release.canonical import Json
from release.notes.characters import FORBIDDEN
from release.pages import addresses
from release.pages.machine.book import Book, Offer
from release.pages.machine.writing import Object, dump, link
from release.pages.records import utc
from release.pages.wording import channel_title, rfc3339

API_VERSION = "1.2.1"
"""Of endoflife.date, whose form this is."""


def product_name(product: str) -> str:
    """The product's name as endoflife.date writes them: ``example-os`` for ``Example OS``."""
    return "-".join(re.findall(r"[a-z0-9]+", product.lower())) or "product"


def product_document(book: Book) -> bytes:
    """The product and its cycles, the one that began last first."""
    site = book.site
    name = product_name(site.product)
    page = addresses.api_product(name)
    return dump(
        {
            "schema_version": API_VERSION,
            "generated_at": rfc3339(site.generated_at),
            "last_modified": rfc3339(book.last_changed),
            "result": {
                "name": name,
                "label": site.product,
                "aliases": [],
                "category": "os",
                "tags": ["linux-distribution", "os"],
                "versionCommand": "cat /etc/os-release",
                "identifiers": [],
                "labels": {
                    "eoas": None,
                    "discontinued": None,
                    "eol": "Supported",
                    "eoes": None,
                },
                "links": {
                    "icon": None,
                    "html": _address(book, page, addresses.END_OF_LIFE),
                    "releasePolicy": None,
                },
                "releases": [*_cycles(book, page)],
            },
        }
    )


def product_snippet(book: Book) -> bytes:
    """``products/NAME.md`` as endoflife.date keeps it: what to hand in, so that it lists the product."""
    name = product_name(book.site.product)
    label = dumps(FORBIDDEN.sub("\ufffd", book.site.product))  # a text of JSON is one of YAML
    lines = ["---", f"title: {label}", "category: os", "tags: linux-distribution", f"permalink: /{name}"]
    lines += ["versionCommand: cat /etc/os-release", "releases:"]
    for cycle in _cycles(book, addresses.product_snippet(name)):
        ended = dumps(cycle["isEol"])
        lines += [
            f'  - releaseCycle: "{cycle["name"]}"',
            f"    releaseDate: {cycle['releaseDate']}",
            f"    lts: {dumps(cycle['isLts'])}",
            f"    eol: {cycle['eolFrom'] or ended}",
        ]
        if isinstance(latest := cycle["latest"], dict):
            lines += [
                f'    latest: "{latest["name"]}"',
                f"    latestReleaseDate: {latest['date']}",
                f"    link: {latest['link']}",
            ]
    return "\n".join([*lines, "---", ""]).encode()


def _cycles(book: Book, page: str) -> Iterator[Object]:
    """The one that began last first. A channel without a release is none yet."""
    names = [channel.name for channel in book.site.channels if not book.streams(channel.name)]
    begun = [(opened, name) for name in names if (opened := _opened(book, name))]
    for _, name in sorted(begun, reverse=True):
        yield _cycle(book, name, page)


def _opened(book: Book, channel: str) -> datetime | None:
    """When a cycle began: as its support says, or with its first release. None before that."""
    support = book.site.support.get(channel)
    if support is not None:
        return support.opened
    offers = book.offers[channel]
    return offers[0].entry.since if offers else None


def _cycle(book: Book, channel: str, page: str) -> Object:
    site = book.site
    support = site.support.get(channel)
    opened = _opened(book, channel)
    is_lts = book.base(channel) is not None or channel == "lts"
    has_ended = channel in site.retired or site.has_ended(channel)
    latest = _latest_offer(book, channel)
    return {
        "name": channel,
        "codename": None,
        "label": channel_title(channel),
        "releaseDate": _day(opened),
        "isLts": is_lts,
        "ltsFrom": _day(opened) if is_lts else None,
        "isEol": has_ended,
        "eolFrom": None if support is None else _day(support.ends),
        "isMaintained": not has_ended,
        "latest": None if latest is None else _latest(book, latest, page),
    }


def _latest_offer(book: Book, channel: str) -> Offer | None:
    """What the channel is at; where that is withdrawn, the greatest version of it that is not.

    Not what came last: that may be a fix of an old version.
    """
    left = [offer for offer in book.offers[channel] if not offer.published.withdrawn]
    head = book.site.heads.get(channel)
    greatest = max(left, key=lambda offer: offer.version, default=None)
    return next((offer for offer in left if offer.version == head), greatest)


def _latest(book: Book, offer: Offer, page: str) -> Json:
    return {
        "name": str(offer.version),
        "date": _day(offer.entry.since),
        "link": _address(book, page, addresses.release_page(offer.version)),
    }


def _day(time: datetime | None) -> str | None:
    return None if time is None else utc(time).date().isoformat()


def _address(book: Book, page: str, target: str) -> str:
    return addresses.absolute(book.site, target) or link(page, target)

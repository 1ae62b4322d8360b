"""``api/v1/channels.json``, ``api/v1/channels/NAME.json``: what channels are at, and offered. Pure."""

from __future__ import annotations

from release.canonical import Json
from release.pages import addresses
from release.pages.machine.book import Book, Offer, architectures, cve_count
from release.pages.machine.releases import rollout_plan
from release.pages.machine.writing import SCHEMA_VERSION, Object, dump, first_stop, link, words
from release.pages.records import standing
from release.pages.wording import channel_title, rfc3339


def channels_document(book: Book) -> bytes:
    """Every channel, from the least settled to the most settled. Paths are relative to the document."""
    page = addresses.API_CHANNELS
    return dump(
        {**_head(book), "channels": [_channel(book, channel.name, page) for channel in book.site.channels]}
    )


def channel_document(book: Book, name: str) -> bytes:
    """One channel, and every release that it offered, the one that it began to offer last first."""
    page = addresses.api_channel(name)
    offers = reversed(book.offers[name])
    return dump(
        {
            **_head(book),
            "channel": _channel(book, name, page),
            "releases": [_offered(book, offer, page) for offer in offers],
        }
    )


def _head(book: Book) -> Object:
    return {
        "schema_version": SCHEMA_VERSION,
        "product": book.site.product,
        "generated_at": rfc3339(book.site.generated_at),
    }


def _channel(book: Book, name: str, page: str) -> Object:
    site = book.site
    support = site.support.get(name)
    return {
        "name": name,
        "title": channel_title(name),
        "feeds_from": words(site.channels.get(name).feeds_from),
        "current": _current(book, name, page),
        "frozen": first_stop(site.frozen(name)),
        "stream_of": book.base(name),
        "streams": words(book.streams(name)),
        "supported_from": None if support is None else rfc3339(support.opened),
        "supported_until": None if support is None else rfc3339(support.ends),
        "support_ended": site.has_ended(name) or name in site.retired,
        "retired": name in site.retired,
        "floors": [
            {"version": str(floor.version), "reason": floor.reason}
            for floor in site.floors
            if floor.channel == name
        ],
        "mirrors": [
            {"name": mirror.name, "url": mirror.url, "verified": name in mirror.verified}
            for mirror in site.mirrors
            if name in mirror.channels
        ],
        "page": link(page, addresses.channel_page(name)),
        "api": link(page, addresses.api_channel(name)),
        "feed": link(page, addresses.feed(name)),
        "json_feed": link(page, addresses.json_feed(name)),
        "list": link(page, addresses.release_list(name)),
        "stream": link(page, addresses.stream_document(name)),
        "updates": link(page, addresses.updates_document(name)),
    }


def _current(book: Book, name: str, page: str) -> Json:
    """What the channel is at; it may be withdrawn. Null before its first release."""
    site = book.site
    published = site.current(name)
    entry = published and published.entry(name)
    if not published or not entry:
        return None
    version, document = published.release.version, book.document(published)
    rollout = site.rollouts.get(name)
    return {
        "version": str(version),
        "since": rfc3339(entry.since),
        "status": book.standing_in(published, entry).value,
        "paused": first_stop(standing(entry.pauses)),
        "withdrawn": first_stop(published.withdrawn),
        "architectures": words(architectures(published)),
        "rollout": None
        if rollout is None
        else {**rollout_plan(rollout), "share": float(rollout.share), "share_at": rfc3339(site.generated_at)},
        "known_issues": words([issue.name for issue in book.issues.get(version, ()) if issue.state.is_open]),
        "document": None if document is None else link(page, document),
        "page": link(page, addresses.release_page(version)),
        "api": link(page, addresses.api_release(version)),
    }


def _offered(book: Book, offer: Offer, page: str) -> Json:
    published = offer.published
    return {
        "version": str(offer.version),
        "since": rfc3339(offer.entry.since),
        "status": book.standing_in(published, offer.entry).value,
        "architectures": words(architectures(published)),
        "cves": cve_count(published),
        "page": link(page, addresses.release_page(offer.version)),
        "api": link(page, addresses.api_release(offer.version)),
    }

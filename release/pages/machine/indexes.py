"""The indexes for programs: ``index.json``, and ``index.tab`` for shells. Pure."""

from __future__ import annotations

from release.canonical import Json
from release.catalog.channel import Channel
from release.notes.characters import FORBIDDEN
from release.pages import addresses
from release.pages.machine.book import Book, Status, architectures, cve_count, published_at
from release.pages.machine.writing import SCHEMA_VERSION, dump, first_stop, moment, words
from release.pages.records import PublishedRelease, standing
from release.pages.site import Site
from release.pages.wording import rfc3339

TABLE_COLUMNS = (
    "version",
    "published",
    "status",
    "channels",
    "current_in",
    "architectures",
    "cves",
    "software",
    "document",
    "paused_in",
)
"""Of ``index.tab``. Columns are only ever added at the end."""

_EMPTY = "-"

_STATUS = {Status.WITHDRAWN: "withdrawn", Status.EOL: "ended", Status.PAUSED: "paused"}
"""What keeps machines on a channel from being offered what it points to, or anything newer."""


def machine_index(site: Site, book: Book | None = None) -> bytes:
    """``index.json``: what each channel points to, and every release, the highest version first.

    Paths are relative to the document. Times are RFC 3339. Names are only ever added. A stop that
    stands is an object with ``since``, ``reason`` and ``advice``; null where there is none.
    """
    book = book or Book(site)
    return dump(
        {
            "schema_version": SCHEMA_VERSION,
            "product": site.product,
            "generated_at": rfc3339(site.generated_at),
            "api": addresses.API_INDEX,
            "compare": addresses.COMPARE,
            "channels": {channel.name: _channel(book, channel) for channel in site.channels},
            "releases": [_indexed(book, published) for published in site.newest_first()],
        }
    )


def machine_table(site: Site, book: Book | None = None) -> bytes:
    """``index.tab``: every release, the highest version first, for ``cut`` and ``awk``.

    A line of names, then a line for each release; fields are separated by tabs and never empty (``-``).
    Lists are joined by commas, software is ``name=version``. ``current_in`` names the channels that are at
    the release, but for those where its rollout is paused: they are in ``paused_in``. Of several versions of
    the same software each is there.
    """
    book = book or Book(site)
    lines = [TABLE_COLUMNS, *(_row(book, published) for published in site.newest_first())]
    return "".join("\t".join(map(_field, line)) + "\n" for line in lines).encode()


def _channel(book: Book, channel: Channel) -> Json:
    site, name = book.site, channel.name
    published = site.current(name)
    entry = published and published.entry(name)
    support = site.support.get(name)
    return {
        "current": str(published.release.version) if published else None,
        "status": _STATUS.get(book.standing_in(published, entry), "offered") if published and entry else None,
        "feed": addresses.feed(name),
        "paused": first_stop(standing(entry.pauses)) if entry else None,
        "frozen": first_stop(site.frozen(name)),
        "streams": words(book.streams(name)),
        "support": None
        if support is None
        else {
            "stream_of": support.stream_of,
            "opened": rfc3339(support.opened),
            "ends": rfc3339(support.ends),
        },
        "retired": name in site.retired,
        "page": addresses.channel_page(name),
        "json_feed": addresses.json_feed(name),
        "list": addresses.release_list(name),
        "api": addresses.api_channel(name),
    }


def _indexed(book: Book, published: PublishedRelease) -> Json:
    release = published.release
    origin = release.lineage.derives_from
    entries = book.entries(published)
    return {
        "version": str(release.version),
        "digest": None if published.release_digest is None else str(published.release_digest),
        "document": book.document(published),
        "page": addresses.release_page(release.version),
        "created": rfc3339(release.created),
        "boards": words([board.board for board in release.boards]),
        "channels": {entry.name: rfc3339(entry.since) for entry in entries},
        "withdrawn": first_stop(published.withdrawn),
        "hurried": {
            entry.name: {
                "skipped": list(entry.hurry.skipped),
                "reason": entry.hurry.reason,
                "incident": entry.hurry.incident,
            }
            for entry in entries
            if entry.hurry
        },
        "lineage": {
            "kind": release.lineage.kind.value,
            "derives_from": None if origin is None else str(origin),
        },
        "imported": published.is_imported,
        "status": book.status(published).value,
        "current_in": words(book.at_it(published, paused=False)),
        "paused_in": words(book.at_it(published, paused=True)),
        "architectures": words(architectures(published)),
        "cves": cve_count(published),
        "collected": moment(published.collected),
        "revisions": [rfc3339(revision.recorded) for revision in published.revisions],
        "known_issues": words([issue.name for issue in book.issues.get(release.version, ())]),
        "from": addresses.from_version_page(release.version),
        "api": addresses.api_release(release.version),
    }


def _row(book: Book, published: PublishedRelease) -> tuple[str, ...]:
    release = published.release
    return (
        str(release.version),
        moment(published_at(published)) or "",
        book.status(published).value,
        ",".join(entry.name for entry in book.entries(published)),
        ",".join(book.at_it(published, paused=False)),
        ",".join(architectures(published)),
        str(cve_count(published)),
        ",".join(f"{package.name}={package.version}" for package in release.software),
        book.document(published) or "",
        ",".join(book.at_it(published, paused=True)),
    )


def _field(text: str) -> str:
    """One field: no tab, no line end, no space at its ends, something where there is nothing."""
    return " ".join(FORBIDDEN.sub("\ufffd", text).split()) or _EMPTY

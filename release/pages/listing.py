"""What is in a version's folder on a mirror: ``index.html`` for people, ``index.json`` for scripts. Pure.

Derived from ``release.json`` alone, the same bytes each time, and not signed: nobody has to believe a
listing, since every file has its signature, and ``release.json`` names them all. Reads templates from disk.

``index.json`` is an array of objects. ``name``, ``size``, ``url``, ``mod_time``, ``is_dir`` and
``is_symlink`` are those of Caddy's ``file_server browse``, which scripts that mirror Flatcar read; ``sha256``
and ``type`` are ours. ``size`` and ``sha256`` are null for signatures, which ``release.json`` does not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.bundle.layout import Shipped, derived_files, document_key, shipped
from release.bundle.release import Release
from release.catalog.board import Board
from release.catalog.naming import PAGES_PREFIX, NamingScheme, image_prefix, update_prefix
from release.digests import Digest
from release.errors import InputError
from release.mirror.content_types import content_type
from release.mirror.replica import Document
from release.pages import addresses
from release.pages.press import Press
from release.pages.view import Frame
from release.pages.wording import channel_title, rfc3339, size, time_of

LISTING_PAGE = "index.html"
LISTING_DATA = "index.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of a folder. ``size`` is in bytes."""

    name: str
    size: int | None
    sha256: Digest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A link to another file of the mirror."""

    href: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One file on the page, and what is beside it."""

    name: str
    bytes: int
    size: str
    sha256: str
    signature: str
    beside: tuple[Way, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingView:
    """All that the template prints."""

    frame: Frame
    path: str
    version: str
    release: str
    ways: tuple[Way, ...]
    rows: tuple[Row, ...]


def release_listings(
    release: Release,
    naming: NamingScheme,
    *,
    channels: Iterable[str] | None = None,
    templates: Path | None = None,
) -> tuple[Document, ...]:
    """The listings of every folder that has files of ``release``, the data before the page.

    Args:
        release: whose.
        naming: what signatures and hash files are called.
        channels: under which of them its images are; by default the one it was built for. Payloads are under
            ``update/``, whatever the channel.
        templates: a directory whose files take the place of the built-in ones of the same name.

    Raises:
        InputError: the release ships a file that is called like a listing, or a template is wrong.
    """
    press = Press(templates)
    documents: list[Document] = []
    for folder, items in _folders(release, (release.channel,) if channels is None else tuple(channels)):
        entries = _entries(items, naming)
        clash = {LISTING_PAGE, LISTING_DATA} & {entry.name for entry in entries}
        if clash:
            raise InputError(f"{folder}{min(clash)}: a file of the release is called like a listing")
        view = _view(release, naming, folder, items)
        documents += (
            Document(key=folder + LISTING_DATA, data=_data(release, entries)),
            Document(
                key=folder + LISTING_PAGE,
                data=press.page("listing.html", view=view),
            ),
        )
    return tuple(documents)


def _folders(release: Release, channels: Sequence[str]) -> Iterator[tuple[str, list[Shipped]]]:
    """Every folder and what ``release.json`` says is in it."""
    for board in release.boards:
        of_board = [item for item in shipped(release) if item.board.board == board.board]
        images = [item for item in of_board if item.payload is None]
        payloads = [item for item in of_board if item.payload is not None]
        for channel in channels:
            if images:
                yield image_prefix(channel, board.board, release.version), images
        if payloads:
            yield update_prefix(board.board, release.version), payloads


def _entries(items: Sequence[Shipped], naming: NamingScheme) -> list[Entry]:
    """All files of a folder, signatures and hash files too, by name."""
    entries: list[Entry] = []
    for item in items:
        artifact = item.artifact
        entries.append(Entry(name=artifact.name, size=artifact.size, sha256=artifact.sha256))
        for key, data in derived_files(item, naming).items():
            entries.append(Entry(name=_name(key), size=len(data), sha256=Digest.sha256(data)))
    signed = [entry.name + naming.signature_suffix for entry in entries]
    entries += (Entry(name=name, size=None, sha256=None) for name in signed)
    return sorted(entries, key=lambda entry: entry.name)


def _data(release: Release, entries: Sequence[Entry]) -> bytes:
    created = rfc3339(release.created)
    listing = [
        {
            "name": entry.name,
            "size": entry.size,
            "url": f"./{entry.name}",
            "mod_time": created,
            "is_dir": False,
            "is_symlink": False,
            "sha256": None if entry.sha256 is None else entry.sha256.hex,
            "type": content_type(entry.name),
        }
        for entry in entries
    ]
    return json.dumps(listing, indent=1, ensure_ascii=True).encode("ascii") + b"\n"


def _view(release: Release, naming: NamingScheme, folder: str, items: Sequence[Shipped]) -> ListingView:
    root = "../" * folder.count("/")
    version = str(release.version)
    pages = f"{root}{PAGES_PREFIX}"
    return ListingView(
        frame=Frame(
            product=release.product,
            title=f"{folder} - {release.product}",
            description=f"Files of {release.product} {version} in {folder}",
            root=pages,
            canonical=None,
            feeds=(),
            generated=time_of(release.created),
        ),
        path=folder,
        version=version,
        release=pages + addresses.release_page(release.version),
        ways=tuple(_ways(release, root, folder, items[0].board.board)),
        rows=tuple(_row(item, naming) for item in items),
    )


def _ways(release: Release, root: str, folder: str, board: Board) -> Iterator[Way]:
    """Where else the release has something for this board."""
    document = document_key(release.version)
    yield Way(href=root + document, text=_name(document))
    images = image_prefix(release.channel, board, release.version)
    payloads = update_prefix(board, release.version)
    if folder == payloads:
        if release.board(board).files:
            title = channel_title(release.channel)
            yield Way(href=f"{root}{images}{LISTING_PAGE}", text=f"Images for {board} ({title})")
    elif release.board(board).payloads:
        yield Way(href=f"{root}{payloads}{LISTING_PAGE}", text=f"Update payloads for {board}")


def _row(item: Shipped, naming: NamingScheme) -> Row:
    artifact = item.artifact
    return Row(
        name=artifact.name,
        bytes=artifact.size,
        size=size(artifact.size),
        sha256=artifact.sha256.hex,
        signature=artifact.name + naming.signature_suffix,
        beside=tuple(
            Way(href=_name(key), text=key.removeprefix(f"{item.key}.")) for key in derived_files(item, naming)
        ),
    )


def _name(key: str) -> str:
    return key.rpartition("/")[2]

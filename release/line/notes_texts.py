"""Texts that took the place of a release's notes: in the store beside the release, each under its digest."""

from __future__ import annotations

from collections.abc import Callable

from release.bundle.layout import notes_key
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError
from release.mirror.store import ConflictError, ObjectReader, ObjectWriter
from release.notes.characters import FORBIDDEN
from release.pages.markdown import NOTES_LIMIT, to_html

NOTES_BYTES = 4 * NOTES_LIMIT
"""Bytes of one text at most: UTF-8 takes up to four for a character."""


def notes_digest(text: str) -> Digest:
    """What names a text: the SHA-256 of its UTF-8 bytes."""
    return Digest.sha256(text.encode())


def parse_notes(data: bytes, where: str) -> str:
    """The text in a file that is to be shown as notes.

    Raises InputError, with the line where there is one: not UTF-8, empty, too long, a character that acts on
    its reader, or Markdown that cannot be rendered.
    """
    text = _decoded(data, where)
    to_html(text)
    return text


def _decoded(data: bytes, where: str) -> str:
    """The text, unless it is one that nobody may be shown. Nothing is rendered, which may take long."""
    if len(data) > NOTES_BYTES:
        raise InputError(f"{where}: expected at most {NOTES_BYTES:,} bytes, found {len(data):,}")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: expected UTF-8: {error}") from error
    if len(text) > NOTES_LIMIT:
        raise InputError(f"{where}: expected at most {NOTES_LIMIT} characters, found {len(text)}")
    found = FORBIDDEN.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise InputError(
            f"{where}:{line}: character {found[0]!a} does not belong into notes",
            hint="line ends of Windows (\\r)? Convert the file." if found[0] == "\r" else None,
        )
    if not text.strip():
        raise InputError(f"{where}: the notes say nothing")
    return text


def keep_notes(store: ObjectWriter, version: Version, text: str) -> Digest:
    """Put a text into the store, read it back, and return its digest. Raises as ``read_notes``.

    Raises:
        ConflictError: other bytes have taken its place, which is written once.
    """
    digest = notes_digest(text)
    try:
        store.create(notes_key(version, digest), text.encode(), sha256=digest)
    except ConflictError as error:
        raise ConflictError(
            error.message,
            hint="this very text was replaced in the store: delete that object there, or change the text",
        ) from error
    read_notes(store, version, digest)
    return digest


def read_notes(store: ObjectReader, version: Version, digest: Digest) -> str:
    """The text of that digest, which may be one that cannot be rendered.

    That was asked on its way in, by ``parse_notes`` of that time. It takes long to ask, and pages render it
    themselves, remember what came out, and show as it was written what cannot be rendered.

    Raises:
        InputError: it is not there, or is no text that anybody may be shown.
        NotVerifiedError: the store holds other bytes.
    """
    key = notes_key(version, digest)
    data = store.read(key, NOTES_BYTES)
    if Digest.sha256(data) != digest:
        raise NotVerifiedError(f"{key}: expected {digest}, found {Digest.sha256(data)}")
    return _decoded(data, key)


def notes_reader(store: ObjectReader) -> Callable[[Version, Digest], str]:
    """``read_notes`` from this store."""
    return lambda version, digest: read_notes(store, version, digest)

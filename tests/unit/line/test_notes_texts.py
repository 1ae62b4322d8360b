"""Texts that take the place of notes: what is taken, and that what the store gives back is compared."""

from __future__ import annotations

import pytest

from release.bundle.layout import notes_key
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError
from release.line.notes_texts import NOTES_BYTES, keep_notes, notes_reader, parse_notes
from release.mirror.store import ConflictError
from tests.memory_store import MemoryStore

ONE = Version(1, 0, 0)
TEXT = "# Größer\n\n\tSELINUX=<yes|no>\n"


def test_a_text_is_kept_beside_its_release_under_its_digest() -> None:
    store = MemoryStore()
    digest = keep_notes(store, ONE, TEXT)
    assert digest == Digest.sha256(TEXT.encode())
    assert list(store.objects) == [f"releases/1.0.0/notes/{digest.hex}.md"]
    assert keep_notes(store, ONE, TEXT) == digest
    assert notes_reader(store)(ONE, digest) == TEXT


def test_what_comes_back_is_compared_with_its_digest() -> None:
    store = MemoryStore()
    digest = Digest.sha256(TEXT.encode())
    store.faults.lie.add(notes_key(ONE, digest))
    with pytest.raises(NotVerifiedError, match=f"expected {digest}, found"):
        keep_notes(store, ONE, TEXT)


def test_a_text_whose_place_was_taken_by_other_bytes_is_refused_and_what_to_do_is_said() -> None:
    store = MemoryStore()
    store.objects[notes_key(ONE, Digest.sha256(TEXT.encode()))] = b"other"
    with pytest.raises(ConflictError, match=r"notes/.*\.md: expected") as refused:
        keep_notes(store, ONE, TEXT)
    assert "delete that object there, or change the text" in str(refused.value.hint)


def test_what_is_read_is_not_rendered_and_all_else_is_checked() -> None:
    store = MemoryStore()

    def kept(data: bytes) -> Digest:
        digest = Digest.sha256(data)
        store.objects[notes_key(ONE, digest)] = data
        return digest

    read, unrendered = notes_reader(store), kept(b"[" * 300)
    assert read(ONE, unrendered) == "[" * 300
    with pytest.raises(InputError, match="there is no such object"):
        read(ONE, Digest.sha256(b"none"))
    for data, message in ((b"\xff", "expected UTF-8"), (b"\x1b", "does not belong into notes")):
        with pytest.raises(InputError, match=message):
            read(ONE, kept(data))
    with pytest.raises(InputError, match="expected at most 262144 characters"):
        read(ONE, kept(b"a" * (NOTES_BYTES // 4 + 1)))
    store.objects[notes_key(ONE, unrendered)] = b"other"
    with pytest.raises(NotVerifiedError, match=f"expected {unrendered}"):
        read(ONE, unrendered)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"Hello\n\x1b[2J", r"notes\.md:2: character '\\x1b' does not belong into notes"),
        ("a\n\nb\u202ec".encode(), r"notes\.md:3: character '\\u202e'"),
        (b"\xff", "expected UTF-8"),
        (b" \n\n", "the notes say nothing"),
        (b"[" * 300, "brackets open at"),
        (b"a" * (NOTES_BYTES + 1), "expected at most 1,048,576 bytes"),
        (b"a" * (NOTES_BYTES // 4 + 1), "expected at most 262144 characters"),
    ],
)
def test_what_cannot_be_shown_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_notes(data, "notes.md")


def test_line_ends_of_windows_are_refused_with_a_hint() -> None:
    with pytest.raises(InputError) as refused:
        parse_notes(b"Hello\r\n", "notes.md")
    assert "Windows" in str(refused.value.hint)

"""Reading a mirror back tells what is wrong, where, and does not read for ever."""

from __future__ import annotations

import pytest

from release.digests import Digest
from release.errors import UnavailableError
from release.line.read_back import ReadBackError, read_back
from release.mirror.plan import Wanted
from tests.memory_store import MemoryStore

URL = "https://eu.example.org/"


def wanted(key: str, data: bytes) -> Wanted:
    return Wanted(key=key, size=len(data), sha256=Digest.sha256(data))


def stored(**files: bytes) -> MemoryStore:
    store = MemoryStore()
    for key, data in files.items():
        store.replace(key, data)
    return store


def nobody(_key: str, _done: int) -> None:
    """Is told of progress."""


def test_what_is_there_is_told_byte_by_byte_and_is_no_error() -> None:
    told: list[tuple[str, int]] = []
    files = [wanted("one", b"abc"), wanted("none", b"")]
    read_back(stored(one=b"abc", none=b""), URL, files, lambda key, done: told.append((key, done)))
    assert told == [("one", 3)]


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ({}, "found nothing"),
        ({"one": b"ab"}, f"found 2 bytes, {Digest.sha256(b'ab')}"),
        ({"one": b"abd"}, f"found 3 bytes, {Digest.sha256(b'abd')}"),
        ({"one": b"abc" + bytes(1 << 22)}, "found more than 3 bytes"),
    ],
    ids=["missing", "shorter", "other", "longer"],
)
def test_what_differs_is_told_with_its_address_and_what_was_expected(
    there: dict[str, bytes], found: str
) -> None:
    with pytest.raises(ReadBackError) as caught:
        read_back(stored(**there), URL, [wanted("one", b"abc")], nobody)
    assert f"{URL}one: expected 3 bytes, {Digest.sha256(b'abc')}; {found}" in caught.value.message


def test_after_some_that_are_wrong_no_more_are_read() -> None:
    files = [wanted(f"file{number}", b"abc") for number in range(50)]
    with pytest.raises(ReadBackError) as caught:
        read_back(MemoryStore(), URL, files, nobody)
    assert caught.value.message.count(URL) == 5


def test_a_mirror_that_is_away_is_not_a_mirror_that_lies() -> None:
    store = stored(one=b"abd")
    store.faults.down = True
    with pytest.raises(UnavailableError):
        read_back(store, URL, [wanted("one", b"abc")], nobody)

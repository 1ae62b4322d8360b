"""What every store must do, as one class of tests. A subclass gives the fixture ``store``."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from release.digests import Digest, hash_stream
from release.errors import InputError
from release.mirror.store import (
    POINTER_LIMIT,
    AlreadyThere,
    ConflictError,
    Created,
    LostRaceError,
    MissingObjectError,
    ObjectTooLargeError,
    Store,
)
from tests.memory_store import MemoryStore

T = TypeVar("T")
_WRITERS = 8
KEY = "alpha/amd64-usr/4593.0.1/version.txt"
ODD_KEYS = (
    "",
    "/",
    "/etc/passwd",
    "a//b",
    "a/",
    "a/./b",
    "../a",
    "a/../b",
    "a b",
    "a\\b",
    "a\n",
    "ä",
    "a?b",
    "a#b",
    "a%2e",
    ".humpyard/tmp",
    "a/.hidden",
    "-a",
    "a\0b",
    "s" * 201,
    "/".join(["segment"] * 200),
)


def sha(data: bytes) -> Digest:
    """Short, as it is everywhere below."""
    return Digest.sha256(data)


def race(attempts: list[Callable[[], T]]) -> list[T | Exception]:
    """All at the same moment, each in its thread; their results or exceptions."""
    barrier = Barrier(len(attempts))

    def run(attempt: Callable[[], T]) -> T | Exception:
        barrier.wait()
        try:
            return attempt()
        except Exception as error:  # noqa: BLE001  # the caller looks at it
            return error

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(run, attempts))


class StoreConformance:
    """The promises of ``release.mirror.store``, one test each."""

    def test_what_was_created_is_read_back(self, store: Store) -> None:
        assert store.create(KEY, b"text\n", sha256=sha(b"text\n")) == Created(KEY)
        assert store.read(KEY) == b"text\n"
        with store.open(KEY) as stream:
            assert stream.read(3) == b"tex"
            assert hash_stream(stream).size == 2
        stat = store.stat(KEY)
        assert stat is not None
        assert stat.size == 5
        assert stat.sha256 in {None, sha(b"text\n")}

    def test_an_empty_object_is_an_object(self, store: Store) -> None:
        assert store.create(KEY, b"", sha256=sha(b"")) == Created(KEY)
        assert store.read(KEY) == b""
        assert store.create(KEY, b"", sha256=sha(b"")) == AlreadyThere(KEY)

    def test_the_same_bytes_again_change_nothing(self, store: Store, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"same")
        assert store.create(KEY, source, sha256=sha(b"same")) == Created(KEY)
        before = store.stat(KEY)
        assert store.create(KEY, source, sha256=sha(b"same")) == AlreadyThere(KEY)
        assert store.stat(KEY) == before

    def test_other_bytes_under_a_taken_key_are_refused(self, store: Store) -> None:
        store.create(KEY, b"old", sha256=sha(b"old"))
        with pytest.raises(ConflictError, match=f"{KEY}: expected {sha(b'new')}, found {sha(b'old')}"):
            store.create(KEY, b"new", sha256=sha(b"new"))
        assert store.read(KEY) == b"old"

    def test_a_source_that_is_not_what_was_promised_is_not_published(self, store: Store) -> None:
        with pytest.raises(InputError, match=f"expected {sha(b'a')}, found {sha(b'b')}"):
            store.create(KEY, b"b", sha256=sha(b"a"))
        assert store.stat(KEY) is None
        assert list(store.list("")) == []

    def test_a_missing_source_is_an_input_error(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="absent: No such file"):
            store.create(KEY, tmp_path / "absent", sha256=sha(b""))
        assert store.stat(KEY) is None

    def test_only_sha256_identifies_content(self, store: Store) -> None:
        with pytest.raises(InputError, match="expected a SHA-256"):
            store.create(KEY, b"", sha256=Digest("md5", bytes(16)))

    def test_of_eight_writers_of_different_bytes_one_wins(self, store: Store) -> None:
        texts = [f"writer {number}\n".encode() * 1000 for number in range(_WRITERS)]
        results = race([partial(store.create, KEY, text, sha256=sha(text)) for text in texts])
        assert [type(result) for result in results if not isinstance(result, ConflictError)] == [Created]
        winner = next(number for number, result in enumerate(results) if isinstance(result, Created))
        assert store.read(KEY) == texts[winner]

    def test_of_eight_writers_of_the_same_bytes_one_creates_and_none_fails(self, store: Store) -> None:
        results = race([lambda: store.create(KEY, b"same", sha256=sha(b"same"))] * _WRITERS)
        assert sorted(type(result).__name__ for result in results) == ["AlreadyThere"] * 7 + ["Created"]

    def test_a_big_object_arrives_whole(self, store: Store, tmp_path: Path) -> None:
        source = tmp_path / "big"
        block = bytes(range(256)) * 4096
        source.write_bytes(b"".join(bytes([number]) + block for number in range(21)))
        digest = sha(source.read_bytes())
        assert store.create("big/image.bin", source, sha256=digest) == Created("big/image.bin")
        with store.open("big/image.bin") as stream:
            found = hash_stream(stream)
        assert (found.size, found.sha256) == (source.stat().st_size, digest)
        assert store.create("big/image.bin", source, sha256=digest) == AlreadyThere("big/image.bin")
        source.write_bytes(bytes(20 << 20))
        with pytest.raises(ConflictError):
            store.create("big/image.bin", source, sha256=sha(bytes(20 << 20)))

    def test_a_big_source_that_is_not_what_was_promised_is_not_published(
        self, store: Store, tmp_path: Path
    ) -> None:
        source = tmp_path / "big"
        source.write_bytes(bytes(20 << 20))
        with pytest.raises(InputError, match=r"big, to be stored as big/image\.bin: expected sha256:"):
            store.create("big/image.bin", source, sha256=sha(b"other"))
        assert store.stat("big/image.bin") is None

    def test_a_missing_object_is_named(self, store: Store) -> None:
        with pytest.raises(MissingObjectError, match=f"{KEY}: there is no such object"):
            store.open(KEY)
        with pytest.raises(MissingObjectError, match=KEY):
            store.read(KEY)
        assert store.stat(KEY) is None
        assert store.stat("alpha") is None
        assert list(store.list("alpha/")) == []

    def test_a_folder_is_not_an_object(self, store: Store) -> None:
        store.create(KEY, b"x", sha256=sha(b"x"))
        assert store.stat("alpha/amd64-usr") is None
        with pytest.raises(MissingObjectError):
            store.open("alpha/amd64-usr")

    def test_an_object_is_written_from_a_stream(self, store: Store) -> None:
        """Which is opened anew for each attempt, and of which nothing is stored when it is wrong."""
        data, opened = bytes(range(256)) * 9000, []

        def open_stream() -> io.BytesIO:
            opened.append(io.BytesIO(data))
            return opened[-1]

        with pytest.raises(InputError, match=f"stream given, to be stored as {KEY}: expected"):
            store.create(KEY, open_stream, sha256=sha(b"promised"))
        assert store.stat(KEY) is None
        assert store.create(KEY, open_stream, sha256=sha(data)) == Created(KEY)
        assert store.create(KEY, open_stream, sha256=sha(data)) == AlreadyThere(KEY)
        assert store.read(KEY) == data
        assert all(one.closed for one in opened)

    def test_a_store_is_filled_from_another_one(self, store: Store) -> None:
        other = MemoryStore({KEY: b"text"})
        assert store.create(KEY, partial(other.open, KEY), sha256=sha(b"text")) == Created(KEY)
        assert store.read(KEY) == b"text"

    def test_reading_is_bounded(self, store: Store) -> None:
        store.create(KEY, b"12345", sha256=sha(b"12345"))
        assert store.read(KEY, 5) == b"12345"
        with pytest.raises(ObjectTooLargeError, match=f"{KEY}: expected at most 4 bytes, found more"):
            store.read(KEY, 4)

    def test_listing_is_sorted_by_code_point_and_bounded_by_the_prefix(self, store: Store) -> None:
        keys = ["a-b", "a.b/c", "a/b", "a/b-c", "a0", "B/x", "ledger/00000010.json", "ledger/00000009.json"]
        for key in keys:
            store.create(key, b"", sha256=sha(b""))
        assert list(store.list("")) == sorted(keys)
        assert list(store.list("a/")) == ["a/b", "a/b-c"]
        assert list(store.list("a/b-")) == ["a/b-c"]
        assert list(store.list("ledger/")) == ["ledger/00000009.json", "ledger/00000010.json"]
        assert list(store.list("none/")) == []

    def test_odd_keys_are_refused_everywhere(self, store: Store) -> None:
        for key in ODD_KEYS:
            self._refuses(store, key)
        assert list(store.list("")) == []

    def _refuses(self, store: Store, key: str) -> None:
        attempts: tuple[Callable[[], object], ...] = (
            lambda: store.open(key),
            lambda: store.read(key),
            lambda: store.stat(key),
            lambda: store.create(key, b"", sha256=sha(b"")),
            lambda: store.copy(key, KEY, sha256=sha(b"")),
            lambda: store.copy(KEY, key, sha256=sha(b"")),
            lambda: store.replace(key, b""),
            lambda: store.read_pointer(key),
            lambda: store.swap_pointer(key, None, b""),
            lambda: store.delete(key),
        )
        for attempt in attempts:
            with pytest.raises(InputError, match="expected segments joined"):
                attempt()

    def test_odd_prefixes_are_refused(self, store: Store) -> None:
        for prefix in ("/", "../", "a//", "a/../", ".humpyard/", "a b", "a" * 901):
            with pytest.raises(InputError, match="key prefix"):
                store.list(prefix)

    def test_a_copy_is_the_same_object_written_once(self, store: Store) -> None:
        target = "beta/amd64-usr/4593.0.1/version.txt"
        store.create(KEY, b"text", sha256=sha(b"text"))
        assert store.copy(KEY, target, sha256=sha(b"text")) == Created(target)
        assert store.read(target) == b"text"
        assert store.copy(KEY, target, sha256=sha(b"text")) == AlreadyThere(target)
        store.delete(KEY)
        assert store.read(target) == b"text"

    def test_a_copy_of_the_wrong_bytes_or_onto_others_is_refused(self, store: Store) -> None:
        store.create(KEY, b"text", sha256=sha(b"text"))
        store.create("taken", b"other", sha256=sha(b"other"))
        with pytest.raises(ConflictError, match=f"{KEY}: expected"):
            store.copy(KEY, "target", sha256=sha(b"promised"))
        with pytest.raises(ConflictError, match="taken: expected"):
            store.copy(KEY, "taken", sha256=sha(b"text"))
        with pytest.raises(MissingObjectError, match="absent"):
            store.copy("absent", "target", sha256=sha(b"text"))
        assert store.stat("target") is None
        assert store.read("taken") == b"other"

    def test_of_racing_copies_one_wins(self, store: Store) -> None:
        texts = [f"source {number}".encode() for number in range(_WRITERS)]
        for number, text in enumerate(texts):
            store.create(f"source/{number}", text, sha256=sha(text))
        results = race(
            [partial(store.copy, f"source/{n}", "target", sha256=sha(t)) for n, t in enumerate(texts)]
        )
        assert [type(result) for result in results if not isinstance(result, ConflictError)] == [Created]
        assert store.read("target") in texts

    def test_replace_overwrites(self, store: Store) -> None:
        store.replace("pages/index.html", b"one")
        store.replace("pages/index.html", b"two")
        assert store.read("pages/index.html") == b"two"

    def test_a_pointer_moves_only_from_where_it_is_thought_to_be(self, store: Store) -> None:
        assert store.read_pointer(KEY) is None
        with pytest.raises(LostRaceError, match="found None"):
            store.swap_pointer(KEY, sha(b"?").hex[:32], b"zero")
        first = store.swap_pointer(KEY, None, b"one")
        assert store.read_pointer(KEY) == first
        with pytest.raises(LostRaceError, match=f"to be at None, found {first.tag}"):
            store.swap_pointer(KEY, None, b"two")
        second = store.swap_pointer(KEY, first.tag, b"two")
        assert second.tag != first.tag
        with pytest.raises(LostRaceError):
            store.swap_pointer(KEY, first.tag, b"three")
        assert store.read_pointer(KEY) == second
        assert second.data == b"two"

    def test_a_pointer_that_is_there_already_is_no_error(self, store: Store) -> None:
        first = store.swap_pointer(KEY, None, b"one")
        assert store.swap_pointer(KEY, None, b"one") == first

    def test_of_eight_who_move_a_pointer_one_wins(self, store: Store) -> None:
        start = store.swap_pointer(KEY, None, b"start").tag
        texts = [f"to {number}".encode() for number in range(_WRITERS)]
        results = race([partial(store.swap_pointer, KEY, start, text) for text in texts])
        won = [result for result in results if not isinstance(result, LostRaceError)]
        assert won == [store.read_pointer(KEY)]

    def test_a_pointer_is_small(self, store: Store) -> None:
        store.replace(KEY, bytes(POINTER_LIMIT + 1))
        with pytest.raises(ObjectTooLargeError):
            store.read_pointer(KEY)

    def test_deleting_twice_is_no_error(self, store: Store) -> None:
        store.create(KEY, b"x", sha256=sha(b"x"))
        store.delete(KEY)
        store.delete(KEY)
        assert store.stat(KEY) is None

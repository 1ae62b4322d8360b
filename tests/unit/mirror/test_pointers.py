"""Channel pointers: bytes first, compare-and-swap, level-triggered, and never without a version."""

from __future__ import annotations

import pytest

from release.catalog.board import Board
from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.errors import InputError
from release.mirror.pointers import (
    MissingBytesError,
    PointerMovedError,
    move_channel_pointer,
    pointer_key,
    pointer_version,
    read_channel_pointer,
)
from release.mirror.store import LostRaceError, Pointer
from tests.memory_store import MemoryStore

BOARD = Board("amd64")
KEY = "alpha/amd64-usr/current/version.txt"
V1, V2, V3 = (Version(4593, 0, patch) for patch in (1, 2, 10))


def text(version: Version) -> bytes:
    return f"FLATCAR_BUILD={version.major}\nFLATCAR_VERSION={version}\nFLATCAR_VERSION_ID=x\n".encode()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore({f"alpha/amd64-usr/{version}/version.txt": text(version) for version in (V1, V2, V3)})


def test_a_channel_that_was_never_set_is_at_no_version(store: MemoryStore) -> None:
    assert pointer_key("alpha", BOARD) == KEY
    assert read_channel_pointer(store, "alpha", BOARD) is None


def test_a_channel_moves_from_nothing_and_on(store: MemoryStore) -> None:
    first = move_channel_pointer(store, "alpha", BOARD, expected=None, text=text(V1))
    assert (first.moved, first.before, first.after.version) == (True, None, V1)
    second = move_channel_pointer(store, "alpha", BOARD, expected=V1, text=text(V3))
    assert (second.moved, second.before, second.after.version) == (True, first.after, V3)
    assert read_channel_pointer(store, "alpha", BOARD) == second.after
    assert store.objects[KEY] == text(V3)


def test_moving_again_changes_nothing_and_says_so(store: MemoryStore) -> None:
    done = move_channel_pointer(store, "alpha", BOARD, expected=None, text=text(V1))
    again = move_channel_pointer(store, "alpha", BOARD, expected=None, text=text(V1))
    assert not again.moved
    assert again.after == again.before == done.after
    assert store.writes == 1


def test_a_channel_that_is_elsewhere_is_left_there(store: MemoryStore) -> None:
    move_channel_pointer(store, "alpha", BOARD, expected=None, text=text(V3))
    with pytest.raises(
        PointerMovedError, match=rf"{KEY}: expected the channel at {V1}, found {V3}"
    ) as caught:
        move_channel_pointer(store, "alpha", BOARD, expected=V1, text=text(V2))
    assert "decide again" in str(caught.value.hint)
    with pytest.raises(PointerMovedError, match=f"expected the channel at no version, found {V3}"):
        move_channel_pointer(store, "alpha", BOARD, expected=None, text=text(V2))
    assert store.objects[KEY] == text(V3)


def test_a_channel_that_vanished_is_noticed(store: MemoryStore) -> None:
    with pytest.raises(PointerMovedError, match=f"expected the channel at {V1}, found no version"):
        move_channel_pointer(store, "alpha", BOARD, expected=V1, text=text(V2))


def test_another_text_of_the_target_version_is_put_right(store: MemoryStore) -> None:
    store.objects[KEY] = f"FLATCAR_VERSION={V2}\n".encode()
    assert move_channel_pointer(store, "alpha", BOARD, expected=V1, text=text(V2)).moved
    assert store.objects[KEY] == text(V2)


def test_bytes_come_before_pointers(store: MemoryStore) -> None:
    """Of this channel and board: the same version elsewhere does not count."""
    with pytest.raises(
        MissingBytesError, match=f"objects of {V1} under beta/amd64-usr/{V1}/ before the pointer"
    ):
        move_channel_pointer(store, "beta", BOARD, expected=None, text=text(V1))
    with pytest.raises(MissingBytesError):
        move_channel_pointer(store, "alpha", Board("arm64"), expected=None, text=text(V1))
    with pytest.raises(MissingBytesError):
        move_channel_pointer(store, "alpha", BOARD, expected=None, text=text(Version(4593, 0, 0)))
    assert store.writes == 0


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"", "expected one line FLATCAR_VERSION=VERSION, found 0"),
        (b"FLATCAR_VERSION_ID=4593.0.1\n", "found 0"),
        (b" FLATCAR_VERSION=4593.0.1\n", "found 0"),
        (b"FLATCAR_VERSION=4593.0.1\nFLATCAR_VERSION=4593.0.1\n", "found 2"),
        (b"FLATCAR_VERSION=\n", "FLATCAR_VERSION: version ''"),
        (b"FLATCAR_VERSION=4593.0\n", "version '4593.0'"),
        (b"FLATCAR_VERSION=4593.0.1 \n", "version '4593.0.1 '"),
        (b"FLATCAR_VERSION=\xff\n", "version"),
    ],
)
def test_a_text_without_a_version_is_refused(store: MemoryStore, bad: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        move_channel_pointer(store, "alpha", BOARD, expected=None, text=bad)
    assert f"new text of {KEY}" in str(caught.value)
    store.objects[KEY] = bad
    with pytest.raises(InputError, match=f"^{KEY}: .*{message}"):
        read_channel_pointer(store, "alpha", BOARD)
    assert store.writes == 0


def test_the_field_is_the_products() -> None:
    naming = NamingScheme(version_field="COREOS_VERSION")
    store = MemoryStore({"alpha/amd64-usr/4593.0.1/x": b""})
    move_channel_pointer(
        store, "alpha", BOARD, expected=None, text=b"COREOS_VERSION=4593.0.1\n", naming=naming
    )
    found = read_channel_pointer(store, "alpha", BOARD, naming=naming)
    assert found is not None
    assert found.version == V1
    assert pointer_version(b"A=1.2.3\r\n", "A", "here") == Version(1, 2, 3)


class RacingStore(MemoryStore):
    """Someone else writes just before our swap, the first ``times`` times."""

    def __init__(self, objects: dict[str, bytes], *texts: bytes) -> None:
        super().__init__(objects)
        self._texts = list(texts)

    def swap_pointer(self, key: str, expected: str | None, data: bytes) -> Pointer:
        if self._texts:
            self.objects[key] = self._texts.pop(0)
        return super().swap_pointer(key, expected, data)


def test_a_lost_race_is_decided_by_looking_again(store: MemoryStore) -> None:
    same = RacingStore(store.objects.copy(), text(V2))
    assert move_channel_pointer(same, "alpha", BOARD, expected=None, text=text(V2)).after.version == V2
    assert same.writes == 0
    other = RacingStore(store.objects.copy(), text(V3))
    with pytest.raises(PointerMovedError, match=f"expected the channel at no version, found {V3}"):
        move_channel_pointer(other, "alpha", BOARD, expected=None, text=text(V2))
    assert other.objects[KEY] == text(V3)


def test_a_race_that_never_ends_is_given_up(store: MemoryStore) -> None:
    texts = [text(V1) + b"#" * number for number in range(9)]
    racing = RacingStore(store.objects | {KEY: text(V1)}, *texts[1:])
    with pytest.raises(LostRaceError, match="others moved this pointer 5 times"):
        move_channel_pointer(racing, "alpha", BOARD, expected=V1, text=text(V2))

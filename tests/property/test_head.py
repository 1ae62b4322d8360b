"""Whatever a mirror sends: it is refused as not verified, or it is what the pipeline signed."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import InputError, NotVerifiedError
from release.trust.head import HeadError, read_head, unseal, write_head
from release.trust.seen import read_seen
from release.trust.verify import verify_head, verify_ledger
from tests.unit.trust.mirrors import SignedScene

SCENE = SignedScene()
SIGNED = SCENE.signed()
HEAD = SCENE.head()
FIELDS = json.loads(write_head(HEAD))
ENTRIES = SCENE.entries()
BELIEVED = verify_head(SIGNED, SCENE.visitor())


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
    """The data with one byte changed, left out or put in, or cut off."""

    def change(place: int, value: int, how: int) -> bytes:
        middle = (bytes([value]), b"", data[place : place + 1] + bytes([value]))[how]
        return data[:place] + middle + data[place + 1 :]

    edits = st.builds(change, st.integers(0, len(data) - 1), st.integers(0, 255), st.integers(0, 2))
    cuts = st.integers(0, len(data) - 1).map(lambda length: data[:length])
    return st.one_of(edits, cuts)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.binary())
def test_no_bytes_make_unsealing_raise_anything_else(data: bytes) -> None:
    with pytest.raises(HeadError):
        unseal(data, "head.json")


@given(st.dictionaries(st.sampled_from([*FIELDS, "more"]), json_values))
def test_no_fields_make_reading_raise_anything_else(fields: dict[str, object]) -> None:
    with suppress(HeadError):
        assert write_head(read_head(json.dumps({**FIELDS, **fields}), "head.json"))


@given(damaged(SIGNED))
def test_a_damaged_head_is_refused_or_says_the_same(data: bytes) -> None:
    """A blank more in the envelope changes nothing; the signature is over the text inside."""
    with suppress(HeadError):
        assert verify_head(data, SCENE.visitor()).head == HEAD


@given(st.data())
def test_a_damaged_ledger_is_refused_to_the_last_byte(data: st.DataObject) -> None:
    """Even where no signature is looked at, and even a blank: every byte is in the head's digest."""
    place = data.draw(st.integers(0, len(ENTRIES) - 1))
    entry = data.draw(damaged(ENTRIES[place]))
    entries = [*ENTRIES[:place], entry, *ENTRIES[place + 1 :]]
    if entry == ENTRIES[place]:
        verify_ledger(BELIEVED, entries, SCENE.visitor())
        return
    with pytest.raises(NotVerifiedError):
        verify_ledger(BELIEVED, entries, SCENE.visitor())


@given(st.lists(st.sampled_from(ENTRIES), max_size=len(ENTRIES) + 1))
def test_entries_left_out_repeated_or_in_another_order_are_refused(entries: list[bytes]) -> None:
    if entries == ENTRIES:
        return
    with pytest.raises(NotVerifiedError):
        verify_ledger(BELIEVED, entries, SCENE.visitor())


@given(st.binary())
def test_no_bytes_make_a_memory_raise_anything_else(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seen.json"
        path.write_bytes(data)
        with pytest.raises(InputError):
            read_seen(path)

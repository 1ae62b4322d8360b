"""The ledger for any course of events: prefixes are states, nothing invalid gets in, no bit may change."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release.catalog.naming import ledger_key
from release.errors import InputError
from release.ledger.chain import EntryRefusedError, open_entry
from release.ledger.entries import LedgerBrokenError, Sealed, write_sealed
from release.ledger.fold import fold
from release.ledger.kinds import KINDS, Content, EvidenceFound, read_content
from release.ledger.state import State
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import (
    NOW,
    PIPELINE,
    TRUST,
    digest_of,
    keyring,
    made,
    moved,
    reader,
    released,
    request_text,
    sign_off_text,
    started,
    writer,
)
from tests.unit.ledger.fakes import (
    given as given_,
)

QUICK = settings(
    max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

versions = st.sampled_from(("1.0.0", "2.0.0", "3.0.0"))
channels = st.sampled_from(("alpha", "beta"))
requests = st.builds(request_text, versions, channels, st.integers(0, 2))
contents: st.SearchStrategy[Content] = st.one_of(
    st.builds(released, versions, channels),
    versions.map(lambda version: released(version, offered_in=("beta",))),
    requests.map(made),
    requests.map(lambda text: given_(sign_off_text(text))),
    st.builds(moved, requests, st.integers(1, 2), st.none() | versions),
    st.booleans().map(lambda passed: EvidenceFound(release=digest_of("x"), name="tests", passed=passed)),
)


def told(story: list[Content]) -> tuple[MemoryStore, list[State]]:
    """A ledger of what was accepted of the story, and the state after each entry."""
    store = MemoryStore()
    states = [started(store)]
    ledger = writer(store)
    for content in story:
        with suppress(EntryRefusedError):
            states.append(ledger.append(lambda _state, content=content: content, now=NOW))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    return store, states


@QUICK
@given(st.lists(contents, max_size=30))
def test_the_state_after_any_prefix_is_the_state_there_was(story: list[Content]) -> None:
    store, states = told(story)
    entries = reader(store).read().entries
    assert len(entries) == len(states)
    for length, state in enumerate(states, start=1):
        assert fold(entries[:length], TRUST) == state


@QUICK
@given(st.lists(contents, max_size=30))
def test_channels_only_go_up(story: list[Content]) -> None:
    _, states = told(story)
    state = states[-1]
    for channel in ("alpha", "beta"):
        heads = [head for head in state.history if head.channel == channel]
        assert [head.generation for head in heads] == list(range(1, len(heads) + 1))
        assert all(one.version < two.version for one, two in pairwise(heads))
        assert state.heads.get(channel) == (heads[-1] if heads else None)


STORY, _ = told(
    [
        released("1.0.0"),
        made(request_text("1.0.0")),
        given_(sign_off_text(request_text("1.0.0"))),
        moved(request_text("1.0.0")),
    ]
)


@QUICK
@given(st.integers(0, 4), st.integers(0), st.integers(0, 7))
def test_no_bit_of_the_ledger_may_change(sequence: int, position: int, bit: int) -> None:
    store = MemoryStore(STORY.objects)
    data = bytearray(store.objects[ledger_key(sequence)])
    data[position % len(data)] ^= 1 << bit
    store.objects[ledger_key(sequence)] = bytes(data)
    with pytest.raises(LedgerBrokenError):
        reader(store).read()


@QUICK
@given(st.permutations(range(5)))
def test_no_order_but_the_right_one_is_read(order: list[int]) -> None:
    entries = reader(STORY).read().entries
    shuffled = [entries[index] for index in order]
    if order == sorted(order):
        assert fold(shuffled, TRUST) is not None
    else:
        with pytest.raises(LedgerBrokenError):
            fold(shuffled, TRUST)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@QUICK
@given(st.binary(max_size=200))
def test_no_bytes_are_more_than_refused(data: bytes) -> None:
    with pytest.raises(LedgerBrokenError):
        open_entry(data, "here", keyring())


@QUICK
@given(st.text(st.characters(codec="utf-8"), min_size=2, max_size=100))
def test_no_signed_text_is_more_than_refused(text: str) -> None:
    sealed = write_sealed(Sealed(body=text, signature=PIPELINE.sign(text.encode())))
    with pytest.raises(LedgerBrokenError):
        open_entry(sealed, "here", keyring())


@QUICK
@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(
        st.sampled_from(("version", "release", "boards", "channel", "statement", "lineage", "passed", "x")),
        json_values,
    ),
)
def test_no_data_is_more_than_refused(kind: str, data: dict[str, object]) -> None:
    with pytest.raises(InputError):
        read_content(kind, data, "here")  # type: ignore[arg-type]  # JSON, made by hypothesis

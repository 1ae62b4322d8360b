"""Meddling with the chain: every way of it is noticed, and nothing is built upon it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from release.catalog.naming import ledger_key
from release.errors import NotVerifiedError
from release.ledger.entries import ENTRY_LIMIT, LedgerBrokenError
from release.ledger.kinds import Content
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import (
    ALICE,
    ASKED,
    MALLORY,
    NOW,
    PIPELINE,
    STORY,
    FakeKey,
    forged,
    genesis,
    made,
    moved,
    reader,
    released,
    request_text,
    started,
    writer,
)


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    started(store, *STORY)
    return store


def _flip(position: int) -> Callable[[MemoryStore], None]:
    def meddle(store: MemoryStore) -> None:
        key = ledger_key(3)
        data = bytearray(store.objects[key])
        data[position] ^= 1
        store.objects[key] = bytes(data)

    return meddle


def _remove(store: MemoryStore) -> None:
    del store.objects[ledger_key(3)]


def _close_the_gap(store: MemoryStore) -> None:
    for sequence in range(3, 6):
        store.objects[ledger_key(sequence)] = store.objects[ledger_key(sequence + 1)]
    del store.objects[ledger_key(6)]


def _swap(store: MemoryStore) -> None:
    three, four = ledger_key(2), ledger_key(3)
    store.objects[three], store.objects[four] = store.objects[four], store.objects[three]


def _replay(store: MemoryStore) -> None:
    store.objects[ledger_key(7)] = store.objects[ledger_key(3)]


def _reformat(store: MemoryStore) -> None:
    store.objects[ledger_key(3)] += b"\n"


def _huge(store: MemoryStore) -> None:
    store.objects[ledger_key(7)] = b" " * (ENTRY_LIMIT + 1)


def _cut(store: MemoryStore) -> None:
    store.objects[ledger_key(6)] = store.objects[ledger_key(6)][:100]


def _other_chain(store: MemoryStore) -> None:
    other = MemoryStore()
    started(other, released("5.0.0"))
    store.objects[ledger_key(1)] = other.objects[ledger_key(1)]


@pytest.mark.parametrize(
    ("meddle", "message"),
    [
        (_flip(60), r"00000003\.json"),
        (_flip(-10), r"00000003\.json"),
        (_remove, r"00000003\.json: missing, though later entries"),
        (_close_the_gap, r"00000003\.json: holds entry 4"),
        (_swap, r"00000002\.json: holds entry 3"),
        (_replay, r"00000007\.json: holds entry 3"),
        (_reformat, r"00000004\.json: expected to follow"),
        (_huge, r"00000007\.json"),
        (_cut, r"00000006\.json: not a ledger entry"),
        (_other_chain, r"00000002\.json: expected to follow"),
    ],
)
def test_meddling_is_noticed(store: MemoryStore, meddle: Callable[[MemoryStore], None], message: str) -> None:
    meddle(store)
    with pytest.raises(LedgerBrokenError, match=message):
        reader(store).read()


def test_nothing_is_appended_to_a_broken_ledger(store: MemoryStore) -> None:
    _flip(60)(store)
    before = dict(store.objects)
    with pytest.raises(LedgerBrokenError):
        writer(store).append(lambda _state: released("3.0.0"), now=NOW)
    assert store.objects == before


@pytest.mark.parametrize(
    ("content", "key", "message"),
    [
        (released("3.0.0"), MALLORY, "a release entry may only be written by the pipeline"),
        (released("3.0.0"), ALICE, "a release entry may only be written by the pipeline"),
        (released("3.0.0"), FakeKey("unknown"), "expected one by a key of the keyring"),
        (made(request_text("3.0.0"), ALICE), MALLORY, "may only record statements of their own"),
        (made(request_text("3.0.0"), MALLORY), MALLORY, "may only record statements of their own"),
        (made(request_text("3.0.0"), MALLORY), ALICE, "may only record statements of their own"),
        (made(request_text("3.0.0"), FakeKey("unknown")), PIPELINE, "statement: signature: expected one"),
        (moved(ASKED), PIPELINE, "was carried out already"),
    ],
)
def test_forged_entries_are_noticed(store: MemoryStore, content: Content, key: FakeKey, message: str) -> None:
    forged(store, content, key)
    with pytest.raises(LedgerBrokenError, match=message):
        reader(store).read()


def test_a_statement_that_was_tampered_with_is_noticed(store: MemoryStore) -> None:
    signed = made(request_text("3.0.0"))
    tampered = made(request_text("4.0.0"))
    mixed = type(signed)(statement=tampered.statement, statement_signature=signed.statement_signature)
    forged(store, mixed)
    with pytest.raises(LedgerBrokenError, match=r"00000007\.json: statement: signature"):
        reader(store).read()


def test_an_unknown_kind_stops_every_reader(store: MemoryStore) -> None:
    forged(store, released("3.0.0"), kind="freeze")
    with pytest.raises(LedgerBrokenError, match="kind 'freeze' is unknown") as caught:
        reader(store).read()
    assert "newer humpyard" in str(caught.value.hint)


def test_known_kinds_with_unknown_fields_stop_every_reader(store: MemoryStore) -> None:
    forged(store, made(request_text("3.0.0")), data={"statement": "{}", "more": 1})
    with pytest.raises(LedgerBrokenError, match="more"):
        reader(store).read()


def test_a_ledger_with_its_own_idea_of_the_pipeline_is_not_trusted() -> None:
    """Rewriting the whole ledger with another key from the keyring gains nothing."""
    store = MemoryStore()
    forged(store, genesis(pipeline_keys=(MALLORY.fingerprint,)), MALLORY)
    with pytest.raises(LedgerBrokenError, match="pipeline keys that are not trusted here"):
        reader(store).read()


def test_the_first_entry_is_signed_by_the_pipeline_it_names() -> None:
    store = MemoryStore()
    forged(store, genesis(), MALLORY)
    with pytest.raises(LedgerBrokenError, match="which is no pipeline key"):
        reader(store).read()


def test_a_ledger_begins_with_a_genesis() -> None:
    store = MemoryStore()
    forged(store, released("1.0.0"))
    with pytest.raises(LedgerBrokenError, match="expected the ledger to begin with a genesis"):
        reader(store).read()


def test_a_ledger_that_got_shorter_is_refused_by_who_saw_it_longer(store: MemoryStore) -> None:
    ledger = reader(store)
    ledger.read()
    del store.objects[ledger_key(6)]
    with pytest.raises(LedgerBrokenError, match=r"00000006\.json: was there before and is missing now"):
        ledger.read()


def test_a_store_that_lies_is_noticed(store: MemoryStore) -> None:
    store.faults.lie = {ledger_key(2)}
    with pytest.raises(NotVerifiedError):
        reader(store).read()

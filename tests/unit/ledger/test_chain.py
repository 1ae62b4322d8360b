"""The chain: what is appended is read back, and every way of meddling with it is noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from release.catalog.naming import ledger_key
from release.catalog.version import Version
from release.digests import Digest
from release.errors import NotVerifiedError, RefusedError, UnavailableError
from release.ledger.chain import ATTEMPTS, EntryRefusedError, Ledger, LedgerEmptyError, LedgerWriter
from release.ledger.entries import CLOCK_SKEW, ENTRY_LIMIT, LedgerBrokenError
from release.ledger.fold import Trust
from release.ledger.kinds import Content, EvidenceFound, ReleaseRegistered
from release.ledger.state import State
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import (
    ALICE,
    HOUR,
    MALLORY,
    NOW,
    PIPELINE,
    TRUST,
    FakeKey,
    FakeKeyring,
    digest_of,
    forged,
    genesis,
    given,
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

ASKED = request_text()
SECOND = timedelta(seconds=1)
STORY: tuple[Content, ...] = (
    released("1.0.0", offered_in=("beta",)),
    released("2.0.0"),
    EvidenceFound(release=digest_of("2.0.0"), name="payload-proven", passed=True),
    made(ASKED),
    given(sign_off_text(ASKED, verdict="no-go")),
    moved(ASKED),
)


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    started(store, *STORY)
    return store


def test_a_whole_story_is_read_back_by_anybody_with_the_keys(store: MemoryStore) -> None:
    chain = reader(store).read()
    assert [verified.entry.kind for verified in chain.entries] == [
        "genesis",
        "release",
        "release",
        "evidence",
        "request",
        "sign-off",
        "pointer",
    ]
    assert {verified.signer for verified in chain.entries} == {PIPELINE.fingerprint}
    assert chain.entries[4].statement_signer == ALICE.fingerprint
    assert chain.state.heads["alpha"].version == Version(2, 0, 0)
    assert chain.state.sequence == 6
    assert chain.state.digest == Digest.sha256(store.objects[ledger_key(6)])


def test_the_appender_returns_the_state_that_a_reader_sees() -> None:
    store = MemoryStore()
    assert started(store, *STORY) == reader(store).state()


def test_no_ledger_is_not_an_empty_one() -> None:
    with pytest.raises(LedgerEmptyError, match="no ledger here"):
        reader(MemoryStore()).state()
    with pytest.raises(LedgerEmptyError, match="no ledger here"):
        writer(MemoryStore()).append(lambda _state: released("1.0.0"), now=NOW)


def test_other_objects_beside_the_entries_mean_nothing(store: MemoryStore) -> None:
    store.objects["ledger/head.json"] = b"x"
    store.objects["ledger/7.json"] = b"x"
    assert reader(store).state().sequence == 6


def test_starting_twice_is_the_same_as_once(store: MemoryStore) -> None:
    before = dict(store.objects)
    assert writer(store).start(genesis(), now=NOW).sequence == 6
    assert store.objects == before


def test_a_ledger_is_not_started_over(store: MemoryStore) -> None:
    with pytest.raises(EntryRefusedError, match="began with"):
        writer(store).start(genesis(product="other"), now=NOW)


def test_of_two_who_start_at_once_one_wins_and_the_other_agrees() -> None:
    store = MemoryStore()
    mine = writer(store)
    first = mine._read
    calls = []

    def read_then_lose() -> object:
        calls.append(1)
        chain = first()
        if len(calls) == 1:
            started(store, released("1.0.0"))
            store.objects[ledger_key(0)] += b" "  # other bytes than ours would be
            del store.objects[ledger_key(1)]
        return chain

    mine._read = read_then_lose  # type: ignore[method-assign, assignment]  # the seam where the race is
    assert mine.start(genesis(), now=NOW).sequence == 0


# --- meddling ------------------------------------------------------------------------------------


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


def test_people_may_record_their_own_statements(store: MemoryStore) -> None:
    state = writer(store, ALICE).append(lambda _state: made(request_text("3.0.0", "beta", 1)), now=NOW)
    assert len(state.open_requests()) == 1


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


def test_a_second_read_verifies_only_what_is_new(store: MemoryStore) -> None:
    keys = keyring()
    ledger = Ledger(store, keys, TRUST)
    ledger.read()
    before = len(keys.asked)
    ledger.read()
    assert len(keys.asked) == before
    writer(store).append(lambda _state: released("3.0.0"), now=NOW)
    assert ledger.state().sequence == 7
    assert len(keys.asked) == before + 1


# --- time ----------------------------------------------------------------------------------------


def test_signatures_are_judged_at_the_time_of_their_entry(store: MemoryStore) -> None:
    later = NOW + HOUR
    writer(store).append(lambda _state: made(request_text("3.0.0", "beta", 1)), now=later)
    keys = keyring()
    Ledger(store, keys, TRUST).read()
    assert keys.times == [NOW] * 9 + [later] * 2  # two of the statements' in the story, one in the last


def test_a_key_that_expired_is_believed_for_what_it_signed_before(store: MemoryStore) -> None:
    keys = keyring()
    keys.expiry = {ALICE: NOW + HOUR, PIPELINE: NOW + HOUR}
    assert Ledger(store, keys, TRUST).state().sequence == 6


def test_a_key_that_expired_appends_nothing(store: MemoryStore) -> None:
    keys = keyring()
    keys.expiry = {ALICE: NOW + HOUR}
    ledger = LedgerWriter(store, keys, TRUST, ALICE)
    with pytest.raises(EntryRefusedError, match="not written: new request entry: signature"):
        ledger.append(lambda _state: made(request_text("3.0.0")), now=NOW + HOUR)


def test_time_does_not_go_back(store: MemoryStore) -> None:
    writer(store).append(lambda _state: released("3.0.0"), now=NOW + HOUR)
    for time in (NOW, NOW + HOUR - CLOCK_SKEW - SECOND):
        with pytest.raises(EntryRefusedError, match="time does not go back"):
            writer(store).append(lambda _state: released("4.0.0"), now=time)
    forged(store, released("4.0.0"), time=NOW)
    with pytest.raises(LedgerBrokenError, match=r"00000008\.json: dated 2026-01-31T12:00:00Z, but"):
        reader(store).read()


def test_clocks_of_two_machines_may_differ_a_little_but_not_add_up(store: MemoryStore) -> None:
    back = NOW - CLOCK_SKEW
    assert writer(store).append(lambda _state: released("3.0.0"), now=back).latest == NOW
    with pytest.raises(EntryRefusedError, match="time does not go back"):
        writer(store).append(lambda _state: released("4.0.0"), now=back - SECOND)


def test_a_persons_clock_holds_up_nobody_else(store: MemoryStore) -> None:
    ahead = NOW + 1000 * HOUR
    writer(store, ALICE).append(lambda _state: made(request_text("3.0.0", "beta", 1)), now=ahead)
    assert writer(store).append(lambda _state: released("3.0.0"), now=NOW + HOUR).latest == NOW + HOUR


def test_people_do_not_date_anything_before_what_the_pipeline_said(store: MemoryStore) -> None:
    with pytest.raises(EntryRefusedError, match="time does not go back"):
        writer(store, ALICE).append(lambda _state: made(request_text("3.0.0", "beta", 1)), now=NOW - HOUR)


# --- appending -----------------------------------------------------------------------------------


def test_nothing_to_append_writes_nothing(store: MemoryStore) -> None:
    before = dict(store.objects)
    assert writer(store).append(lambda _state: None, now=NOW).sequence == 6
    assert store.objects == before


@pytest.mark.parametrize(
    ("content", "key", "message"),
    [
        (released("2.0.0"), PIPELINE, "registered twice"),
        (released("3.0.0"), ALICE, "may only be written by the pipeline"),
        (genesis(), PIPELINE, "has begun already"),
    ],
)
def test_what_would_break_the_ledger_is_not_written(
    store: MemoryStore, content: Content, key: FakeKey, message: str
) -> None:
    before = dict(store.objects)
    with pytest.raises(EntryRefusedError, match=f"not written: .*{message}"):
        writer(store, key).append(lambda _state: content, now=NOW)
    assert store.objects == before


def test_a_signer_whose_signatures_do_not_hold_writes_nothing(store: MemoryStore) -> None:
    before = dict(store.objects)
    with pytest.raises(EntryRefusedError, match="not written: new release entry: signature"):
        writer(store, FakeKey("unknown")).append(lambda _state: released("3.0.0"), now=NOW)
    assert store.objects == before


def test_the_quicker_writer_wins_and_the_other_decides_again(store: MemoryStore) -> None:
    slow, seen = writer(store), []

    def propose(state: State) -> ReleaseRegistered | None:
        seen.append(state.sequence)
        if len(seen) == 1:
            writer(store).append(lambda _state: released("3.0.0"), now=NOW)
        return None if released("3.0.0").version in state.releases else released("3.0.0")

    state = slow.append(propose, now=NOW.replace(minute=1))
    assert seen == [6, 7]
    assert state.sequence == 7


def test_who_loses_may_be_refused_the_second_time(store: MemoryStore) -> None:
    def propose(state: State) -> ReleaseRegistered:
        if Version(3, 0, 0) in state.releases:
            raise RefusedError("too late")
        writer(store).append(lambda _state: released("3.0.0"), now=NOW)
        return released("4.0.0")

    with pytest.raises(RefusedError, match="too late"):
        writer(store).append(propose, now=NOW)
    assert Version(4, 0, 0) not in reader(store).state().releases


def test_a_writer_that_always_loses_says_so(store: MemoryStore) -> None:
    def propose(state: State) -> ReleaseRegistered:
        number = state.sequence
        writer(store).append(lambda _state: released(f"{number}.1.0"), now=NOW)
        return released(f"{number}.2.0")

    with pytest.raises(UnavailableError, match=f"quicker {ATTEMPTS} times"):
        writer(store).append(propose, now=NOW)


def test_many_writers_lose_nothing_and_double_nothing() -> None:
    store = MemoryStore()
    started(store)
    errors: list[BaseException] = []

    def work(name: int) -> None:
        ledger = writer(store)
        try:
            for number in range(4):
                content = released(f"{name}.0.{number}")
                ledger.append(
                    lambda state, content=content: (
                        None  # type: ignore[misc]  # a lambda with a default
                        if content.version in state.releases
                        else content
                    ),
                    now=NOW,
                )
        except BaseException as error:  # noqa: BLE001  shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name // 2,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(reader(store).state().releases) == 16
    assert reader(store).state().sequence == 16


def test_an_answer_that_got_lost_is_made_up_for_by_the_next_run(store: MemoryStore) -> None:
    def propose(state: State) -> ReleaseRegistered | None:
        return None if Version(3, 0, 0) in state.releases else released("3.0.0")

    store.faults.fail_after = {store.writes + 1}
    with pytest.raises(UnavailableError, match="no answer"):
        writer(store).append(propose, now=NOW)
    assert writer(store).append(propose, now=NOW).sequence == 7


def test_a_store_that_does_not_answer_is_unavailable_not_empty(store: MemoryStore) -> None:
    store.faults.down = True
    with pytest.raises(UnavailableError):
        reader(store).read()


def test_a_store_that_lies_is_noticed(store: MemoryStore) -> None:
    store.faults.lie = {ledger_key(2)}
    with pytest.raises(NotVerifiedError):
        reader(store).read()


def test_a_reader_without_the_peoples_keys_cannot_verify(store: MemoryStore) -> None:
    ledger = Ledger(store, FakeKeyring((PIPELINE,)), Trust(pipeline=TRUST.pipeline))
    with pytest.raises(LedgerBrokenError, match=r"00000004\.json: statement"):
        ledger.read()

"""The chain: what is appended is read back by anybody, at any time and whoever else appends."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from release.catalog.naming import ledger_key
from release.catalog.version import Version
from release.digests import Digest
from release.errors import RefusedError, UnavailableError
from release.ledger.chain import ATTEMPTS, EntryRefusedError, Ledger, LedgerEmptyError, LedgerWriter
from release.ledger.entries import CLOCK_SKEW, LedgerBrokenError
from release.ledger.fold import Trust
from release.ledger.kinds import Content, ReleaseRegistered
from release.ledger.state import State
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import (
    ALICE,
    HOUR,
    NOW,
    PIPELINE,
    STORY,
    TRUST,
    FakeKey,
    FakeKeyring,
    forged,
    genesis,
    keyring,
    made,
    reader,
    released,
    request_text,
    started,
    writer,
)

SECOND = timedelta(seconds=1)


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


def test_people_may_record_their_own_statements(store: MemoryStore) -> None:
    state = writer(store, ALICE).append(lambda _state: made(request_text("3.0.0", "beta", 1)), now=NOW)
    assert len(state.open_requests()) == 1


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
    forged(store, released("4.0.0"), time=NOW)
    with pytest.raises(LedgerBrokenError, match=r"00000008\.json: dated 2026-01-31T12:00:00Z, but"):
        reader(store).read()


@pytest.mark.parametrize("by", [PIPELINE, ALICE])
def test_a_clock_that_is_behind_what_the_pipeline_said_dates_as_the_pipeline_did(
    store: MemoryStore, by: FakeKey
) -> None:
    """Whichever of the two was wrong, nobody has to wait."""
    writer(store).append(lambda _state: released("3.0.0"), now=NOW + 1000 * HOUR)
    writer(store, by).append(lambda _state: made(request_text("3.0.0", "beta", 1)), now=NOW)
    assert reader(store).read().entries[-1].entry.time == NOW + 1000 * HOUR


def test_clocks_of_two_machines_may_differ_a_little_but_not_add_up(store: MemoryStore) -> None:
    back = NOW - CLOCK_SKEW
    forged(store, released("3.0.0"), time=back)
    assert reader(store).state().latest == NOW
    forged(store, released("4.0.0"), time=back - SECOND)
    with pytest.raises(LedgerBrokenError, match="time does not go back"):
        reader(store).read()


def test_a_persons_clock_holds_up_nobody_else(store: MemoryStore) -> None:
    ahead = NOW + 1000 * HOUR
    writer(store, ALICE).append(lambda _state: made(request_text("3.0.0", "beta", 1)), now=ahead)
    assert writer(store).append(lambda _state: released("3.0.0"), now=NOW + HOUR).latest == NOW + HOUR


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


def test_a_reader_without_the_peoples_keys_cannot_verify(store: MemoryStore) -> None:
    ledger = Ledger(store, FakeKeyring((PIPELINE,)), Trust(pipeline=TRUST.pipeline))
    with pytest.raises(LedgerBrokenError, match=r"00000004\.json: statement"):
        ledger.read()

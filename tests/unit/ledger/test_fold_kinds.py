"""The fold of stops, waivers, policies and lifts: who may write them, and what they cannot say."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from release.canonical import Json
from release.catalog.version import Version
from release.digests import Digest
from release.ledger.chain import EntryRefusedError, LedgerWriter, open_entry
from release.ledger.entries import LedgerBrokenError
from release.ledger.fold import Trust, fold
from release.ledger.kinds import (
    Content,
    EvidenceFound,
    PolicyChanged,
    StopLifted,
    StopOrdered,
    WaiverGiven,
)
from release.ledger.state import State
from release.ledger.statements import (
    POLICY_REQUEST,
    RESUME_REQUEST,
    STOP,
    WAIVER,
    statement_digest,
    write_statement,
)
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import (
    ALICE,
    HOUR,
    MALLORY,
    NOW,
    PIPELINE,
    TRUST,
    FakeKey,
    digest_of,
    forged,
    genesis,
    keyring,
    made,
    moved,
    reader,
    released,
    request_text,
    started,
    writer,
)

NEXT = digest_of("next policy")
ONE = released("1.0.0", offered_in=("alpha",))
TWO = released("2.0.0")


def stop_text(action: str, **fields: Json) -> str:
    return write_statement(STOP, {"action": action, "reason": "it burns", **fields})


FROZEN = stop_text("freeze", channel="alpha")
PAUSED = stop_text("pause", channel="alpha", version="1.0.0", release=str(digest_of("1.0.0")))
GONE = stop_text("withdraw", version="2.0.0", release=str(digest_of("2.0.0")))


def ordered(text: str, key: FakeKey = ALICE) -> StopOrdered:
    return StopOrdered(statement=text, statement_signature=key.sign(text.encode()))


def asked(purpose: str, **fields: object) -> str:
    """A request under the policy that `started` begins with."""
    base = {"policy": digest_of("policy"), "policy_entry": begun()}
    return write_statement(purpose, {name: str(value) for name, value in {**base, **fields}.items()})


def begun() -> Digest:
    return started(MemoryStore()).digest


def lifted(stop: str, request: str, **changes: object) -> StopLifted:
    fields: dict[str, object] = {
        "stop": statement_digest(stop),
        "request": statement_digest(request),
        "decided_at": NOW,
        **changes,
    }
    return StopLifted(**fields)  # type: ignore[arg-type]  # tests change single fields by name


def changed(request: str, **changes: object) -> PolicyChanged:
    fields: dict[str, object] = {
        "policy": NEXT,
        "previous": digest_of("policy"),
        "request": statement_digest(request),
        "channels": ("alpha", "beta"),
        "pipeline_keys": (PIPELINE.fingerprint,),
        "decided_at": NOW,
        **changes,
    }
    return PolicyChanged(**fields)  # type: ignore[arg-type]  # tests change single fields by name


def waived(release: str = "1.0.0", key: FakeKey = ALICE, **fields: Json) -> WaiverGiven:
    text = write_statement(WAIVER, {"release": str(digest_of(release)), **fields})
    return WaiverGiven(statement=text, statement_signature=key.sign(text.encode()))


RESUME = asked(RESUME_REQUEST, stop=statement_digest(FROZEN))
CHANGE = asked(POLICY_REQUEST, proposed=NEXT)
PROMOTION = request_text()


# --- what they change ----------------------------------------------------------------------------


def test_a_stop_stands_until_it_is_lifted() -> None:
    state = started(MemoryStore(), ONE, ordered(FROZEN), ordered(PAUSED))
    assert [str(stop.subject) for stop in state.standing_stops()] == ["freeze alpha", "pause 1.0.0 in alpha"]
    state = started(
        MemoryStore(), ONE, ordered(FROZEN), ordered(PAUSED), made(RESUME), lifted(FROZEN, RESUME)
    )
    (left,) = state.standing_stops()
    assert str(left.subject) == "pause 1.0.0 in alpha"
    record = state.stops[statement_digest(FROZEN)]
    assert (record.lifted, record.lifted_at) == (statement_digest(RESUME), NOW)
    assert state.open_requests() == ()


def test_a_policy_is_in_force_from_its_entry_on() -> None:
    state = started(MemoryStore(), made(CHANGE), changed(CHANGE, channels=("alpha", "lts"), streams=("lts",)))
    assert (state.policy, state.policy_entry) == (NEXT, state.digest)
    assert (state.channels, state.streams) == (("alpha", "lts"), ("lts",))
    assert [period.request for period in state.policies] == [None, statement_digest(CHANGE)]
    assert state.policies[0].entry == begun()


def test_waivers_of_a_release_are_kept_in_order() -> None:
    state = started(MemoryStore(), ONE, waived(n=1), waived(n=2, key=MALLORY))
    assert [one.signer for one in state.waivers[digest_of("1.0.0")]] == [
        ALICE.fingerprint,
        MALLORY.fingerprint,
    ]


def test_evidence_is_kept_by_name_and_baseline() -> None:
    release = digest_of("2.0.0")
    found = [
        EvidenceFound(release=release, name="comparison", passed=True, against=against, facts={"cves": index})
        for index, against in enumerate((None, Version(1, 0, 0), Version(1, 0, 1), Version(1, 0, 0)))
    ]
    state = started(MemoryStore(), *found)
    assert {key: dict(one.facts) for key, one in state.evidence[release].items()} == {
        "comparison": {"cves": 0},
        "comparison@1.0.0": {"cves": 3},
        "comparison@1.0.1": {"cves": 2},
    }


# --- who may write them --------------------------------------------------------------------------


@pytest.mark.parametrize("content", [changed(CHANGE), lifted(FROZEN, RESUME)])
def test_people_change_no_policy_and_lift_no_stop(content: Content) -> None:
    store = MemoryStore()
    started(store, made(CHANGE), ordered(FROZEN), made(RESUME))
    with pytest.raises(EntryRefusedError, match="may only be written by the pipeline"):
        writer(store, ALICE).append(lambda _state: content, now=NOW)


@pytest.mark.parametrize(
    ("content", "key", "met"),
    [
        (ordered(FROZEN), ALICE, True),
        (waived(), ALICE, True),
        (ordered(FROZEN, MALLORY), ALICE, False),
        (ordered(FROZEN), MALLORY, False),
        (ordered(FROZEN, MALLORY), MALLORY, False),
        (waived(key=MALLORY), ALICE, False),
        (ordered(FROZEN, MALLORY), PIPELINE, True),
    ],
)
def test_people_record_stops_and_waivers_of_their_own(content: Content, key: FakeKey, met: bool) -> None:
    store = MemoryStore()
    started(store, ONE)
    if met:
        assert writer(store, key).append(lambda _state: content, now=NOW).sequence == 2
    else:
        with pytest.raises(EntryRefusedError, match="who may only record statements of their own"):
            writer(store, key).append(lambda _state: content, now=NOW)


def test_the_pipelines_new_keys_must_be_trusted_by_readers() -> None:
    store = MemoryStore()
    started(store, made(CHANGE))
    forged(store, changed(CHANGE, pipeline_keys=(MALLORY.fingerprint,)))
    with pytest.raises(LedgerBrokenError, match="names pipeline keys that are not trusted here"):
        reader(store).read()


def test_an_old_key_of_the_pipeline_writes_nothing_more() -> None:
    store = MemoryStore()
    trust = Trust(pipeline=TRUST.pipeline | {MALLORY.fingerprint})
    ledger = writer(store, PIPELINE, trust)
    ledger.start(genesis(), now=NOW)
    for content in (made(CHANGE), changed(CHANGE, pipeline_keys=(MALLORY.fingerprint,))):
        ledger.append(lambda _state, content=content: content, now=NOW)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    with pytest.raises(EntryRefusedError, match="may only be written by the pipeline, not by"):
        ledger.append(lambda _state: TWO, now=NOW)
    assert writer(store, MALLORY, trust).append(lambda _state: TWO, now=NOW).sequence == 3


@pytest.mark.parametrize("changes", [{"previous": digest_of("x")}, {"sequence": 1}])
def test_a_ledger_begins_with_its_first_entry(changes: dict[str, object]) -> None:
    """One that names an entry before is the rest of another."""
    store = MemoryStore()
    forged(store, genesis(), PIPELINE, **changes)
    (data,) = store.objects.values()
    verified = open_entry(data, "test", keyring())
    with pytest.raises(LedgerBrokenError, match="expected the ledger to begin with a genesis entry"):
        fold((verified,), TRUST)


# --- what cannot be so ---------------------------------------------------------------------------

STALE = asked(RESUME_REQUEST, stop=statement_digest(FROZEN), policy_entry=digest_of("another ledger"))
ELSEWHERE = asked(POLICY_REQUEST, proposed=NEXT, policy_entry=digest_of("another ledger"))


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ((ordered(FROZEN), ordered(FROZEN)), r"stop .* is recorded twice"),
        ((ordered(stop_text("freeze", channel="gamma")),), "channel 'gamma' is unknown"),
        ((ordered(GONE),), r"release 2\.0\.0 .* is not registered"),
        ((released("2.0.0", release=digest_of("x")), ordered(GONE)), r"2\.0\.0 .* is not registered"),
        ((released("1.0.0"), ordered(PAUSED)), r"alpha is at None, there is no rollout of 1\.0\.0"),
        ((ordered(stop_text("slow-down", channel="alpha")),), "action: Input should be 'pause', 'freeze'"),
        ((ordered(stop_text("freeze")),), "a freeze names a channel, and nothing else"),
        ((ordered(RESUME),), "expected a statement of purpose 'humpyard-stop-1'"),
        ((made(FROZEN),), "expected a statement of purpose 'humpyard-request-1' or"),
        ((waived(),), r"release .* is not registered"),
        ((ONE, waived(), waived()), r"waiver .* is recorded twice"),
        ((made(RESUME),), r"stop .* is unknown"),
        ((ordered(FROZEN), lifted(FROZEN, RESUME)), r"request .* is unknown"),
        ((ordered(FROZEN), made(RESUME), lifted(PAUSED, RESUME)), "but the request asks for"),
        (
            (ordered(FROZEN), made(RESUME), lifted(FROZEN, RESUME), lifted(FROZEN, RESUME)),
            "was carried out already",
        ),
        ((ordered(FROZEN), made(PROMOTION), lifted(FROZEN, PROMOTION)), "asks for something else"),
        ((ordered(FROZEN), made(CHANGE), lifted(FROZEN, CHANGE)), "asks for something else"),
        ((made(CHANGE), moved(PROMOTION, request=statement_digest(CHANGE))), "asks for something else"),
        ((made(CHANGE), changed(CHANGE, policy=digest_of("x"))), r"but the request asks for"),
        ((made(CHANGE), changed(CHANGE, previous=digest_of("x"))), r"but the request asks for"),
        ((made(ELSEWHERE), changed(ELSEWHERE)), "the request was made under policy"),
        ((ordered(FROZEN), made(STALE), lifted(FROZEN, STALE)), "the request was made under policy"),
        ((ONE, made(CHANGE), changed(CHANGE, channels=("beta",))), "leaves out channels that machines"),
        ((made(CHANGE), changed(CHANGE, streams=("lts",))), "streams of channels that are unknown: lts"),
        (
            (made(CHANGE), changed(CHANGE, channels=("lts", "lts-1"), streams=("lts",))),
            "channels that are streams of others: lts-1",
        ),
        ((ordered(FROZEN), TWO, made(PROMOTION), moved(PROMOTION)), "alpha is frozen"),
        ((TWO, ordered(GONE), made(PROMOTION), moved(PROMOTION)), r"release 2\.0\.0 is withdrawn"),
    ],
)  # fmt: skip
def test_what_cannot_be_so_is_refused(contents: tuple[Content, ...], message: str) -> None:
    *before, last = contents
    store = MemoryStore()
    started(store, *before)
    with pytest.raises(EntryRefusedError, match=message):
        started(store, last)


def test_the_policy_in_force_cannot_be_put_in_force() -> None:
    text = asked(POLICY_REQUEST, proposed=digest_of("policy"))
    with pytest.raises(EntryRefusedError, match="is in force already"):
        started(MemoryStore(), made(text), changed(text, policy=digest_of("policy")))


def test_requests_of_before_move_nothing_when_their_policy_comes_back() -> None:
    store = MemoryStore()
    state = started(store, TWO, made(PROMOTION), made(CHANGE), changed(CHANGE))
    back = asked(POLICY_REQUEST, proposed=digest_of("policy"), policy=NEXT, policy_entry=state.digest)
    change_back = changed(back, policy=digest_of("policy"), previous=NEXT)
    state = started(store, made(back), change_back)
    assert state.policy == digest_of("policy")
    with pytest.raises(EntryRefusedError, match="the request was made under policy"):
        started(store, moved(PROMOTION))


# --- when a decision was made --------------------------------------------------------------------


def ready() -> tuple[MemoryStore, LedgerWriter]:
    store = MemoryStore()
    started(store, TWO, made(PROMOTION))
    return store, writer(store)


def moved_at(ledger: LedgerWriter, decided: datetime, recorded: datetime) -> State:
    content = moved(PROMOTION, decided_at=decided)
    return ledger.append(lambda _state: content, now=recorded)


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_a_decision_is_recorded_when_it_is_made(minutes: int) -> None:
    _, ledger = ready()
    later = NOW + HOUR
    assert moved_at(ledger, later + timedelta(minutes=minutes), later).heads["alpha"].since == later


@pytest.mark.parametrize("hours", [-1, 1, 999])
def test_a_decision_for_another_time_is_refused(hours: int) -> None:
    """Sign-offs that have expired, or a window that has begun, cannot be got around by an old decision."""
    _, ledger = ready()
    later = NOW + HOUR
    with pytest.raises(EntryRefusedError, match=r"decided for .*, but recorded at"):
        moved_at(ledger, later + hours * HOUR, later)


def test_a_wrong_clock_of_the_pipeline_does_not_stop_everybody() -> None:
    """Its entries are dated like the one that was ahead, and say when they were decided."""
    store, ledger = ready()
    ahead = NOW + 999 * HOUR
    ledger.append(lambda _state: released("3.0.0"), now=ahead)
    state = moved_at(ledger, NOW + HOUR, NOW + HOUR)
    assert (state.latest, state.heads["alpha"].since) == (ahead, ahead)
    assert reader(store).state() == state

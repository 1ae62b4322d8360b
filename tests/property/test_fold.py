"""The ledger for any course of events: prefixes are states, nothing invalid gets in, no bit may change."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release.canonical import Json
from release.catalog.naming import ledger_key
from release.digests import Digest
from release.errors import InputError
from release.ledger.chain import EntryRefusedError, open_entry
from release.ledger.entries import LedgerBrokenError, write_sealed
from release.ledger.fold import fold
from release.ledger.kinds import (
    KINDS,
    Content,
    EvidenceFound,
    PointerMoved,
    PolicyChanged,
    StopLifted,
    StopOrdered,
    WaiverGiven,
    read_content,
)
from release.ledger.sealed import Sealed
from release.ledger.state import Head, State
from release.ledger.statements import (
    POLICY_REQUEST,
    RESUME_REQUEST,
    STOP,
    WAIVER,
    StopAction,
    issue_subject,
    statement_digest,
    write_statement,
)
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import (
    ALICE,
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
from tests.unit.ledger.test_fold_corrections import issue_text, revised, revision_text
from tests.unit.ledger.test_fold_corrections import told as told_of

QUICK = settings(
    max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

versions = st.sampled_from(("1.0.0", "2.0.0", "3.0.0"))
channels = st.sampled_from(("alpha", "beta"))
requests = st.builds(request_text, versions, channels, st.integers(0, 2))
BEGUN = started(MemoryStore()).digest
POLICY, NEXT = digest_of("policy"), digest_of("next")


def stop_text(action: StopAction, channel: str, version: str, number: int) -> str:
    """A stop, one of several of the same."""
    fields: dict[str, Json] = {"action": action, "reason": str(number)}
    if action is not StopAction.WITHDRAW:
        fields["channel"] = channel
    if action is not StopAction.FREEZE:
        fields |= {"version": version, "release": str(digest_of(version))}
    return write_statement(STOP, fields)


stops = st.builds(stop_text, st.sampled_from(StopAction), channels, versions, st.integers(0, 1))


def ruling(purpose: str, **fields: Digest) -> str:
    named = {"policy": POLICY, "policy_entry": BEGUN, **fields}
    return write_statement(purpose, {name: str(value) for name, value in named.items()})


def resuming(stop: str) -> str:
    return ruling(RESUME_REQUEST, stop=statement_digest(stop))


def lifting(stop: str, asked: str) -> StopLifted:
    return StopLifted(stop=statement_digest(stop), request=statement_digest(asked), decided_at=NOW)


def stopping(text: str) -> StopOrdered:
    return StopOrdered(statement=text, statement_signature=ALICE.sign(text.encode()))


def waiving(version: str) -> WaiverGiven:
    text = write_statement(WAIVER, {"release": str(digest_of(version))})
    return WaiverGiven(statement=text, statement_signature=ALICE.sign(text.encode()))


CHANGE = ruling(POLICY_REQUEST, proposed=NEXT)


def changing(names: tuple[str, ...]) -> PolicyChanged:
    return PolicyChanged(
        policy=NEXT,
        previous=POLICY,
        request=statement_digest(CHANGE),
        channels=names,
        pipeline_keys=(PIPELINE.fingerprint,),
        decided_at=NOW,
    )


words = st.sampled_from(("a", "b", "c"))
revisions = st.builds(revision_text, words, words, versions).map(revised)
OPENED = issue_text()
UPDATES = tuple(issue_text(statement_digest(OPENED), n=str(number)) for number in range(2))
issues = st.sampled_from((OPENED, *UPDATES, issue_text(statement_digest(UPDATES[0])))).map(told_of)


contents: st.SearchStrategy[Content] = st.one_of(
    revisions,
    issues,
    stops.map(stopping),
    stops.map(resuming).map(made),
    stops.map(lambda stop: lifting(stop, resuming(stop))),
    st.builds(lifting, stops, st.one_of(requests, stops.map(resuming))),
    versions.map(waiving),
    st.just(made(CHANGE)),
    st.builds(changing, st.sampled_from((("alpha",), ("beta", "alpha"), ("alpha", "beta", "gamma")))),
    st.builds(released, versions, channels),
    versions.map(lambda version: released(version, offered_in=("beta",))),
    requests.map(made),
    requests.map(lambda text: given_(sign_off_text(text))),
    st.builds(moved, requests, st.integers(1, 2), st.none() | versions),
    st.booleans().map(lambda passed: EvidenceFound(release=digest_of("x"), name="tests", passed=passed)),
)


MOVES = (
    (request_text("2.0.0", "alpha"), 1, None),
    (request_text("2.0.0", "beta", 1), 2, "1.0.0"),
    (request_text("3.0.0", "alpha", 1), 2, "2.0.0"),
)
"""What can follow after `PRELUDE`."""
HALTS = tuple(
    stop_text(action, "alpha", "2.0.0", number) for action in StopAction for number in range(2)
)  # fmt: skip
PRELUDE = [released("1.0.0", offered_in=("beta",)), released("2.0.0"), released("3.0.0")]
LIKELY: tuple[Content, ...] = (
    *(made(text) for text, _, _ in MOVES),
    *(moved(*move) for move in MOVES),
    *(stopping(text) for text in HALTS),
    *(made(resuming(text)) for text in HALTS),
    *(lifting(text, resuming(text)) for text in HALTS),
)
CHANGED = (made(CHANGE), changing(("beta", "alpha")))
stories: st.SearchStrategy[list[Content]] = st.one_of(
    st.lists(contents, max_size=30),
    st.lists(st.one_of(revisions, issues), max_size=12).map(lambda story: [*PRELUDE, *story]),
    st.permutations(LIKELY).map(lambda story: [*PRELUDE, *story, *story]),
    st.permutations(LIKELY + CHANGED).map(lambda story: [*PRELUDE, *story]),
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
@given(stories)
def test_the_state_after_any_prefix_is_the_state_there_was(story: list[Content]) -> None:
    store, states = told(story)
    entries = reader(store).read().entries
    assert len(entries) == len(states)
    for length, state in enumerate(states, start=1):
        assert fold(entries[:length], TRUST) == state


@QUICK
@given(stories)
def test_channels_only_go_up(story: list[Content]) -> None:
    _, states = told(story)
    state = states[-1]
    for channel in ("alpha", "beta"):
        heads = [head for head in state.history if head.channel == channel]
        assert [head.generation for head in heads] == list(range(1, len(heads) + 1))
        assert all(one.version < two.version for one, two in pairwise(heads))
        assert state.heads.get(channel) == (heads[-1] if heads else None)


@QUICK
@given(stories)
def test_what_is_offered_is_what_channels_are_at_and_nobody_stopped(story: list[Content]) -> None:
    _, states = told(story)
    for state in states:
        lasting = [offer for offer in state.offers if offer.ends is None]
        assert sorted((one.channel, one.version) for one in lasting) == sorted(
            (head.channel, head.version) for head in state.heads.values() if not stopped(state, head)
        )
        assert all(offer.ends is None or offer.begins <= offer.ends for offer in state.offers)


def stopped(state: State, head: Head) -> bool:
    """Asked of the list of stops, in other words than the fold does."""
    return any(
        (stop.subject.action, stop.subject.channel, stop.subject.version)
        in {(StopAction.PAUSE, head.channel, head.version), (StopAction.WITHDRAW, None, head.version)}
        for stop in state.standing_stops()
    )


@QUICK
@given(stories)
def test_a_request_is_carried_out_once_and_under_its_policy(story: list[Content]) -> None:
    store, states = told(story)
    entries = reader(store).read().entries
    named = [
        one.entry.data["request"] for one in entries if one.entry.kind in {"pointer", "policy", "resume"}
    ]
    assert len(named) == len(set(named))
    for verified, state in zip(entries[1:], states[:-1], strict=True):
        if verified.entry.kind in {"pointer", "resume"}:
            assert (state.policy, state.policy_entry) == (POLICY, BEGUN)


@QUICK
@given(stories)
def test_nothing_moves_into_what_is_stopped(story: list[Content]) -> None:
    store, states = told(story)
    for verified, state in zip(reader(store).read().entries[1:], states[:-1], strict=True):
        content = read_content(verified.entry.kind, verified.entry.data, "test")
        if isinstance(content, PointerMoved):
            assert state.freeze(content.channel) is None
            assert state.withdrawal(content.version) is None


@QUICK
@given(stories)
def test_whoever_corrects_or_tells_names_the_words_before_theirs(story: list[Content]) -> None:
    _, states = told(story)
    state = states[-1]
    for version, corrected in state.revisions.items():
        assert version in state.releases
        assert all(one.notes == two.previous for one, two in pairwise(corrected))
        assert len({one.digest for one in corrected}) == len(corrected)
    for records in state.issues.values():
        named = [issue_subject(one.statement, "test").previous for one in records]
        assert named == [None, *(one.digest for one in records[:-1])]


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


FIELDS = (
    *("version", "release", "boards", "channel", "statement", "lineage", "passed", "x"),
    *("policy", "previous", "request", "stop", "channels", "streams", "pipeline_keys", "decided_at"),
)


@QUICK
@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(
        st.sampled_from(FIELDS),
        json_values,
    ),
)
def test_no_data_is_more_than_refused(kind: str, data: dict[str, object]) -> None:
    with pytest.raises(InputError):
        read_content(kind, data, "here")  # type: ignore[arg-type]  # JSON, made by hypothesis

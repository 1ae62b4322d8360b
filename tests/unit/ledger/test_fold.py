"""The fold: what each entry changes, and what an entry cannot say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from release.catalog.version import Version
from release.ledger.chain import EntryRefusedError
from release.ledger.entries import LedgerBrokenError
from release.ledger.fold import fold, step
from release.ledger.kinds import Content, EvidenceFound
from release.ledger.statements import statement_digest
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import (
    ALICE,
    NOW,
    TRUST,
    digest_of,
    given,
    made,
    moved,
    reader,
    released,
    request_text,
    sign_off_text,
    started,
)

ASKED = request_text()


def test_a_new_ledger_knows_its_product_and_nothing_else() -> None:
    state = started(MemoryStore())
    assert (state.product, state.policy, state.channels) == ("demo", digest_of("policy"), ("alpha", "beta"))
    assert (state.releases, state.requests, state.evidence, state.heads, state.history) == (
        {},
        {},
        {},
        {},
        (),
    )
    assert state.generation("alpha") == 0


def test_a_move_makes_a_head_and_closes_the_request() -> None:
    state = started(MemoryStore(), released("2.0.0"), made(ASKED), moved(ASKED))
    head = state.heads["alpha"]
    assert (head.version, head.release, head.generation) == (Version(2, 0, 0), digest_of("2.0.0"), 1)
    assert (head.since, head.request) == (NOW, statement_digest(ASKED))
    assert state.history == (head,)
    assert state.open_requests() == ()
    assert state.requests[statement_digest(ASKED)].carried_out


def test_history_from_before_the_ledger_makes_heads_without_requests() -> None:
    state = started(
        MemoryStore(),
        released("1.0.0", offered_in=("alpha", "beta")),
        released("1.0.1", offered_in=("alpha",)),
    )
    assert {name: str(head.version) for name, head in state.heads.items()} == {
        "alpha": "1.0.1",
        "beta": "1.0.0",
    }
    assert state.generation("alpha") == 2
    assert all(head.request is None for head in state.history)


def test_the_latest_evidence_of_a_name_counts() -> None:
    release = digest_of("2.0.0")
    state = started(
        MemoryStore(),
        EvidenceFound(release=release, name="tests", passed=True),
        EvidenceFound(release=release, name="tests", passed=False, detail="3 of 90"),
    )
    assert not state.evidence[release]["tests"].passed


def test_sign_offs_belong_to_the_request_they_name() -> None:
    other = request_text("2.0.0", "beta")
    said = sign_off_text(other)
    state = started(MemoryStore(), made(ASKED), made(other), given(said))
    assert state.requests[statement_digest(ASKED)].sign_offs == ()
    (record,) = state.requests[statement_digest(other)].sign_offs
    assert (record.digest, record.signer, record.sequence) == (statement_digest(said), ALICE.fingerprint, 3)


def test_the_state_cannot_be_changed() -> None:
    state = started(MemoryStore(), released("2.0.0"))
    with pytest.raises(TypeError):
        state.releases[Version(9, 0, 0)] = released("9.0.0")  # type: ignore[index]  # that is the point


_FIRST = (released("1.0.0", offered_in=("alpha",)), released("2.0.0"))
_SECOND = request_text("2.0.0", "alpha", 1)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ((released("1.0.0"), released("1.0.0", release=digest_of("x"))), "1.0.0 is registered twice"),
        ((released("1.0.0", "gamma"),), "channel 'gamma' is unknown"),
        ((released("1.0.0", offered_in=("gamma",)),), "channel 'gamma' is unknown"),
        ((made(ASKED), released("1.0.0", offered_in=("alpha",))), "requests came first"),
        (
            (released("1.0.0"), released("2.0.0", offered_in=("alpha",))),
            "releases that were offered nowhere came first",
        ),
        (
            (released("2.0.0", offered_in=("alpha",)), released("1.0.0", offered_in=("alpha",))),
            "from 2.0.0 to 1.0.0: not upwards",
        ),
        ((released("1.0.0", offered_in=("alpha", "alpha")),), "not upwards"),
        ((made(ASKED), made(ASKED)), "is recorded twice"),
        ((made(request_text(channel="gamma")),), "channel 'gamma' is unknown"),
        ((made("{}"),), "expected a statement of purpose"),
        ((made(sign_off_text(ASKED)),), "expected a statement of purpose"),
        ((given(sign_off_text(ASKED)),), "is unknown"),
        ((made(ASKED), given(sign_off_text(ASKED)), given(sign_off_text(ASKED))), "is recorded twice"),
        ((released("2.0.0"), made(ASKED), moved(ASKED), given(sign_off_text(ASKED))), "carried out already"),
        ((released("2.0.0"), moved(ASKED)), "request .* is unknown"),
        ((released("2.0.0"), made(ASKED), moved(ASKED), moved(ASKED, 2, "2.0.0")), "carried out already"),
        ((released("2.0.0"), made(ASKED), moved(ASKED, channel="beta")), "but the request asks for alpha"),
        (
            (released("3.0.0"), made(ASKED), moved(ASKED, version=Version(3, 0, 0))),
            "but the request asks for alpha to 2.0.0",
        ),
        ((released("2.0.0"), made(ASKED), moved(ASKED, release=digest_of("x"))), "but the request asks for"),
        ((made(ASKED), moved(ASKED)), "is not registered"),
        ((released("2.0.0", release=digest_of("x")), made(ASKED), moved(ASKED)), "is not registered"),
        ((released("2.0.0"), made(ASKED), moved(ASKED, 2)), "found a request at 0 and a move to 2"),
        ((*_FIRST, made(ASKED), moved(ASKED, 2, "1.0.0")), "found a request at 0"),
        ((*_FIRST, made(_SECOND), moved(_SECOND, 2)), "says that alpha was at None"),
        ((released("2.0.0"), made(ASKED), moved(ASKED, 1, "1.0.0")), "says that alpha was at 1.0.0"),
        (
            (
                released("3.0.0", offered_in=("alpha",)),
                released("2.0.0"),
                made(_SECOND),
                moved(_SECOND, 2, "3.0.0"),
            ),
            "from 3.0.0 to 2.0.0: not upwards",
        ),
    ],
)
def test_what_cannot_be_so_is_refused(contents: tuple[Content, ...], message: str) -> None:
    *before, last = contents
    store = MemoryStore()
    started(store, *before)
    with pytest.raises(EntryRefusedError, match=message):
        started(store, last)


def test_a_request_made_under_another_policy_moves_nothing() -> None:
    text = request_text(policy=str(digest_of("other")))
    with pytest.raises(EntryRefusedError, match="made under policy"):
        started(MemoryStore(), released("2.0.0"), made(text), moved(text))


def test_a_statement_nobody_verified_is_not_taken() -> None:
    store = MemoryStore()
    started(store, made(ASKED))
    *before, last = reader(store).read().entries
    with pytest.raises(LedgerBrokenError, match="signature was not verified"):
        step(fold(before, TRUST), replace(last, statement_signer=None), TRUST)


def test_entries_out_of_order_are_refused() -> None:
    store = MemoryStore()
    started(store, released("1.0.0"), released("2.0.0"))
    entries = reader(store).read().entries
    with pytest.raises(LedgerBrokenError, match="expected entry 1, found 2"):
        fold((entries[0], entries[2]), TRUST)


def test_no_entries_are_no_state() -> None:
    assert fold((), TRUST) is None

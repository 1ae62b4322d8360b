"""The fold of corrections and known issues: an order that everybody sees, and no words overwritten unseen."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest

from release.catalog.version import Version
from release.digests import Digest
from release.ledger.chain import EntryRefusedError, LedgerWriter
from release.ledger.fold_statements import AHEAD
from release.ledger.kinds import Content, IssueTold, NotesRevised
from release.ledger.state import State
from release.ledger.statements import KNOWN_ISSUE, REVISION, statement_digest, write_statement
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import (
    ALICE,
    MALLORY,
    NOW,
    PIPELINE,
    TRUST,
    FakeKey,
    digest_of,
    keyring,
    released,
    started,
)

ONE = released("1.0.0")


def revision_text(previous: str, notes: str, version: str = "1.0.0", **more: str) -> str:
    return write_statement(
        REVISION,
        {
            "version": version,
            "release": str(digest_of(version)),
            "previous": str(digest_of(previous)),
            "notes": str(digest_of(notes)),
            **more,
        },
    )


def issue_text(previous: Digest | None = None, name: str = "no-boot", **more: str) -> str:
    named = None if previous is None else str(previous)
    return write_statement(KNOWN_ISSUE, {"name": name, "previous": named, **more})


def revised(text: str, key: FakeKey = ALICE) -> NotesRevised:
    return NotesRevised(statement=text, statement_signature=key.sign(text.encode()))


def told(text: str, key: FakeKey = ALICE) -> IssueTold:
    return IssueTold(statement=text, statement_signature=key.sign(text.encode()))


FIRST, SECOND = revision_text("a", "b"), revision_text("b", "c")
BACK = revision_text("c", "b")
OPENED = issue_text()
UPDATED = issue_text(statement_digest(OPENED))


def test_corrections_are_kept_in_order_with_the_policy_of_their_time() -> None:
    state = started(MemoryStore(), ONE, revised(FIRST), revised(SECOND, MALLORY), revised(BACK))
    records = state.revisions[Version(1, 0, 0)]
    assert [one.notes for one in records] == [digest_of("b"), digest_of("c"), digest_of("b")]
    assert [one.signer for one in records] == [key.fingerprint for key in (ALICE, MALLORY, ALICE)]
    assert [one.sequence for one in records] == [2, 3, 4]
    assert {one.policy for one in records} == {state.policy}


def test_all_that_was_told_of_an_issue_is_kept_by_its_name() -> None:
    other = issue_text(name="slow")
    state = started(MemoryStore(), told(OPENED), told(other), told(UPDATED))
    assert [one.digest for one in state.issues["no-boot"]] == [
        statement_digest(OPENED),
        statement_digest(UPDATED),
    ]
    assert len(state.issues["slow"]) == 1


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ((revised(FIRST),), r"release 1\.0\.0 .* is not registered"),
        ((released("1.0.0", release=digest_of("x")), revised(FIRST)), r"1\.0\.0 .* is not registered"),
        ((ONE, revised(FIRST), revised(revision_text("a", "c"))), "which were corrected since"),
        ((ONE, revised(FIRST), revised(FIRST)), r"correction .* is recorded twice"),
        (
            (ONE, revised(FIRST), revised(SECOND), revised(BACK), revised(SECOND)),
            r"correction .* is recorded twice",
        ),
        ((ONE, revised(OPENED)), "expected a statement of purpose 'humpyard-revision-1'"),
        ((told(OPENED), told(OPENED)), "but the last is sha256:"),
        ((told(OPENED), told(UPDATED), told(issue_text(statement_digest(OPENED), x="y"))), "but the last"),
        ((told(UPDATED),), "but the last is None"),
        ((told(issue_text(name="No Boot")),), "name: String should match"),
        ((told(FIRST),), "expected a statement of purpose 'humpyard-known-issue-1'"),
    ],
)
def test_what_cannot_be_so_is_refused(contents: tuple[Content, ...], message: str) -> None:
    *before, last = contents
    store = MemoryStore()
    started(store, *before)
    with pytest.raises(EntryRefusedError, match=message):
        started(store, last)


def test_people_record_their_own_and_nobody_elses() -> None:
    store = MemoryStore()
    started(store, ONE)
    alone = LedgerWriter(store, keyring(), TRUST, ALICE)
    assert alone.append(lambda _state: revised(FIRST), now=NOW).sequence == 2
    with pytest.raises(EntryRefusedError, match="who may only record statements of their own"):
        alone.append(lambda _state: told(OPENED, MALLORY), now=NOW)


SECOND_LATER, DECADE = timedelta(seconds=1), timedelta(days=3653)


def recorded(*said: tuple[FakeKey, datetime, Content]) -> list[datetime]:
    """Times of what was said of 1.0.0, and then of the issue, by whose clock, after the pipeline's last."""
    store = MemoryStore()
    started(store, ONE)
    for key, time, content in said:
        writer = LedgerWriter(store, keyring(), TRUST, key)
        state = writer.append(partial(_say, content), now=time)
    corrected = [one.recorded for one in state.revisions.get(Version(1, 0, 0), ())]
    return corrected + [one.recorded for one in state.issues.get("no-boot", ())]


def _say(content: Content, _state: State) -> Content:
    return content


@pytest.mark.parametrize(
    ("first", "second"), [(revised(FIRST), revised(SECOND)), (told(OPENED), told(UPDATED))]
)
def test_people_are_told_when_it_was_said_unless_their_clock_cannot_be_right(
    first: Content, second: Content
) -> None:
    begun = started(MemoryStore(), ONE).latest
    assert recorded((ALICE, begun + AHEAD, first)) == [begun + AHEAD]
    assert recorded((ALICE, begun + DECADE, first)) == [begun + AHEAD]
    assert recorded((PIPELINE, begun + DECADE, first)) == [begun + DECADE], "the audit tells of its clock"
    days = [begun + timedelta(days=one) for one in (3, 20)]
    assert recorded((ALICE, days[0], first), (ALICE, days[1], second)) == days


@pytest.mark.parametrize(
    ("first", "second"), [(revised(FIRST), revised(SECOND)), (told(OPENED), told(UPDATED))]
)
def test_what_is_said_later_is_told_as_later(first: Content, second: Content) -> None:
    begun = started(MemoryStore(), ONE).latest
    for clock, later in ((begun, begun), (begun + DECADE, begun + DECADE), (begun + DECADE, begun)):
        before, after = recorded((ALICE, clock, first), (ALICE, later, second))
        assert after == before + SECOND_LATER

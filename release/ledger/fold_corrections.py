"""Steps of the fold for what people say after publication: corrections of notes, known issues. Pure.

As with all statements of people, whether one counts is judged by the policy that was in force, and not here.
One that does not count has its place in the order all the same, so that everybody sees the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from release.ledger.fold_contradiction import need
from release.ledger.fold_statements import believed_time, place_of, signer_of
from release.ledger.kinds import IssueTold, NotesRevised
from release.ledger.state import IssueRecord, RevisionRecord, State, frozen
from release.ledger.statements import issue_subject, revision_subject, statement_digest
from release.ledger.verified import VerifiedEntry

_SECOND = timedelta(seconds=1)


def revise(content: NotesRevised, state: State, verified: VerifiedEntry) -> State:
    """Notes read otherwise from now on. What the first correction corrects is in ``release.json``."""
    digest = statement_digest(content.statement)
    subject = revision_subject(content.statement, place_of(verified))
    release = state.releases.get(subject.version)
    need(
        release is not None and release.release == subject.release,
        f"release {subject.version} ({subject.release}) is not registered",
    )
    known = state.revisions.get(subject.version, ())
    need(all(one.digest != digest for one in known), f"correction {digest} is recorded twice")
    need(
        not known or known[-1].notes == subject.previous,
        f"corrects notes {subject.previous} of {subject.version}, which were corrected since",
    )
    record = RevisionRecord(
        digest=digest,
        statement=content.statement,
        previous=subject.previous,
        notes=subject.notes,
        signer=signer_of(verified),
        recorded=_recorded(known, state, verified),
        policy=state.policy,
        sequence=verified.entry.sequence,
    )
    return replace(state, revisions=frozen({**state.revisions, subject.version: (*known, record)}))


def tell(content: IssueTold, state: State, verified: VerifiedEntry) -> State:
    """A known issue is opened, or something new is told of it."""
    digest = statement_digest(content.statement)
    subject = issue_subject(content.statement, place_of(verified))
    known = state.issues.get(subject.name, ())
    last = known[-1].digest if known else None
    need(
        subject.previous == last,
        f"tells of issue {subject.name!r} after {subject.previous or 'nothing'}, but the last is {last}",
    )
    record = IssueRecord(
        digest=digest,
        statement=content.statement,
        name=subject.name,
        signer=signer_of(verified),
        recorded=_recorded(known, state, verified),
        policy=state.policy,
    )
    return replace(state, issues=frozen({**state.issues, subject.name: (*known, record)}))


def _recorded(
    known: Sequence[RevisionRecord | IssueRecord], state: State, verified: VerifiedEntry
) -> datetime:
    """When people are told that it was said. What follows cannot change it: feeds name entries by it.

    What was said later is told as later, by a second if need be, or readers of feeds would overlook it.
    """
    time = believed_time(state, verified)
    return max(time, known[-1].recorded + _SECOND) if known else time

"""What people said and checks found, as the pages tell it: out of the ledger's state.

Pure, but for what the functions read that are handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError
from release.ledger.state import Head, State
from release.line.evidence_status import known_evidence
from release.pages.markdown import NOTES_LIMIT
from release.pages.records import Evidence, IssueState, KnownIssue, Revision
from release.promotion.case import Case, open_case
from release.promotion.known_issue import GivenReport, reports_that_count
from release.promotion.policy import Policy
from release.promotion.revision import GivenRevision, PolicyOf, revisions_that_count
from release.promotion.voices import voices

ReadNotes = Callable[[Version, Digest], str]
"""The text of a correction, by its digest. Raises InputError or NotVerifiedError."""

_LOST = "the corrected text cannot be read at the moment"
_UNJUDGED = "These notes were corrected; it cannot be checked at the moment who was allowed to."


def revisions_of(
    state: State, version: Version, policy_of: PolicyOf, read_notes: ReadNotes, *, published: str = ""
) -> tuple[Revision, ...]:
    """The corrections of a release's notes that count, the oldest first.

    Nothing here may keep pages from being made: they tell of withdrawals, too. Where the last text cannot be
    had, its place is taken by the one before, and by a warning that says so; ``published`` is what the notes
    said first. Where it cannot be judged whether a correction counts, none does, and that is said.

    Only the last has its text, since no page shows another: a text that was corrected since is not read, and
    costs nothing.

    Times are ``recorded`` of the ledger's state. They may be later than ``state.latest``: a person's clock is
    believed until 31 days after the pipeline's last entry before theirs, and each correction of a release is
    at least a second later than the one before it, whatever the clock said.

    ``policy_of`` and ``read_notes`` are not asked where nothing was corrected.
    """
    try:
        given = revisions_that_count(state, version, policy_of)
    except (InputError, NotVerifiedError):
        last = state.revisions[version][-1].recorded
        return (Revision(recorded=last, summary=_UNJUDGED, notes=_instead(_UNJUDGED, published)),)
    if not given:
        return ()
    lost, text = 0, None
    while lost < len(given) and text is None:
        text = _text(version, given[-1 - lost].revision.notes, read_notes)
        lost += text is None
    notes = published if text is None else text
    if lost:
        notes = _instead(f"These notes were corrected: {_LOST}.", notes)
    told = [
        Revision(recorded=one.recorded, summary=_summary(one, lost=number >= len(given) - lost), notes="")
        for number, one in enumerate(given)
    ]
    return (*told[:-1], replace(told[-1], notes=notes))


def _summary(given: GivenRevision, *, lost: bool) -> str:
    return f"{given.revision.summary} ({_LOST})" if lost else given.revision.summary


def _instead(warning: str, before: str) -> str:
    """Markdown, which can be rendered if ``before`` can."""
    text = f"**{warning}** This is what was told before.\n\n{before}"
    return text if len(text) <= NOTES_LIMIT else f"**{warning}**"


def _text(version: Version, notes: Digest, read_notes: ReadNotes) -> str | None:
    try:
        return read_notes(version, notes)
    except (InputError, NotVerifiedError):
        return None


def known_issues_of(state: State, policy_of: PolicyOf) -> tuple[KnownIssue, ...]:
    """All known issues as they were told last, by name. Times as in ``revisions_of``.

    One of which it cannot be judged whether it counts is left out.
    """
    found = []
    for name in sorted(state.issues):
        given: tuple[GivenReport, ...] = ()
        with suppress(InputError, NotVerifiedError):
            given = reports_that_count(state, name, policy_of)
        if given:
            last = given[-1].report
            found.append(
                KnownIssue(
                    name=name,
                    title=last.title,
                    text=last.text,
                    workaround=last.workaround,
                    state=IssueState(last.state.value),
                    opened=given[0].recorded,
                    updated=given[-1].recorded,
                    affected=last.affected,
                    fixed_in=last.fixed_in,
                )
            )
    return tuple(found)


def evidence_of(state: State, policy: Policy, release: Digest) -> tuple[Evidence, ...]:
    """The latest result of each check of a release, by its name.

    A waiver counts if it did when it was recorded, under ``policy``: what was let through stays so on its
    page when the waiver has expired. What is asked for next is the gate's business.
    """
    plain = known_evidence(state, policy, release, state.latest)
    times = {record.recorded for record in state.waivers.get(release, ())}
    waived = {
        one.key
        for time in times
        for one in known_evidence(state, policy, release, time)
        if one.result == "waived"
    }
    return tuple(
        Evidence(
            name=one.key,
            passed=one.record.passed,
            detail=one.record.detail,
            recorded=one.record.recorded,
            waived=one.key in waived,
            facts=one.record.facts,
        )
        for one in plain
    )


def approvals_of(state: State, policy_of: PolicyOf, head: Head) -> tuple[str, ...]:
    """The roles in which people's go let a release into a channel, one for each person, sorted.

    None where there was no request: history from before the ledger; and none where its policy cannot be had.
    Judged as the gate did, under the policy of the request, at the time of the entry.
    """
    record = None if head.request is None else state.requests.get(head.request)
    if record is None:
        return ()
    try:
        policy = policy_of(record.subject.policy)
    except (InputError, NotVerifiedError):
        return ()
    case = open_case(state, record.digest, policy, head.since)
    if not isinstance(case, Case):
        return ()
    return tuple(sorted(voice.role for voice in voices(case) if voice.role is not None))

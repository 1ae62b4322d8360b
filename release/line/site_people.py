"""What people said and checks found, as the pages tell it: out of the ledger's state.

Pure, but for what the functions read that are handed in.
"""

from __future__ import annotations

from collections.abc import Callable

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError
from release.ledger.state import Head, State
from release.line.evidence_status import known_evidence
from release.pages.records import Evidence, IssueState, KnownIssue, Revision
from release.promotion.case import Case, open_case
from release.promotion.known_issue import reports_that_count
from release.promotion.policy import Policy
from release.promotion.revision import PolicyOf, revisions_that_count
from release.promotion.voices import voices

ReadNotes = Callable[[Version, Digest], str]
"""The text of a correction, by its digest. Raises InputError or NotVerifiedError."""


def revisions_of(
    state: State, version: Version, policy_of: PolicyOf, read_notes: ReadNotes
) -> tuple[Revision, ...]:
    """The corrections of a release's notes that count, the oldest first.

    The last one's text is what pages show, so it must be there. An earlier one whose text cannot be had any
    more is told without it: else nobody could mend that by correcting once more.

    Times are those of the entries, and so by the clocks of those who wrote them: they may be later than
    ``state.latest``. Raises as ``policy_of`` and ``read_notes``, which are not asked
    where nothing was corrected.
    """
    given = revisions_that_count(state, version, policy_of)
    texts = [_earlier(version, one.revision.notes, read_notes) for one in given[:-1]]
    texts += [read_notes(version, one.revision.notes) for one in given[-1:]]
    return tuple(
        Revision(recorded=one.recorded, summary=one.revision.summary, notes=text)
        for one, text in zip(given, texts, strict=True)
    )


def _earlier(version: Version, notes: Digest, read_notes: ReadNotes) -> str:
    try:
        return read_notes(version, notes)
    except (InputError, NotVerifiedError):
        return ""


def known_issues_of(state: State, policy_of: PolicyOf) -> tuple[KnownIssue, ...]:
    """All known issues as they were told last, by name. Times as in ``revisions_of``."""
    found = []
    for name in sorted(state.issues):
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

    None where there was no request: history from before the ledger. Judged as the gate did, under the policy
    of the request, at the time of the entry. Raises as ``policy_of``.
    """
    record = None if head.request is None else state.requests.get(head.request)
    if record is None:
        return ()
    case = open_case(state, record.digest, policy_of(record.subject.policy), head.since)
    if not isinstance(case, Case):
        return ()
    return tuple(sorted(voice.role for voice in voices(case) if voice.role is not None))

"""What people said without the right to say it, by the policy in force when it was recorded.

The gate ignores what does not count. A stop holds all the same: to stop too much is safe, and told here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from release.audit.finding import Code, Finding
from release.audit.opening import without
from release.audit.walking import Folded
from release.digests import Digest
from release.errors import InputError
from release.ledger.entries import CLOCK_SKEW
from release.ledger.fields import format_time
from release.ledger.kinds import (
    Content,
    IssueTold,
    NotesRevised,
    RequestMade,
    SignOffGiven,
    Statement,
    StopOrdered,
    WaiverGiven,
)
from release.ledger.state import State
from release.ledger.statements import statement_digest
from release.promotion.case import Case, UnreadableCase, open_case
from release.promotion.known_issue import read_issue
from release.promotion.policy import Policy
from release.promotion.revision import read_revision
from release.promotion.sign_off import read_sign_off
from release.promotion.stop import read_stop
from release.promotion.waiver import read_waiver

_CODES: Mapping[type[Content], Code] = {
    RequestMade: Code.REQUEST_IGNORED,
    SignOffGiven: Code.SIGN_OFF_IGNORED,
    WaiverGiven: Code.WAIVER_IGNORED,
    StopOrdered: Code.STOP_WITHOUT_ROLE,
    NotesRevised: Code.REVISION_IGNORED,
    IssueTold: Code.ISSUE_IGNORED,
}
_EXPECTED: Mapping[type[Content], str] = {
    RequestMade: "a request that can go through, by a person of the policy then",
    SignOffGiven: "a sign-off by a person of the policy then, in a role they held",
    WaiverGiven: "a waiver by a person who held a role that may waive then",
    StopOrdered: "a stop by a person who held a role that may stop then; it holds all the same",
    NotesRevised: "a correction by a person who held a role that may correct then",
    IssueTold: "a known issue, told by a person who held a role that may correct then",
}


def statement_findings(folded: Folded, policies: Mapping[Digest, Policy]) -> Iterator[Finding]:
    """Why what somebody said does not count; nothing where it does, or for any other entry."""
    content = folded.content
    if folded.refused or not isinstance(content, Statement):
        return
    policy = policies.get(folded.before.policy)
    why = "the policy then cannot be read" if policy is None else _objection(folded, content, policy)
    if why is not None:
        yield Finding(
            code=_CODES[type(content)],
            where=folded.key,
            expected=_EXPECTED[type(content)],
            found=why,
            hint=folded.hint if policy is None else None,
        )


def _objection(folded: Folded, content: Statement, policy: Policy) -> str | None:
    signer = str(folded.verified.statement_signer)
    time = folded.verified.entry.time
    try:
        match content:
            case RequestMade():
                return _request(content, folded.after, policy, time)
            case SignOffGiven():
                given = read_sign_off(content.statement)
                return _role(policy, signer, given.by, given.role) or _period(
                    given.at, given.expires_at, time
                )
            case WaiverGiven():
                waiver = read_waiver(content.statement)
                return (
                    _role(policy, signer, waiver.by, waiver.role, policy.waiver_roles)
                    or _product(waiver.product, folded.before)
                    or _period(waiver.at, waiver.expires_at, time)
                )
            case StopOrdered():
                stop = read_stop(content.statement)
                return _role(policy, signer, stop.by, stop.role, policy.emergency.stop) or _product(
                    stop.product, folded.before
                )
            case NotesRevised() | IssueTold():
                said = (
                    read_revision(content.statement)
                    if isinstance(content, NotesRevised)
                    else read_issue(content.statement)
                )
                return _role(policy, signer, said.by, said.role, policy.correction_roles) or _product(
                    said.product, folded.before
                )
    except InputError as error:
        return f"cannot be read: {without(error.message, folded.key)}"


def _request(content: RequestMade, after: State, policy: Policy, time: datetime) -> str | None:
    """A request that the gate can never let through, for its author or for what it cannot be read as."""
    case: Case | UnreadableCase = open_case(after, statement_digest(content.statement), policy, time)
    if isinstance(case, UnreadableCase):
        return f"cannot be read: {case.reason}"
    if policy.person(case.signer) is None and case.signer not in after.pipeline_keys:
        return f"by {case.signer}, who is nobody in the policy"
    if case.request.requested_by != case.signer:
        return f"says it is by {case.request.requested_by}, signed by {case.signer}"
    if case.request.product != after.product:
        return f"for {case.request.product!r}"
    return None if case.request.policy == after.policy else f"made under policy {case.request.policy}"


def _role(
    policy: Policy, signer: str, by: str, role: str, allowed: tuple[str, ...] | None = None
) -> str | None:
    """``allowed`` None: any role that the person holds."""
    person = policy.person(signer)
    if person is None:
        return f"by {signer}, who is nobody in the policy"
    if by != signer:
        return f"says it is by {by}, signed by {signer}, who is {person.name}"
    if role not in person.roles:
        return f"by {person.name} as {role}, who has only {', '.join(person.roles)}"
    if allowed is not None and role not in allowed:
        return f"by {person.name} as {role}; these may: {', '.join(allowed) or 'nobody'}"
    return None


def _product(product: str, state: State) -> str | None:
    return None if product == state.product else f"for {product!r}"


def _period(begins: datetime, ends: datetime, time: datetime) -> str | None:
    if begins <= time + CLOCK_SKEW and time < ends:
        return None
    return f"counts from {format_time(begins)} until {format_time(ends)}, recorded {format_time(time)}"

"""People's statements: a request, a sign-off or a stop is made, signed by its author, and recorded.

Making and recording are apart, so that a person without access to the store can hand a signed statement
to somebody who has it: the signature is theirs either way, and is checked when it is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from release import canonical
from release.bundle.layout import notes_key
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, RefusedError
from release.ledger.chain import Proposal, StatementSigner
from release.ledger.entries import CLOCK_SKEW
from release.ledger.state import State
from release.ledger.statements import (
    KNOWN_ISSUE,
    POLICY_REQUEST,
    REQUEST,
    RESUME_REQUEST,
    REVISION,
    SIGN_OFF,
    STATEMENT_LIMIT,
    STOP,
    WAIVER,
    StopAction,
    revision_subject,
    statement_digest,
)
from release.line.issue_versions import check_known
from release.line.notes_texts import parse_notes, read_notes
from release.line.policies import policy_key
from release.line.requests import request_status
from release.line.yard import Yard
from release.promotion import proposals_corrections, proposals_people
from release.promotion.case import Case, Request, open_case
from release.promotion.decide import decide
from release.promotion.governance import new_policy_request, new_resume_request
from release.promotion.known_issue import read_issue
from release.promotion.policy import Policy
from release.promotion.policy_file import read_policy
from release.promotion.request import PromotionRequest, Skippable, new_request
from release.promotion.sign_off import Verdict, new_sign_off
from release.promotion.stop import StopOrder

Proposing = Callable[..., Proposal]
"""Makes the proposal that records a signed statement; see ``release.promotion.proposals_people``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A statement and its author's armored detached signature: all that ever leaves their machine."""

    statement: str
    signature: str

    @property
    def digest(self) -> Digest:
        """What names the statement."""
        return statement_digest(self.statement)

    def dump(self) -> bytes:
        """As a file, to be carried to where it can be recorded."""
        return canonical.dump({"statement": self.statement, "signature": self.signature})


def read_signed(data: bytes, where: str) -> Signed:
    """Read what ``Signed.dump`` writes. Raises InputError. The signature is checked when it is recorded."""
    fields = canonical.load(data, where, 4 * STATEMENT_LIMIT)
    statement, signature = fields.get("statement"), fields.get("signature")
    if set(fields) != {"statement", "signature"} or not (
        isinstance(statement, str) and isinstance(signature, str)
    ):
        raise InputError(f"{where}: expected a statement and its signature, found {', '.join(fields)}")
    return Signed(statement=statement, signature=signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What a promotion request says besides what it asks for."""

    reason: str = ""
    hurry: tuple[Skippable, ...] = ()
    incident: str | None = None


def ask_for(
    yard: Yard, author: StatementSigner, version: Version, channel: str, asking: Asking | None = None
) -> Digest:
    """Record a request by ``author`` that ``channel`` move to ``version``; returns its digest.

    An open request of the same author for the same move, still possible, is returned instead of
    a second one being made.

    Raises:
        RefusedError: it cannot be asked for; says why.
        InputError: the policy has no such channel.
    """
    state, policy, now = yard.ledger.state(), yard.policy(), yard.clock()
    said = asking or Asking()
    wanted = (version, channel, state.generation(channel), said.hurry)

    def same(asked: Request) -> bool:
        return isinstance(asked, PromotionRequest) and wanted == (
            asked.version,
            asked.channel,
            asked.generation,
            asked.hurry,
        )

    made = _made_before(yard, author, same)
    if made is not None:
        return made
    request = new_request(
        state,
        policy,
        version=version,
        channel=channel,
        requested_by=author.fingerprint,
        now=now,
        reason=said.reason,
        hurry=said.hurry,
        incident=said.incident,
    )
    return _record_request(yard, author, request.statement(), now)


def ask_for_policy(yard: Yard, author: StatementSigner, data: bytes, reason: str = "") -> Digest:
    """Record a request that the policy in the bytes ``data`` be put in force; returns its digest.

    The file is put into the store first, under its digest, where it does nothing until it is adopted.
    Raises InputError for what is no policy, RefusedError for one that would lock everybody out.
    """
    state, policy, now = yard.ledger.state(), yard.policy(), yard.clock()
    proposed = read_policy(data, "new policy")
    made = _made_before(yard, author, lambda asked: getattr(asked, "proposed", None) == proposed.digest)
    if made is not None:
        return made
    request = new_policy_request(
        state, policy, proposed, requested_by=author.fingerprint, now=now, reason=reason
    )
    yard.store.create(policy_key(proposed.digest), data, sha256=proposed.digest)
    return _record_request(yard, author, request.statement(), now)


def ask_to_resume(yard: Yard, author: StatementSigner, stop: Digest, reason: str = "") -> Digest:
    """Record a request that a stop be lifted; returns its digest. Raises RefusedError unless it stands."""
    state, policy, now = yard.ledger.state(), yard.policy(), yard.clock()
    made = _made_before(yard, author, lambda asked: getattr(asked, "stop", None) == stop)
    if made is not None:
        return made
    request = new_resume_request(state, policy, stop, requested_by=author.fingerprint, now=now, reason=reason)
    return _record_request(yard, author, request.statement(), now)


def _made_before(yard: Yard, author: StatementSigner, same: Callable[[Request], bool]) -> Digest | None:
    """An open request of the author that asks for the same under the policy in force and still may."""
    state, policy, now = yard.ledger.state(), yard.policy(), yard.clock()
    for record in state.open_requests():
        case = open_case(state, record.digest, policy, now)
        if not isinstance(case, Case) or record.signer != author.fingerprint:
            continue
        asked = case.request
        valid = asked.requested_at <= now + CLOCK_SKEW and now < asked.expires_at
        if valid and asked.policy_entry == state.policy_entry and same(asked):
            return record.digest
    return None


def _record_request(yard: Yard, author: StatementSigner, text: str, now: datetime) -> Digest:
    return record_statement(yard, author, text, proposals_people.request, now)


def say_to(
    yard: Yard,
    author: StatementSigner,
    request: Digest,
    verdict: Verdict,
    *,
    role: str | None = None,
    reason: str = "",
) -> Signed:
    """What ``author`` says to a request, signed; ``record`` makes it count.

    Without a role it is one that they hold and that the request's quorum asks for.

    Raises:
        InputError: there is no such request.
        RefusedError: nothing can be said to it, or not by them.
    """
    now = yard.clock()
    case = request_status(yard, request).case
    terms = case.terms if isinstance(case, Case) else None
    if not isinstance(case, Case) or terms is None:
        raise RefusedError(
            f"request {request}: cannot be signed off", hint="humpyard promote status says why"
        )
    given = new_sign_off(
        request,
        verdict,
        role=find_role(case.policy, author, role, _roles(case, author, verdict)),
        by=author.fingerprint,
        now=now,
        valid_for=terms.sign_off_valid_for,
        reason=reason,
    )
    return sign_statement(author, given.statement())


def _roles(case: Case, author: StatementSigner, verdict: Verdict) -> tuple[str, ...]:
    """The roles in which a verdict can count, those that are still asked for first."""
    person = case.policy.person(author.fingerprint)
    theirs = () if person is None else person.roles
    if verdict in {Verdict.NO_GO, Verdict.WITHDRAW}:
        return theirs
    if verdict is Verdict.OVERRULE:
        roles = tuple(quorum.role for quorum in case.terms.overrule) if case.terms else ()
        if not roles:
            raise RefusedError(f"{case.title}: without an overrule quorum only authors take no-gos back")
        return roles
    open_roles = [name.split()[-1] for name in _unmet_quorums(case)]
    asked = [quorum.role for quorum in case.terms.quorum] if case.terms else []
    return tuple(dict.fromkeys([*open_roles, *asked])) or theirs


def _unmet_quorums(case: Case) -> list[str]:
    return [rule.name for rule in decide(case).unmet if rule.name.startswith(("quorum ", "hurry "))]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWish:
    """What somebody wants stopped; see ``StopAction`` for what each action needs."""

    action: StopAction
    channel: str | None = None
    version: Version | None = None
    reason: str
    advice: str = ""


def stop_now(yard: Yard, author: StatementSigner, wish: StopWish, *, role: str) -> Digest:
    """Record a stop by ``author``, alone; returns its digest. It holds from then on.

    The same stop by anybody, still standing, is returned instead of a second one being made. A pause
    without a version is of what the channel is at.

    Raises:
        InputError: something is missing or unknown.
        RefusedError: ``author`` may not stop, or it would stop nothing; says why.
    """
    state, now = yard.ledger.state(), yard.clock()
    version = _paused(state, wish) if wish.action is StopAction.PAUSE else wish.version
    known = state.releases.get(version) if version is not None else None
    if version is not None and known is None:
        raise RefusedError(f"release {version} is not in the ledger")
    for stop in state.standing_stops():
        subject = stop.subject
        if (subject.action, subject.channel, subject.version) == (wish.action, wish.channel, version):
            return stop.digest
    order = StopOrder(
        product=state.product,
        action=wish.action,
        channel=wish.channel,
        version=version,
        release=known.release if known is not None else None,
        role=role,
        by=author.fingerprint,
        at=now,
        reason=wish.reason,
        advice=wish.advice,
    )
    return record_statement(yard, author, order.statement(), proposals_people.stop, now)


def _paused(state: State, wish: StopWish) -> Version | None:
    """The version whose rollout a pause is about."""
    if wish.version is not None or wish.channel is None:
        return wish.version
    head = state.heads.get(wish.channel)
    if head is not None:
        return head.version
    raise RefusedError(
        f"channel {wish.channel}: offers nothing, so there is no rollout to pause",
        hint=f"channels that offer something: {', '.join(state.heads) or 'none'}; stop freeze stops others",
    )


def find_role(policy: Policy, author: StatementSigner, wanted: str | None, able: tuple[str, ...]) -> str:
    """The role in which somebody acts: the one they named, else the first of ``able`` that they hold.

    Raises RefusedError when they hold none of them.
    """
    if wanted is not None:
        return wanted
    person = policy.person(author.fingerprint)
    if person is None:
        raise RefusedError(f"{author.fingerprint} is not a person of the policy")
    held = [role for role in able if role in person.roles]
    if not able:
        raise RefusedError("the policy in force gives no role the right to do this")
    if not held:
        raise RefusedError(f"{person.name} holds none of the roles that may do this: {', '.join(able)}")
    return held[0]


def record_statement(
    yard: Yard, author: StatementSigner, text: str, proposal: Proposing, now: datetime
) -> Digest:
    """Sign a statement as ``author``, record it, and return its digest. Raises as ``proposal``."""
    return _append(yard, sign_statement(author, text), proposal, now)


def sign_statement(author: StatementSigner, text: str) -> Signed:
    """A statement with its author's signature, not recorded anywhere."""
    return Signed(statement=text, signature=author.sign(text.encode()))


def record(yard: Yard, signed: Signed) -> Digest:
    """Record what somebody else signed, whatever it is; returns its digest. Safe to repeat.

    Raises:
        InputError: it is no statement, or names a text or a release that is not there.
        NotVerifiedError: the signature does not hold.
        RefusedError: it could not count; says why.
    """
    fields = canonical.load(signed.statement.encode(), "statement", STATEMENT_LIMIT)
    proposal = _PROPOSALS.get(str(fields.get("statement")))
    if proposal is None:
        raise InputError(
            f"statement: expected one of {', '.join(_PROPOSALS)}, found {fields.get('statement')!r}"
        )
    _check_named(yard, signed.statement, str(fields.get("statement")))
    return _append(yard, signed, proposal, yard.clock())


def _check_named(yard: Yard, text: str, purpose: str) -> None:
    """Raises InputError where pages would be led to a text, or a release, that is not there."""
    if purpose == REVISION:
        corrected = revision_subject(text, "correction")
        told = read_notes(yard.store, corrected.version, corrected.notes)
        parse_notes(told.encode(), notes_key(corrected.version, corrected.notes))
    if purpose == KNOWN_ISSUE:
        check_known(yard, yard.ledger.state(), read_issue(text))


def _append(yard: Yard, signed: Signed, proposal: Proposing, now: datetime) -> Digest:
    proposed = proposal(
        signed.statement, signed.signature, verifier=yard.statements, policy=yard.policy(), now=now
    )
    yard.ledger.append(proposed, now=now)
    return signed.digest


_PROPOSALS: Mapping[str, Proposing] = {
    REQUEST: proposals_people.request,
    POLICY_REQUEST: proposals_people.request,
    RESUME_REQUEST: proposals_people.request,
    SIGN_OFF: proposals_people.sign_off,
    WAIVER: proposals_people.waiver,
    STOP: proposals_people.stop,
    REVISION: proposals_corrections.revision,
    KNOWN_ISSUE: proposals_corrections.issue,
}

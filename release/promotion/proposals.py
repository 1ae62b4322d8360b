"""What promotion writes into the ledger: proposals for ``release.ledger.chain.LedgerWriter.append``.

Each looks at the newest state and answers with an entry, with None when the ledger says so already
(every step may be run twice), or with a refusal. They run again when another writer was quicker, so
the gate always decides on the state that the move follows.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from release.digests import Digest
from release.errors import RefusedError
from release.ledger.chain import Proposal, StatementVerifier
from release.ledger.entries import CLOCK_SKEW
from release.ledger.kinds import EvidenceFound, PointerMoved, ReleaseRegistered, RequestMade, SignOffGiven
from release.ledger.state import State
from release.ledger.statements import statement_digest
from release.promotion.case import open_case
from release.promotion.decide import Decision
from release.promotion.policy import Policy
from release.promotion.request import read_request
from release.promotion.sign_off import read_sign_off
from release.promotion.status import Phase, status


class GateClosedError(RefusedError):
    """The gate says no. ``decision`` has every rule's answer."""

    def __init__(self, message: str, decision: Decision, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.decision = decision


def registration(release: ReleaseRegistered) -> Proposal:
    """Register a release.

    History is told once: of a registered release, ``offered_in`` may be left out. The proposal raises
    RefusedError when its version is registered already with other content.
    """

    def propose(state: State) -> ReleaseRegistered | None:
        known = state.releases.get(release.version)
        if known is None:
            return release
        told = release if release.offered_in else replace(release, offered_in=known.offered_in)
        if known == told:
            return None
        if known.release == release.release:
            raise RefusedError(
                f"release {release.version} is registered already, as offered in"
                f" {', '.join(known.offered_in) or 'no channel'} before the ledger began"
            )
        raise RefusedError(
            f"release {release.version} is registered as {known.release}, not as {release.release}",
            hint="a version is released once; give new content a higher version",
        )

    return propose


def evidence(found: EvidenceFound) -> Proposal:
    """Record the result of a check, unless the latest of its name says the same."""

    def propose(state: State) -> EvidenceFound | None:
        known = state.evidence.get(found.release, {}).get(found.name)
        same = known is not None and (known.passed, known.detail) == (found.passed, found.detail)
        return None if same else found

    return propose


def request(
    statement: str, signature: str, *, verifier: StatementVerifier, policy: Policy, now: datetime
) -> Proposal:
    """Record a request that somebody signed.

    Raises:
        InputError: not a request.
        NotVerifiedError: the signature does not hold ``now``, by a key that has not expired.
        RefusedError: signed by another than it says. The proposal raises it for a signer who may not
            ask, and for a policy that is not the one in force.
    """
    asked = read_request(statement)
    signer = verifier.verify(statement.encode(), signature, at=now)
    _check_author("request", asked.requested_by, signer)
    digest = statement_digest(statement)
    policy.get(asked.channel)

    def propose(state: State) -> RequestMade | None:
        if digest in state.requests:
            return None
        if policy.person(signer) is None and signer not in state.pipeline_keys:
            raise RefusedError(f"request: {signer} is nobody in the policy")
        if not asked.policy == policy.digest == state.policy:
            raise RefusedError(f"request: made under policy {asked.policy}, in force is {state.policy}")
        return RequestMade(statement=statement, statement_signature=signature)

    return propose


def sign_off(
    statement: str, signature: str, *, verifier: StatementVerifier, policy: Policy, now: datetime
) -> Proposal:
    """Record a sign-off that somebody signed.

    Only what can count is recorded: by a person of the policy, in a role they hold, not expired, not
    from the future, for an open request.

    Raises:
        InputError: not a sign-off.
        NotVerifiedError: the signature does not hold ``now``, by a key that has not expired.
        RefusedError: signed by another than it says, or one of the above. The proposal raises it for
            a request that is unknown or was carried out.
    """
    given = read_sign_off(statement)
    signer = verifier.verify(statement.encode(), signature, at=now)
    _check_author("sign-off", given.by, signer)
    person = policy.person(signer)
    if person is None or given.role not in person.roles:
        who = signer if person is None else person.name
        raise RefusedError(f"sign-off: {who} does not have the role {given.role!r} in the policy")
    if now >= given.expires_at or given.at > now + CLOCK_SKEW:
        raise RefusedError(
            f"sign-off: counts from {given.at} until {given.expires_at}, but it is {now}",
            hint="make a new one, and check the clock",
        )
    digest = statement_digest(statement)

    def propose(state: State) -> SignOffGiven | None:
        record = state.requests.get(given.request)
        if record is None:
            raise RefusedError(f"sign-off: request {given.request} is not in the ledger")
        if any(known.digest == digest for known in record.sign_offs):
            return None
        if record.moved:
            raise RefusedError(f"sign-off: request {given.request} was carried out already")
        return SignOffGiven(statement=statement, statement_signature=signature)

    return propose


def move(digest: Digest, *, policy: Policy, now: datetime) -> Proposal:
    """Carry out the request ``digest`` if the gate is open at ``now``.

    The proposal raises GateClosedError when it is not, InputError when there is no such request.
    """

    def propose(state: State) -> PointerMoved | None:
        found = status(open_case(state, digest, policy, now))
        if found.phase is Phase.MOVED:
            return None
        if not found.decision.allowed:
            hint = "only a new request can go through" if found.phase is Phase.VOID else None
            raise GateClosedError(f"not promoted: {found.summary}", found.decision, hint=hint)
        asked = found.case.request
        head = state.heads.get(asked.channel)
        return PointerMoved(
            channel=asked.channel,
            version=asked.version,
            release=asked.release,
            request=digest,
            generation=asked.generation + 1,
            from_version=head.version if head else None,
            decision=found.decision.lines(),
        )

    return propose


def _check_author(what: str, stated: str, signer: str) -> None:
    if stated != signer:
        raise RefusedError(f"{what}: says it is by {stated}, but {signer} signed it")

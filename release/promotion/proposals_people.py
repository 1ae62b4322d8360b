"""Proposals for what people sign: requests, sign-offs, waivers, stops.

Only what can count is recorded: signed now by a key that holds now, in the author's own name, by a
person of the policy in a role they hold. The gate checks all of it again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from release.catalog.version import Version
from release.errors import InputError, RefusedError
from release.ledger.chain import Proposal, StatementVerifier
from release.ledger.entries import CLOCK_SKEW
from release.ledger.fields import format_time
from release.ledger.kinds import RequestMade, SignOffGiven, StopOrdered, WaiverGiven
from release.ledger.state import State
from release.ledger.statements import (
    PolicySubject,
    PromotionSubject,
    StopAction,
    request_subject,
    statement_digest,
)
from release.promotion.case import Request
from release.promotion.governance import read_policy_request, read_resume_request
from release.promotion.policy import Person, Policy
from release.promotion.request import read_request
from release.promotion.sign_off import read_sign_off
from release.promotion.stop import StopOrder, read_stop
from release.promotion.waiver import read_waiver


def request(
    statement: str, signature: str, *, verifier: StatementVerifier, policy: Policy, now: datetime
) -> Proposal:
    """Record a request that somebody signed.

    Raises:
        InputError: not a request, or for a channel that the policy does not have.
        NotVerifiedError: the signature does not hold ``now``, by a key that has not expired.
        RefusedError: signed by another than it says, expired, or from the future. The proposal raises it
            for a signer who may not ask, for another product, for a policy that is not in force, and for
            a release that was collected.
    """
    asked = _read_any(statement)
    signer = verifier.verify(statement.encode(), signature, at=now)
    check_author("request", asked.requested_by, signer)
    _check_period("request", asked.requested_at, asked.expires_at, now)
    digest = statement_digest(statement)

    def propose(state: State) -> RequestMade | None:
        if digest in state.requests:
            return None
        if policy.person(signer) is None and signer not in state.pipeline_keys:
            raise RefusedError(f"request: {signer} is nobody in the policy")
        check_product("request", asked.product, state)
        in_force = asked.policy == policy.digest == state.policy
        if not in_force or asked.policy_entry != state.policy_entry:
            raise RefusedError(
                f"request: made under policy {asked.policy} of entry {asked.policy_entry},"
                f" in force is {state.policy} of {state.policy_entry}"
            )
        subject = request_subject(statement, "request")
        if isinstance(subject, PromotionSubject):
            policy.get(subject.channel)
            _check_kept(state, subject.version)
        return RequestMade(statement=statement, statement_signature=signature)

    return propose


def _check_kept(state: State, version: Version) -> None:
    since = state.collected.get(version)
    if since is not None:
        raise RefusedError(
            f"request: release {version} was collected {format_time(since)}: its files are gone",
            hint="ask for another release",
        )


def _read_any(statement: str) -> Request:
    subject = request_subject(statement, "request")
    reader: Callable[[str], Request] = read_resume_request
    if isinstance(subject, PromotionSubject):
        reader = read_request
    elif isinstance(subject, PolicySubject):
        reader = read_policy_request
    return reader(statement)


def sign_off(
    statement: str, signature: str, *, verifier: StatementVerifier, policy: Policy, now: datetime
) -> Proposal:
    """Record a sign-off that somebody signed: not expired, not from the future, for an open request.

    Raises:
        InputError: not a sign-off.
        NotVerifiedError: the signature does not hold ``now``, by a key that has not expired.
        RefusedError: signed by another than it says, or one of the above. The proposal raises it for
            a request that is unknown or was carried out.
    """
    given = read_sign_off(statement)
    signer = verifier.verify(statement.encode(), signature, at=now)
    check_author("sign-off", given.by, signer)
    check_role("sign-off", policy, signer, given.role)
    _check_period("sign-off", given.at, given.expires_at, now)
    digest = statement_digest(statement)

    def propose(state: State) -> SignOffGiven | None:
        record = state.requests.get(given.request)
        if record is None:
            raise RefusedError(f"sign-off: request {given.request} is not in the ledger")
        if any(known.digest == digest for known in record.sign_offs):
            return None
        if record.carried_out:
            raise RefusedError(f"sign-off: request {given.request} was carried out already")
        return SignOffGiven(statement=statement, statement_signature=signature)

    return propose


def waiver(
    statement: str, signature: str, *, verifier: StatementVerifier, policy: Policy, now: datetime
) -> Proposal:
    """Record a waiver that somebody with a waiver role signed. Raises as ``sign_off``."""
    given = read_waiver(statement)
    signer = verifier.verify(statement.encode(), signature, at=now)
    check_author("waiver", given.by, signer)
    check_role("waiver", policy, signer, given.role)
    if given.role not in policy.waiver_roles:
        raise RefusedError(
            f"waiver: expected one of the roles {', '.join(policy.waiver_roles) or 'of nobody'},"
            f" found {given.role}"
        )
    _check_period("waiver", given.at, given.expires_at, now)
    digest = statement_digest(statement)

    def propose(state: State) -> WaiverGiven | None:
        check_product("waiver", given.product, state)
        if any(known.digest == digest for known in state.waivers.get(given.release, ())):
            return None
        if all(known.release != given.release for known in state.releases.values()):
            raise RefusedError(f"waiver: release {given.release} is not in the ledger")
        return WaiverGiven(statement=statement, statement_signature=signature)

    return propose


def stop(
    statement: str, signature: str, *, verifier: StatementVerifier, policy: Policy, now: datetime
) -> Proposal:
    """Record a stop that somebody with a stop role signed: it holds from here on. Raises as ``sign_off``."""
    given = read_stop(statement)
    signer = verifier.verify(statement.encode(), signature, at=now)
    check_author("stop", given.by, signer)
    check_role("stop", policy, signer, given.role)
    if given.role not in policy.emergency.stop:
        raise RefusedError(
            f"stop: expected one of the roles {', '.join(policy.emergency.stop)}, found {given.role}"
        )
    digest = statement_digest(statement)

    def propose(state: State) -> StopOrdered | None:
        known = state.stops.get(digest)
        if known is not None and known.lifted is not None:
            raise RefusedError(f"stop: {digest} was lifted and stops nothing any more", hint="make a new one")
        if known is not None:
            return None
        check_product("stop", given.product, state)
        _check_target(given, state)
        return StopOrdered(statement=statement, statement_signature=signature)

    return propose


def _check_target(given: StopOrder, state: State) -> None:
    """Refuse what would stop nothing."""
    if given.channel is not None and not state.knows(given.channel):
        raise InputError(f"stop: channel {given.channel!r} is unknown")
    if given.version is not None:
        release = state.releases.get(given.version)
        if release is None or release.release != given.release:
            raise RefusedError(f"stop: release {given.version} ({given.release}) is not in the ledger")
    if given.action is StopAction.PAUSE:
        head = state.heads.get(str(given.channel))
        if head is None or head.version != given.version:
            at = "nothing" if head is None else head.version
            raise RefusedError(f"stop: {given.channel} is at {at}, there is no rollout of {given.version}")


def check_author(what: str, stated: str, signer: str) -> None:
    """Raises RefusedError unless who signed is who the statement says it is by. ``what`` begins messages."""
    if stated != signer:
        raise RefusedError(f"{what}: says it is by {stated}, but {signer} signed it")


def check_role(what: str, policy: Policy, signer: str, role: str) -> Person:
    """Who signed. Raises RefusedError unless they are of the policy and hold the role."""
    person = policy.person(signer)
    if person is None or role not in person.roles:
        who = signer if person is None else person.name
        raise RefusedError(f"{what}: {who} does not have the role {role!r} in the policy")
    return person


def check_product(what: str, product: str, state: State) -> None:
    """Raises RefusedError for a statement about another product than the ledger's."""
    if product != state.product:
        raise RefusedError(f"{what}: is for {product!r}, the ledger for {state.product!r}")


def _check_period(what: str, begins: datetime, ends: datetime, now: datetime) -> None:
    if now >= ends or begins - now > CLOCK_SKEW:
        raise RefusedError(
            f"{what}: counts from {format_time(begins)} until {format_time(ends)},"
            f" but it is {format_time(now)}",
            hint="make a new one, and check the clock",
        )

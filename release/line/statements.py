"""People's statements: a request or a sign-off is made, signed by its author, and recorded."""

from __future__ import annotations

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError
from release.ledger.chain import StatementSigner
from release.ledger.entries import CLOCK_SKEW
from release.line.yard import Yard
from release.promotion.case import UnreadableCase, open_case
from release.promotion.proposals import request as request_proposal
from release.promotion.proposals import sign_off as sign_off_proposal
from release.promotion.request import new_request
from release.promotion.sign_off import Verdict, new_sign_off


def ask_for(yard: Yard, author: StatementSigner, version: Version, channel: str, reason: str = "") -> Digest:
    """Record a request by ``author`` that ``channel`` move to ``version``; returns its digest.

    An open request of the same author for the same move, still possible, is returned instead of
    a second one being made.

    Raises:
        RefusedError: it cannot be asked for; says why.
        InputError: the policy has no such channel.
    """
    state, policy, now = yard.ledger.state(), yard.policy(), yard.clock()
    for record in state.open_requests():
        case = open_case(state, record.digest, policy, now)
        if isinstance(case, UnreadableCase):
            continue
        asked = case.request
        same = (asked.version, asked.channel, asked.generation, asked.policy) == (
            version,
            channel,
            state.generation(channel),
            state.policy,
        )
        valid = asked.requested_at <= now + CLOCK_SKEW and now < asked.expires_at
        if same and valid and record.signer == author.fingerprint:
            return record.digest
    request = new_request(
        state,
        policy,
        version=version,
        channel=channel,
        requested_by=author.fingerprint,
        now=now,
        reason=reason,
    )
    text = request.statement()
    proposal = request_proposal(
        text, author.sign(text.encode()), verifier=yard.statements, policy=policy, now=now
    )
    yard.ledger.append(proposal, now=now)
    return request.digest


def say_to(
    yard: Yard, author: StatementSigner, request: Digest, verdict: Verdict, *, role: str, reason: str = ""
) -> None:
    """Record what ``author`` says to a request.

    Raises:
        RefusedError: it could not count; says why.
    """
    state, policy, now = yard.ledger.state(), yard.policy(), yard.clock()
    record = state.requests.get(request)
    if record is None:
        raise InputError(f"request {request} is not in the ledger")
    edge = policy.get(record.subject.channel)
    given = new_sign_off(
        request,
        verdict,
        role=role,
        by=author.fingerprint,
        now=now,
        valid_for=edge.sign_off_valid_for,
        reason=reason,
    )
    text = given.statement()
    proposal = sign_off_proposal(
        text, author.sign(text.encode()), verifier=yard.statements, policy=policy, now=now
    )
    yard.ledger.append(proposal, now=now)

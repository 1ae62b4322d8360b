"""Requests before the gate, as they are now: read from the ledger and the store, decided purely."""

from __future__ import annotations

from datetime import datetime

from release.digests import Digest
from release.ledger.chain import Proposal
from release.ledger.statements import PromotionSubject
from release.line.policies import proposed_policies
from release.line.yard import Yard
from release.promotion.case import open_case
from release.promotion.proposals import carry_out, check_open
from release.promotion.status import Phase, RequestStatus, status


def request_status(yard: Yard, request: Digest) -> RequestStatus:
    """Where one request stands. Raises InputError when the ledger has no such request."""
    state = yard.ledger.state()
    proposed = proposed_policies(yard.store, state)
    return status(open_case(state, request, yard.policy(), yard.clock(), proposed))


def open_requests(yard: Yard, channel: str | None = None) -> tuple[RequestStatus, ...]:
    """Where every request stands that was not carried out, oldest first.

    With ``channel`` only promotions of that channel.
    """
    state, policy, now = yard.ledger.state(), yard.policy(), yard.clock()
    proposed = proposed_policies(yard.store, state)
    found = (
        status(open_case(state, record.digest, policy, now, proposed)) for record in state.open_requests()
    )
    return tuple(one for one in found if channel is None or _channel(one) == channel)


def _channel(one: RequestStatus) -> str | None:
    subject = one.case.subject
    return subject.channel if isinstance(subject, PromotionSubject) else None


def ask_gate(yard: Yard, request: Digest) -> str:
    """Where a request stands. Raises GateClosedError unless it can be carried out, or was.

    Whether mirrors have the release is asked at the move: bringing it there comes between.
    """
    found = request_status(yard, request)
    if found.phase is not Phase.CARRIED_OUT:
        check_open(found)
    return found.summary


def carry_out_request(yard: Yard, request: Digest) -> None:
    """Record what the request asks for, if the gate is open at that moment. Raises as ``ask_gate``."""
    now = yard.clock()
    yard.ledger.append(_proposal(yard, request, now), now=now)


def _proposal(yard: Yard, request: Digest, now: datetime) -> Proposal:
    proposed = proposed_policies(yard.store, yard.ledger.state())
    return carry_out(request, policy=yard.policy(), now=now, proposed=proposed)

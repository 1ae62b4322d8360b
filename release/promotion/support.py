"""How long streams are supported: pure dates from when they were opened and what the policy says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dateutil.relativedelta import relativedelta

from release.ledger.state import Head, State
from release.promotion.policy import Policy, StreamRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A stream's support. ``next_due`` is when its successor must be there for the overlap to be kept."""

    stream: str
    opened: datetime
    ends: datetime
    next_due: datetime


def supports(state: State, policy: Policy) -> tuple[Support, ...]:
    """Every stream of every channel that has some, in the order they were opened."""
    found = []
    for edge in policy.edges:
        if edge.streams is not None:
            found += support_of(state.streams_of(edge.channel.name), edge.streams)
    return tuple(found)


def support_of(opened: Sequence[Head], rules: StreamRules) -> list[Support]:
    """The support of the streams whose first heads these are, in the order they were opened.

    A stream is supported for ``support_months`` from its first release on, and never for less than
    ``overlap_months`` after the next one was opened: who is late with the next, supports the old longer.
    """
    found = []
    for position, head in enumerate(opened):
        ends = head.since + relativedelta(months=rules.support_months)
        if position + 1 < len(opened):
            ends = max(ends, opened[position + 1].since + relativedelta(months=rules.overlap_months))
        found.append(
            Support(
                stream=head.channel,
                opened=head.since,
                ends=ends,
                next_due=ends - relativedelta(months=rules.overlap_months),
            )
        )
    return found


def support(state: State, policy: Policy, stream: str) -> Support | None:
    """The support of one stream, None when there is no such stream."""
    return next((one for one in supports(state, policy) if one.stream == stream), None)

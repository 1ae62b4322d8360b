"""What machines are offered, and since when: offers begin and end as heads move and stops come and go.

The gate counts soak time by them, so one that ended never begins again: what goes on after a stop is a
new offer. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from release.ledger.state import Head, Offer, State


def is_offered(state: State, head: Head) -> bool:
    """Whether machines are offered this head: it is the channel's, not withdrawn, not paused."""
    return (
        state.heads.get(head.channel) == head
        and state.withdrawal(head.version) is None
        and state.pause(head.channel) is None
    )


def end_stopped(state: State, at: datetime) -> State:
    """End, ``at`` that time or where they began if that is later, the offers that do not hold any more."""

    def judged(offer: Offer) -> Offer:
        head = state.heads.get(offer.channel)
        holds = head is not None and head.version == offer.version and is_offered(state, head)
        if offer.ends is not None or holds:
            return offer
        return replace(offer, ends=max(at, offer.begins))

    return replace(state, offers=tuple(judged(offer) for offer in state.offers))


def begin_offers(state: State, at: datetime) -> State:
    """Begin an offer for every head that is offered and has none."""
    lasting = {offer.channel for offer in state.offers if offer.ends is None}
    begun = tuple(
        Offer(channel=head.channel, version=head.version, release=head.release, begins=at)
        for head in state.heads.values()
        if head.channel not in lasting and is_offered(state, head)
    )
    return replace(state, offers=(*state.offers, *begun))

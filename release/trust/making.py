"""What the head should say, and when it must be signed anew. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from release.errors import NotVerifiedError
from release.ledger.entries import CLOCK_SKEW
from release.ledger.fields import format_time
from release.ledger.state import Head, State
from release.promotion.policy import Policy
from release.promotion.support import support
from release.trust.head import (
    ChannelHead,
    ChannelStatus,
    LedgerPosition,
    MirrorHead,
    WithdrawnRelease,
)

_REASON = 100
"""Characters of a reason that a head repeats; all of it is in the ledger."""
_WITHDRAWN = 50
"""How many withdrawn releases a head names, those of the highest versions: it must stay small for ever.

Whatever a channel is at has its status, however many there are.
"""


def head_of(state: State, policy: Policy, issued: datetime) -> MirrorHead:
    """What the ledger says of all channels, to be believed for as long as the policy allows.

    Args:
        state: after the entry that the head shall name.
        policy: in force there.
        issued: when it is signed, aware, UTC.
    """
    return MirrorHead(
        product=state.product,
        issued=issued,
        expires=issued + policy.signing.head_valid_for,
        ledger=LedgerPosition(sequence=state.sequence, digest=state.digest),
        policy=state.policy,
        channels={name: _channel(state, policy, state.heads[name]) for name in sorted(state.heads)},
        withdrawn=_withdrawn(state),
    )


def _channel(state: State, policy: Policy, head: Head) -> ChannelHead:
    return ChannelHead(
        version=head.version,
        release=head.release,
        generation=head.generation,
        status=_status(state, head),
        frozen=state.freeze(head.channel) is not None,
        since=head.since,
        boards=state.releases[head.version].boards,
        end_of_life=_end_of_life(state, policy, head.channel),
    )


def _status(state: State, head: Head) -> ChannelStatus:
    if state.withdrawal(head.version) is not None:
        return ChannelStatus.WITHDRAWN
    return ChannelStatus.OFFERED if state.pause(head.channel) is None else ChannelStatus.PAUSED


def _end_of_life(state: State, policy: Policy, channel: str) -> datetime | None:
    """Of a stream; of a channel that follows its newest stream, that one's."""
    stream = state.newest_stream(channel) if channel in state.streams else channel
    found = None if stream is None else support(state, policy, stream)
    return None if found is None else found.ends


def _withdrawn(state: State) -> tuple[WithdrawnRelease, ...]:
    found = []
    for version in sorted(state.releases):
        stop = state.withdrawal(version)
        if stop is not None:
            found.append(
                WithdrawnRelease(
                    version=version,
                    release=state.releases[version].release,
                    reason=stop.subject.reason[:_REASON],
                    since=stop.recorded,
                )
            )
    return tuple(found[-_WITHDRAWN:])


def next_head(present: MirrorHead | None, wanted: MirrorHead, *, holds: bool = True) -> MirrorHead:
    """What to sign in the place of ``present``: that itself when it still does.

    A head is signed anew when it would say anything else, or less than half of its life is left. It
    never goes back: to fewer entries of the ledger, or to an earlier time, for readers remember both.

    Args:
        present: what the mirror has, verified; None for nothing.
        wanted: what the ledger says now.
        holds: whether the signature of ``present`` still verifies; a key may end before the head does.

    Raises:
        NotVerifiedError: the mirror's head knows more of the ledger than the ledger itself.
    """
    if present is None:
        return wanted
    if present.ledger.sequence > wanted.ledger.sequence:
        raise NotVerifiedError(
            f"the mirror's head of {format_time(present.issued)} names ledger entry"
            f" {present.ledger.sequence}, the ledger ends at {wanted.ledger.sequence}",
            hint="the store lost entries, or was put back to an older time: find them before anything else",
        )
    believed = present.issued <= wanted.issued + CLOCK_SKEW
    same = replace(wanted, issued=present.issued, expires=present.expires) == present
    if same and believed and holds and _has_half_its_life(present, wanted.issued):
        return present
    # One from further in the future, by a clock that was wrong, nobody believes: nobody remembers it.
    issued = max(wanted.issued, present.issued) if believed else wanted.issued
    return replace(wanted, issued=issued, expires=issued + (wanted.expires - wanted.issued))


def _has_half_its_life(head: MirrorHead, now: datetime) -> bool:
    return head.expires - now >= (head.expires - head.issued) / 2


def differences(said: MirrorHead, derived: MirrorHead) -> list[str]:
    """Where a head does not say what the ledger that it names says; empty when it does."""
    names = ("product", "ledger", "policy", "issued", "expires")
    found = [
        f"{name} is {getattr(said, name)}, expected {getattr(derived, name)}"
        for name in names
        if getattr(said, name) != getattr(derived, name)
    ]
    if said.withdrawn != derived.withdrawn:
        told, known = (", ".join(str(one.version) for one in head.withdrawn) for head in (said, derived))
        found.append(f"withdrawn are {told or 'none'}, the ledger says {known or 'none'}")
    for name in sorted({*said.channels, *derived.channels}):
        one, other = said.channels.get(name), derived.channels.get(name)
        found += [f"{name} is {_told(one)}, the ledger says {_told(other)}"] if one != other else []
    return found


def _told(head: ChannelHead | None) -> str:
    return (
        "at nothing" if head is None else f"at {head.version} ({head.status}, generation {head.generation})"
    )

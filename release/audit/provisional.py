"""A beginning for a ledger whose first entry cannot be believed: only so that the rest can be looked at.

That the first entry cannot be believed is a break; nothing that is derived from this beginning mends it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from release.audit.opening import Opened
from release.digests import Digest
from release.errors import InputError
from release.ledger.fold import Trust
from release.ledger.kinds import Content, Genesis, PointerMoved, PolicyChanged, ReleaseRegistered, RequestMade
from release.ledger.state import PolicyPeriod, State
from release.ledger.statements import request_subject
from release.promotion.policy import Policy

_NOTHING = Digest.sha256(b"")


def provisional(
    places: Mapping[int, Opened], product: str, trust: Trust, policies: Mapping[Digest, Policy]
) -> State:
    """The product asked for, the keys that were given, and the policy that signed entries name first."""
    believed = [one for one in places.values() if one.content is not None]
    named = next((policy for one in believed for policy in _policies(one)), (_NOTHING, None))
    digest, entry = named[0], named[1] or _NOTHING
    policy = policies.get(digest)
    if policy is None:
        channels = tuple(dict.fromkeys(name for one in believed for name in _channels(one.content)))
    else:
        channels = tuple(edge.channel.name for edge in policy.edges)
    begins = datetime(1970, 1, 1, tzinfo=UTC)
    return State(
        sequence=-1,
        digest=_NOTHING,
        latest=begins,
        product=product,
        pipeline_keys=trust.pipeline,
        policy=digest,
        channels=channels,
        streams=() if policy is None else policy.streams,
        policies=(PolicyPeriod(entry=entry, policy=digest, since=begins, request=None),),
    )


def _policies(one: Opened) -> Iterator[tuple[Digest, Digest | None]]:
    """The policy that was in force, and the entry that put it in force where that is told."""
    content = one.content
    if isinstance(content, Genesis):
        yield content.policy, one.digest
    elif isinstance(content, RequestMade):
        try:
            subject = request_subject(content.statement, "request")
        except InputError:
            return
        yield subject.policy, subject.policy_entry
    elif isinstance(content, PolicyChanged):
        yield content.previous, None


def _channels(content: Content | None) -> Iterator[str]:
    if isinstance(content, Genesis | PolicyChanged):
        yield from content.channels
    elif isinstance(content, ReleaseRegistered):
        yield from (content.built_for, *content.offered_in)
    elif isinstance(content, PointerMoved):
        yield content.channel

"""Following the pipeline where the fold does not: so that one break hides no other after it.

What the pipeline signed and what cannot be so is reported, and then taken for what happened: decisions
that come later are judged from where the pipeline thought it was. Readers of the mirror do no such thing.
"""

from __future__ import annotations

from dataclasses import replace

from release.digests import Digest
from release.ledger.fold_offers import begin_offers, end_stopped
from release.ledger.kinds import Content, PointerMoved, PolicyChanged, StopLifted
from release.ledger.state import Head, PolicyPeriod, State, base_of, frozen
from release.ledger.verified import VerifiedEntry


def adopt(state: State, content: Content, verified: VerifiedEntry, pipeline: frozenset[str]) -> State:
    """The state if ``content`` were so. What nobody could follow (an unknown release) changes nothing.

    ``pipeline`` are the keys that are trusted from outside: an entry makes no others the pipeline's.
    """
    match content:
        case PointerMoved():
            return _moved(state, content, verified)
        case PolicyChanged():
            return _changed(state, content, verified, pipeline)
        case StopLifted():
            return _lifted(state, content, verified)
        case _:
            return state


def _moved(state: State, content: PointerMoved, verified: VerifiedEntry) -> State:
    release = state.releases.get(content.version)
    if release is None or release.release != content.release:
        return state
    head = Head(
        channel=content.channel,
        version=content.version,
        release=content.release,
        generation=content.generation,
        since=verified.entry.time,
        request=content.request,
    )
    return _with_head(_carried_out(state, content.request), head)


def _with_head(state: State, head: Head) -> State:
    heads = frozen({**state.heads, head.channel: head})
    moved = replace(state, heads=heads, history=(*state.history, head))
    after = begin_offers(end_stopped(moved, head.since), head.since)
    base = base_of(head.channel, after.streams)
    if base is not None and after.newest_stream(base) == head.channel:
        return _with_head(after, replace(head, channel=base, generation=after.generation(base) + 1))
    return after


def _changed(
    state: State, content: PolicyChanged, verified: VerifiedEntry, pipeline: frozenset[str]
) -> State:
    period = PolicyPeriod(
        entry=verified.digest, policy=content.policy, since=verified.entry.time, request=content.request
    )
    return replace(
        _carried_out(state, content.request),
        policy=content.policy,
        policies=(*state.policies, period),
        channels=content.channels,
        streams=content.streams,
        pipeline_keys=pipeline.intersection(content.pipeline_keys) or state.pipeline_keys,
    )


def _lifted(state: State, content: StopLifted, verified: VerifiedEntry) -> State:
    stop = state.stops.get(content.stop)
    if stop is None or stop.lifted is not None:
        return state
    lifted = replace(stop, lifted=content.request, lifted_at=verified.entry.time)
    after = _carried_out(state, content.request)
    return begin_offers(
        replace(after, stops=frozen({**after.stops, content.stop: lifted})), verified.entry.time
    )


def _carried_out(state: State, request: Digest) -> State:
    record = state.requests.get(request)
    if record is None:
        return state
    return replace(state, requests=frozen({**state.requests, request: replace(record, carried_out=True)}))

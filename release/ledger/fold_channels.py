"""Steps of the fold for what the pipeline records: releases, evidence, moves, policies, lifts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from release.digests import Digest
from release.ledger.entries import CLOCK_SKEW
from release.ledger.fields import format_time
from release.ledger.fold_contradiction import ContradictionError, need
from release.ledger.fold_offers import begin_offers, end_stopped
from release.ledger.fold_statements import open_request, with_request
from release.ledger.kinds import EvidenceFound, PointerMoved, PolicyChanged, ReleaseRegistered, StopLifted
from release.ledger.state import (
    EvidenceRecord,
    Head,
    PolicyPeriod,
    State,
    base_of,
    evidence_key,
    frozen,
)
from release.ledger.statements import PolicySubject, PromotionSubject, ResumeSubject, Subject
from release.ledger.verified import VerifiedEntry

SubjectT = TypeVar("SubjectT", PromotionSubject, PolicySubject, ResumeSubject)


def register(content: ReleaseRegistered, state: State, verified: VerifiedEntry) -> State:
    """A release exists; history becomes heads without requests."""
    need(content.version not in state.releases, f"release {content.version} is registered twice")
    for channel in (content.built_for, *content.offered_in):
        need(state.knows(channel), f"channel {channel!r} is unknown")
    for channel in content.offered_in:
        need(channel not in state.streams, f"{channel} follows its newest stream: name that instead")
    if content.offered_in:
        came_first = "requests" if state.requests else "releases that were offered nowhere"
        need(
            not state.requests and all(known.offered_in for known in state.releases.values()),
            f"release {content.version} cannot have been offered before the ledger began:"
            f" {came_first} came first",
        )
    after = replace(
        state,
        releases=frozen({**state.releases, content.version: content}),
        registered=frozen({**state.registered, content.version: verified.entry.time}),
    )
    for channel in content.offered_in:
        head = Head(
            channel=channel,
            version=content.version,
            release=content.release,
            generation=after.generation(channel) + 1,
            since=verified.entry.time,
            request=None,
        )
        after = _with_head(after, head)
    return after


def _with_head(state: State, head: Head) -> State:
    """The channel moves, and with its newest stream the channel that follows it."""
    before = state.heads.get(head.channel)
    need(
        before is None or head.version > before.version,
        f"{head.channel} would go from {before.version if before else None} to {head.version}: not upwards",
    )
    need(state.withdrawal(head.version) is None, f"release {head.version} is withdrawn")
    heads = frozen({**state.heads, head.channel: head})
    moved = replace(state, heads=heads, history=(*state.history, head))
    after = begin_offers(end_stopped(moved, head.since), head.since)
    base = base_of(head.channel, after.streams)
    if base is not None and after.newest_stream(base) == head.channel:
        return _with_head(after, replace(head, channel=base, generation=after.generation(base) + 1))
    return after


def evidence(content: EvidenceFound, state: State, verified: VerifiedEntry) -> State:
    """A check of a release has a result, in place of an older one of the same name and baseline."""
    found = EvidenceRecord(
        passed=content.passed,
        detail=content.detail,
        recorded=verified.entry.time,
        document=content.document,
        facts=frozen(content.facts),
        failed=content.failed,
    )
    key = evidence_key(content.name, content.against)
    of_release = {**state.evidence.get(content.release, {}), key: found}
    return replace(state, evidence=frozen({**state.evidence, content.release: frozen(of_release)}))


def move(content: PointerMoved, state: State, verified: VerifiedEntry) -> State:
    """A request was carried out: a channel is at another release."""
    _check_time(content.decided_at, state, verified)
    asked = _asked(content.request, PromotionSubject, state)
    need(
        (asked.channel, asked.version, asked.release) == (content.channel, content.version, content.release),
        f"moves {content.channel} to {content.version} ({content.release}), but the request asks for "
        f"{asked.channel} to {asked.version} ({asked.release})",
    )
    generation = state.generation(content.channel)
    need(
        asked.generation == generation and content.generation == generation + 1,
        f"expected {content.channel} to go from generation {generation} to {generation + 1}, found a request "
        f"at {asked.generation} and a move to {content.generation}",
    )
    need(content.channel not in state.streams, f"{content.channel} does not move by itself: it has streams")
    before = state.heads.get(content.channel)
    need(
        content.from_version == (before.version if before else None),
        f"says that {content.channel} was at {content.from_version}",
    )
    release = state.releases.get(content.version)
    need(
        release is not None and release.release == content.release,
        f"release {content.version} ({content.release}) is not registered",
    )
    need(content.version not in state.collected, f"release {content.version} was collected")
    need(state.freeze(content.channel) is None, f"{content.channel} is frozen")
    head = Head(
        channel=content.channel,
        version=content.version,
        release=content.release,
        generation=content.generation,
        since=verified.entry.time,
        request=content.request,
    )
    return _with_head(_carried_out(content.request, state), head)


def change_policy(content: PolicyChanged, state: State, verified: VerifiedEntry) -> State:
    """A request was carried out: other rules are in force. Requests under the old ones are void."""
    _check_time(content.decided_at, state, verified)
    asked = _asked(content.request, PolicySubject, state)
    need(
        (asked.policy, asked.proposed) == (content.previous, content.policy),
        f"puts {content.policy} in the place of {content.previous}, but the request asks for"
        f" {asked.proposed} in the place of {asked.policy}",
    )
    need(content.policy != state.policy, f"policy {content.policy} is in force already")
    check_streams(content.channels, content.streams)
    gone = _homeless(state, content.channels, content.streams)
    need(not gone, f"leaves out channels that machines follow: {', '.join(gone)}")
    period = PolicyPeriod(
        entry=verified.digest, policy=content.policy, since=verified.entry.time, request=content.request
    )
    return replace(
        _carried_out(content.request, state),
        policy=content.policy,
        policies=(*state.policies, period),
        channels=content.channels,
        streams=content.streams,
        pipeline_keys=frozenset(content.pipeline_keys),
    )


def check_streams(channels: Sequence[str], streams: Sequence[str]) -> None:
    """Raises ContradictionError unless channels with streams are channels, and none is a stream itself."""
    strangers = [name for name in streams if name not in channels]
    need(not strangers, f"streams of channels that are unknown: {', '.join(strangers)}")
    both = [name for name in channels if base_of(name, tuple(streams)) is not None]
    need(not both, f"channels that are streams of others: {', '.join(both)}")


def _homeless(state: State, channels: Sequence[str], streams: Sequence[str]) -> list[str]:
    """Channels with a head that would not exist any more."""
    return [name for name in state.heads if name not in channels and base_of(name, tuple(streams)) is None]


def lift(content: StopLifted, state: State, verified: VerifiedEntry) -> State:
    """A request was carried out: a stop does not hold any more, and what it stopped begins anew."""
    _check_time(content.decided_at, state, verified)
    asked = _asked(content.request, ResumeSubject, state)
    need(asked.stop == content.stop, f"lifts {content.stop}, but the request asks for {asked.stop}")
    stop = state.stops.get(content.stop)
    if stop is None or stop.lifted is not None:
        raise ContradictionError(f"stop {content.stop} does not stand")
    lifted = replace(stop, lifted=content.request, lifted_at=verified.entry.time)
    after = _carried_out(content.request, state)
    after = replace(after, stops=frozen({**after.stops, content.stop: lifted}))
    return begin_offers(after, verified.entry.time)


def _check_time(decided: datetime, state: State, verified: VerifiedEntry) -> None:
    """A decision is recorded when it is made: what was allowed once, or will be, is not allowed now.

    Only where an entry could not be dated earlier, because of a clock that was wrong before, is it later.
    """
    recorded = verified.entry.time
    held_up = recorded == state.latest and decided < recorded
    need(
        held_up or abs(recorded - decided) <= CLOCK_SKEW,
        f"decided for {format_time(decided)}, but recorded at {format_time(recorded)}",
    )


def _asked(request: Digest, kind: type[SubjectT], state: State) -> SubjectT:
    """What an open request of this kind asks for, under the policy in force."""
    subject: Subject = open_request(state, request).subject
    if not isinstance(subject, kind):
        raise ContradictionError(f"request {request} asks for something else")
    need(
        (subject.policy, subject.policy_entry) == (state.policy, state.policy_entry),
        f"the request was made under policy {subject.policy} of entry {subject.policy_entry}, in force is"
        f" {state.policy} of {state.policy_entry}",
    )
    return subject


def _carried_out(request: Digest, state: State) -> State:
    return with_request(state, replace(open_request(state, request), carried_out=True))

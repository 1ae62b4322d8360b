"""Which releases keep their bytes, and why; the others may be collected. Pure.

A rule is a function from what is known to reasons, by version; a new one is a line in ``RULES``. What is not
known is kept: a release whose document is missing stops everything, and without a policy of retention
nothing goes. ``docs/retention.md`` tells the rules to people.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from release.bundle.release import Release
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError
from release.ledger.fields import format_time
from release.ledger.state import Head, State, base_of
from release.ledger.statements import PolicySubject, PromotionSubject, ResumeSubject, StopAction
from release.promotion.case import open_case
from release.promotion.policy import Policy
from release.promotion.status import Phase, status

FALLBACKS = 2
"""How many releases that a channel was at before its machines may still be offered: see
``release.trust.channel_making``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What the rules look at.

    Attributes:
        state: what the ledger says.
        policy: in force there.
        releases: the documents of all registered releases whose bytes are kept so far, checked to have the
            registered digest.
        now: aware, UTC.
        proposed: policies that open requests ask for, as far as they can be read: what they hold is held.
        floors: versions that machines must pass through besides those of the policy.
    """

    state: State
    policy: Policy
    releases: Mapping[Version, Release]
    now: datetime
    proposed: Mapping[Digest, Policy] = field(default_factory=dict)
    floors: Collection[Version] = ()


Reason = tuple[Version, str]


def keep(known: Holdings) -> Mapping[Version, tuple[str, ...]]:
    """The releases that keep their bytes, each with its reasons; in the order of their versions.

    Raises:
        InputError: the document of a release is missing: what it needs is not known.
    """
    there = _there(known)
    if known.policy.retention is None:
        return dict.fromkeys(there, ("the policy has no [retention]: nothing is collected",))
    reasons: defaultdict[Version, dict[str, None]] = defaultdict(dict)
    for rule in RULES:
        for version, reason in rule(known):
            reasons[version][reason] = None
    for version, reason in _needed(known, [one for one in there if one in reasons]):
        reasons[version][reason] = None
    return {version: tuple(reasons[version]) for version in there if version in reasons}


def collectable(known: Holdings) -> tuple[Version, ...]:
    """The releases whose bytes may go, oldest first. Raises as ``keep``."""
    kept = keep(known)
    return tuple(version for version in _there(known) if version not in kept)


def _there(known: Holdings) -> list[Version]:
    """The releases that were not collected."""
    there = sorted(version for version in known.state.releases if version not in known.state.collected)
    missing = [version for version in there if version not in known.releases]
    if missing:
        raise InputError(
            f"releases {', '.join(map(str, missing))}: their documents are missing",
            hint="nothing is collected before it is known what every release needs",
        )
    return there


def _heads(known: Holdings) -> Iterator[Reason]:
    """What a channel is at, and what it falls back on."""
    state = known.state
    for channel, head in state.heads.items():
        yield head.version, f"{channel} is at it"
        before = _before(state, head)
        if before:
            yield before[0].version, f"{channel} was at it before"
        may = [one for one in before if _may_be_offered(state, one)]
        for one in may[:FALLBACKS]:
            yield one.version, f"machines of {channel} that may not have newer ones are offered it"


def _before(state: State, head: Head) -> list[Head]:
    """What a channel was at before, the latest first."""
    found = [one for one in state.history if one.channel == head.channel and one.version < head.version]
    return found[::-1]


def _may_be_offered(state: State, head: Head) -> bool:
    """Not what is withdrawn or stopped, whose place the one before takes; nor what is gone already."""
    stopped = state.withdrawal(head.version) or state.pause_of(head.channel, head.version)
    return stopped is None and head.version not in state.collected


def _newest(known: Holdings) -> Iterator[Reason]:
    """So many of each channel and stream: what it was at, and what was built for it.

    Withdrawn ones are not counted, so that they take nobody's place.
    """
    state, rules = known.state, known.policy.retention
    if rules is None:
        return
    offered: defaultdict[str, set[Version]] = defaultdict(set)
    for head in state.history:
        offered[head.channel].add(head.version)
    for version, release in state.releases.items():
        offered[release.built_for].add(version)
    for channel, versions in offered.items():
        stream = base_of(channel, state.streams) is not None
        count = rules.stream_releases if stream else rules.channel_releases
        able = (one for one in versions if state.withdrawal(one) is None and one not in state.collected)
        for version in sorted(able, reverse=True)[:count]:
            yield version, f"one of the newest {count} of {channel}"


def _floors(known: Holdings) -> Iterator[Reason]:
    for floor in known.policy.floors:
        yield floor.version, f"a floor of {floor.channel}: {floor.reason}"
    for version in known.floors:
        yield version, "a floor: after it the payload key changes"


def _holds(known: Holdings) -> Iterator[Reason]:
    for hold in known.policy.holds:
        yield hold.version, f"held: {hold.reason}"


def _asked_for(known: Holdings) -> Iterator[Reason]:
    """What requests name that may still be carried out."""
    state = known.state
    for record in state.open_requests():
        case = open_case(state, record.digest, known.policy, known.now, known.proposed)
        if status(case).phase is Phase.VOID:
            continue
        subject, which = record.subject, record.digest.hex[:12]
        if isinstance(subject, PromotionSubject):
            yield subject.version, f"request {which} asks for it in {subject.channel}"
        elif isinstance(subject, ResumeSubject):
            stop = state.stops.get(subject.stop)
            if stop is not None and stop.subject.version is not None:
                yield stop.subject.version, f"request {which} asks to let it go on"
        elif isinstance(subject, PolicySubject):
            proposed = known.proposed.get(subject.proposed)
            for version in () if proposed is None else _named(proposed):
                yield version, f"request {which} asks for a policy that names it"


def _named(policy: Policy) -> set[Version]:
    return {floor.version for floor in policy.floors} | {hold.version for hold in policy.holds}


def _young(known: Holdings) -> Iterator[Reason]:
    """Registered, withdrawn, or left by a channel, not long ago."""
    if known.policy.retention is None:
        return
    since = known.now - known.policy.retention.grace
    for version, document in known.releases.items():
        registered = known.state.registered.get(version, document.created)
        if registered > since:
            yield version, f"registered {format_time(registered)}, within the grace"
        stop = known.state.withdrawal(version)
        if stop is not None and stop.recorded > since:
            yield version, f"withdrawn {format_time(stop.recorded)}, within the grace"
    by_channel: defaultdict[str, list[Head]] = defaultdict(list)
    for head in known.state.history:
        by_channel[head.channel].append(head)
    for channel, heads in by_channel.items():
        for one, following in pairwise(heads):
            if following.since > since:
                yield one.version, f"{channel} left it {format_time(following.since)}, within the grace"


def _to_come(known: Holdings) -> Iterator[Reason]:
    """What may still be asked for: newer than what the channel is at that it was built for."""
    state = known.state
    for version, release in state.releases.items():
        head = state.heads.get(release.built_for)
        if state.withdrawal(version) is None and (head is None or version > head.version):
            at = "nothing" if head is None else str(head.version)
            yield version, f"newer than what {release.built_for} is at: {at}"


def _stopped(known: Holdings) -> Iterator[Reason]:
    """Rollouts that somebody, or the pipeline, stopped: people must be able to look, and to go on."""
    for stop in known.state.standing_stops():
        if stop.subject.action is StopAction.PAUSE and stop.subject.version is not None:
            yield stop.subject.version, f"its rollout in {stop.subject.channel} is stopped"


RULES: tuple[Callable[[Holdings], Iterator[Reason]], ...] = (
    _heads,
    _floors,
    _holds,
    _asked_for,
    _stopped,
    _to_come,
    _newest,
    _young,
)
"""Every one is asked; reasons are told in this order."""


def _needed(known: Holdings, kept: Iterable[Version]) -> Iterator[Reason]:
    """What those that are kept for themselves were made from.

    The image that a delta starts from is needed to make the delta anew (another key, another profile) and
    to prove that it applies; what a release derives from, to compare it with that. It goes no further: a
    source is kept as a source, and nobody makes its own deltas again.
    """
    for version in kept:
        release = known.releases[version]
        sources = {one.source for board in release.boards for one in board.payloads if one.source is not None}
        for source in sorted(sources):
            yield source, f"a delta of {version} starts from it"
        if release.lineage.derives_from is not None:
            yield release.lineage.derives_from, f"{version} derives from it"


def latest_departure(state: State, version: Version) -> datetime | None:
    """When the last channel left a release; None for one that no channel ever left."""
    left: list[datetime] = []
    by_channel: defaultdict[str, list[Head]] = defaultdict(list)
    for head in state.history:
        by_channel[head.channel].append(head)
    for heads in by_channel.values():
        left += [following.since for one, following in pairwise(heads) if one.version == version]
    return max(left, default=None)


def why_collectable(known: Holdings, version: Version) -> str:
    """One line: that no rule keeps a release, and by which numbers."""
    rules = known.policy.retention
    if rules is None:
        raise InputError("the policy has no [retention]: nothing is collected")
    left = latest_departure(known.state, version)
    where = "no channel was at it" if left is None else f"the last channel left it {format_time(left)}"
    return (
        f"no rule keeps it: {where}, not one of the newest {rules.channel_releases} of a channel or"
        f" {rules.stream_releases} of a stream, grace {rules.grace // timedelta(hours=1)} h"
    )

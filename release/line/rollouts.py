"""Rollouts: how far each is, what machines say, and the halt that the ledger records when it is too bad."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

from release.catalog.version import Version
from release.errors import InputError, RefusedError
from release.ledger.chain import Proposal
from release.ledger.kinds import RolloutHalted
from release.ledger.state import Head, State, StopRecord
from release.line.channel_documents import channels_job, key_floors
from release.line.head import head_job
from release.line.promotion import closing_job
from release.line.steps import Job, Step
from release.line.yard import Yard
from release.promotion.delivery import RolloutStep
from release.promotion.policy import Policy
from release.promotion.rollout import next_opening, next_step, share
from release.promotion.rules_delivery import floors_of
from release.trust.channel_document import Rollout
from release.trust.channel_making import rollout_of
from release.updates.counts import RolloutCounts
from release.updates.fuse import Counter
from release.updates.halting import Verdict, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorStanding:
    """What machines say of a floor that they pass through on the way to what a channel is at."""

    version: Version
    counts: RolloutCounts
    verdict: Verdict
    """By the channel's rules, since the rollout behind it began, or went on, last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStanding:
    """How far a channel's release is rolled out, and what became of it."""

    head: Head
    rollout: Rollout
    stop: StopRecord | None
    """What holds it back: a person's stop, or the pipeline's halt."""
    share: Fraction
    """The part of all machines that may have it now; what a rollout that is stopped had reached."""
    coming: RolloutStep | None
    coming_at: datetime | None
    """When the next step comes, if nothing stops it."""
    opens: datetime | None
    """When the next window opens; None when one is open, or there are none."""
    counts: RolloutCounts | None
    """Since the channel came to it. None where nobody counts."""
    verdict: Verdict | None
    """Since it began, or went on, last; None where the policy has no halt rules, or nobody counts."""
    floors: tuple[FloorStanding, ...] = ()
    """Those below it; none where there is no verdict."""

    @property
    def halted_by_pipeline(self) -> bool:
        """Whether no person stopped it."""
        return self.stop is not None and self.stop.by_pipeline


def rollout_standings(yard: Yard, counter: Counter | None) -> tuple[RolloutStanding, ...]:
    """Every channel's rollout now, by name. Raises what ``counter`` raises."""
    state, policy, now = yard.ledger.state(), yard.policy(), yard.clock()
    found = []
    for channel in sorted(state.heads):
        one = _standing(state, policy, state.heads[channel], now, counter)
        floors = () if one.verdict is None else _floors(yard, state, policy, one.head)
        found.append(replace(one, floors=tuple(_judged(one, floors, now, counter))))
    return tuple(found)


def watch_job(yard: Yard, counter: Counter | None) -> Job:
    """The step that judges every rollout and records halts; ``run_watch`` tells everybody."""
    return (Step("watch-rollouts", "judge what machines report", lambda _: watch_rollouts(yard, counter)),)


def run_watch(yard: Yard, counter: Counter | None, run: Callable[[Job], Sequence[str]]) -> list[str]:
    """Judge every rollout; tell machines first, then everybody, when one was halted. Re-run safe.

    Returns the line of each step. What a run that was killed left behind, the next promotion run does.
    """
    before = yard.ledger.state().sequence
    lines = list(run(watch_job(yard, counter)))
    if yard.ledger.state().sequence != before:
        lines += run((*head_job(yard), *channels_job(yard)))
        lines += run(closing_job(yard))
    return lines


def watch_rollouts(yard: Yard, counter: Counter | None) -> str:
    """Record a halt for every rollout whose numbers say so, or those of a floor before it.

    Only what a channel is at can be halted: then nobody is offered the floor on the way there any more.
    Running it twice records nothing twice.

    Returns:
        One line: what was halted, or how many rollouts were judged.

    Raises:
        InputError: the policy has rules for when to halt, and nobody counts.
        UnavailableError: machines cannot be counted now.
        RefusedError: the key at hand is not the pipeline's.
    """
    judged, halted = 0, []
    for one in rollout_standings(yard, counter):
        if one.rollout.rules.halt is None or one.rollout.since is None:
            continue
        if one.verdict is None or one.counts is None:
            raise InputError(
                f"{one.head.channel}: the policy halts by what machines report, and nothing is counted",
                hint="let events.url in humpyard.toml be the database that update servers write to",
            )
        judged += 1
        bad = next(_reasons(one.verdict, one.counts, one.floors), None)
        if bad is not None:
            yard.ledger.append(halting(one.head, one.rollout.since, *bad), now=yard.clock())
            halted.append(f"{one.head.channel} ({one.head.version}): {bad[0].text}")
    return f"halted {'; '.join(halted)}" if halted else f"{judged} rollouts judged, none to halt"


def _reasons(
    verdict: Verdict, counts: RolloutCounts, floors: Iterable[FloorStanding]
) -> Iterator[tuple[Verdict, RolloutCounts]]:
    """Why to halt, if at all: what halts, and its numbers."""
    if verdict.halts:
        yield verdict, counts
    for floor in floors:
        if floor.verdict.halts:
            text = f"the floor {floor.version} before it: {floor.verdict.text}"
            yield replace(floor.verdict, text=text), floor.counts


def halting(head: Head, since: datetime, verdict: Verdict, counts: RolloutCounts) -> Proposal:
    """Halt the rollout of ``head`` that began, or went on, at ``since``.

    Nothing is left to do when the channel has moved on, the rollout is stopped already, or people let
    it go on meanwhile: the numbers were about machines from before that.
    """

    def propose(state: State) -> RolloutHalted | None:
        lasting = [
            offer
            for offer in state.offers
            if offer.channel == head.channel and offer.version == head.version and offer.ends is None
        ]
        if state.heads.get(head.channel) != head or not any(offer.begins == since for offer in lasting):
            return None
        return RolloutHalted(
            channel=head.channel,
            version=head.version,
            release=head.release,
            reason=verdict.text,
            facts=_facts(counts),
        )

    return propose


def standing_pauses(state: State, channel: str) -> tuple[StopRecord, ...]:
    """Every stop that holds the rollout of what a channel is at. Raises InputError when there is none."""
    head = state.heads.get(channel)
    if head is None:
        raise InputError(f"channel {channel!r} has no release", hint="humpyard rollout status lists them")
    found = tuple(_pauses(state, head))
    if not found:
        raise InputError(f"the rollout of {head.version} in {channel} is not stopped: nothing to resume")
    return found


def _pauses(state: State, head: Head) -> Iterator[StopRecord]:
    first = state.pause_of(head.channel, head.version)
    if first is None:
        return
    alike = (first.subject.action, first.subject.version)
    for stop in state.standing_stops():
        same = (stop.subject.action, stop.subject.version) == alike
        if same and stop.subject.channel in {first.subject.channel, head.channel}:
            yield stop


def _standing(
    state: State, policy: Policy, head: Head, now: datetime, counter: Counter | None
) -> RolloutStanding:
    rollout = rollout_of(state, policy, head)
    rules, active = rollout.rules, rollout.active_at(now)
    coming = next_step(rules, active)
    opens = next_opening(rules.windows, now)
    counts = (
        None
        if counter is None
        else counter.summary(head.channel, head.version, now, silence_after=_due(rollout))
    )
    return RolloutStanding(
        head=head,
        rollout=rollout,
        stop=_first((state.withdrawal(head.version), state.pause_of(head.channel, head.version))),
        share=share(rules, active),
        coming=coming,
        coming_at=None if coming is None or rollout.since is None else now + (coming.after - active),
        opens=opens if opens is not None and opens > now else None,
        counts=counts,
        verdict=_verdict(head, rollout, now, counter),
    )


def _due(rollout: Rollout) -> timedelta | None:
    return None if rollout.rules.halt is None else rollout.rules.halt.silence_after


def _verdict(head: Head, rollout: Rollout, now: datetime, counter: Counter | None) -> Verdict | None:
    """By machines that were offered it since it went on: people knew of those from before."""
    rules = rollout.rules.halt
    if rules is None or counter is None or rollout.since is None:
        return None
    counts = counter.summary(
        head.channel, head.version, now, silence_after=rules.silence_after, since=rollout.since
    )
    return judge(rules, counts)


def _floors(yard: Yard, state: State, policy: Policy, head: Head) -> tuple[Version, ...]:
    """The floors below what a channel is at, lowest first, through which machines may pass."""
    wanted = {floor.version for floor in floors_of(policy, head.channel)}
    with suppress(InputError, RefusedError):  # told by whoever signs documents; it must not stop a halt
        wanted |= {one for channel, one in key_floors(yard, state).items() if channel == head.channel}
    return tuple(
        version
        for version in sorted(wanted)
        if version < head.version and version in state.releases and state.withdrawal(version) is None
    )


def _judged(
    one: RolloutStanding, floors: Iterable[Version], now: datetime, counter: Counter | None
) -> Iterator[FloorStanding]:
    rules = one.rollout.rules.halt
    if counter is None or rules is None:
        return
    for version in floors:
        counts = counter.summary(
            one.head.channel, version, now, silence_after=rules.silence_after, since=one.rollout.since
        )
        yield FloorStanding(version=version, counts=counts, verdict=judge(rules, counts))


def _first(stops: Iterable[StopRecord | None]) -> StopRecord | None:
    return next((stop for stop in stops if stop is not None), None)


def _facts(counts: RolloutCounts) -> dict[str, int]:
    return {
        "offered": counts.offered,
        "downloading": counts.downloading,
        "installed": counts.installed,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "failed-delta": counts.failed_delta,
        "due": counts.due,
        "silent": counts.silent,
    }

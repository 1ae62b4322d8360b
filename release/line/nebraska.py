"""Telling Nebraska what channels offer, as the ledger says now: each run does what is left to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

from release.bundle.release import Release
from release.catalog.board import Board
from release.catalog.version import Version
from release.errors import InputError, RefusedError
from release.ledger.state import Head, State
from release.ledger.statements import StopAction
from release.line.channel_documents import key_floors
from release.line.sources import registered_release
from release.line.steps import Job, Step
from release.line.yard import Yard
from release.promotion.delivery import Floor
from release.promotion.rollout import share
from release.promotion.rules_delivery import floors_of
from release.trust.channel_making import rollout_of
from release.updates.nebraska.options import NebraskaOptions
from release.updates.nebraska.plan import ChannelPlan
from release.updates.nebraska.publish import Nebraska, make_plans, publish
from release.updates.nebraska.wanted import Wish, content_of
from release.updates.nebraska.wire import PackageContent

_CANDIDATES = 3
"""How many earlier releases are looked at, to go back to one of them."""


def nebraska_job(yard: Yard) -> Job:
    """The step that tells Nebraska; none where the settings name no Nebraska. Runs alone, too."""
    if yard.nebraska is None:
        return ()
    return (Step("tell-nebraska", "tell Nebraska what channels offer", lambda _: tell_nebraska(yard)),)


def tell_nebraska(yard: Yard) -> str:
    """Bring Nebraska to what the ledger says; returns one line.

    Raises:
        InputError: no Nebraska is configured, or a channel of the settings is not there.
        RefusedError: something needs people; everything else was done.
        NotVerifiedError, UnavailableError: as ``publish``.
    """
    nebraska = configured(yard)
    result = publish(nebraska, lambda: wishes(yard, nebraska.options))
    if result.blocked:
        raise RefusedError(
            "Nebraska: " + "; ".join(result.blocked),
            hint="see docs/nebraska.md, and: humpyard nebraska plan",
        )
    notes = [f"{plan.wish.title}: {note}" for plan in result.plans for note in plan.notes]
    told = [*result.done, *notes] or [f"all {len(result.plans)} channels are as the ledger says"]
    return "; ".join(told)


def plan_nebraska(yard: Yard) -> tuple[ChannelPlan, ...]:
    """What ``tell_nebraska`` would do now. Changes nothing; raises as it does."""
    nebraska = configured(yard)
    return make_plans(nebraska, wishes(yard, nebraska.options))


def configured(yard: Yard) -> Nebraska:
    """The Nebraska of the settings. Raises InputError where there is none."""
    if yard.nebraska is None:
        raise InputError(
            "no Nebraska is configured", hint="add a section [nebraska] to humpyard.toml: docs/nebraska.md"
        )
    return yard.nebraska


def wishes(yard: Yard, options: NebraskaOptions) -> tuple[Wish, ...]:
    """What the channels of the options want of Nebraska, as the ledger says now. One without head: nothing.

    Raises:
        InputError: a channel of the options is none of ours.
    """
    state = yard.ledger.state()
    told = _Telling(yard, options, state)
    found = []
    for channel, boards in options.channels.items():
        if not state.knows(channel):
            raise InputError(f"nebraska.channels.{channel}: expected a channel of the policy")
        head = state.heads.get(channel)
        if head is not None:
            found += [told.wish(head, board, named) for board, named in boards.items()]
    return tuple(found)


class _Telling:
    """What the wishes of one look at the ledger have in common."""

    def __init__(self, yard: Yard, options: NebraskaOptions, state: State) -> None:
        self._options = options
        self._state = state
        self._policy = yard.policy()
        self._key_floors = key_floors(yard, state)
        self._now = yard.clock()
        stops = state.standing_stops()
        self._withdrawn = frozenset(
            stop.subject.version
            for stop in stops
            if stop.subject.action is StopAction.WITHDRAW and stop.subject.version is not None
        )
        self._release: Callable[[Version], Release] = cache(
            lambda version: registered_release(yard.store, state, version)[0]
        )

    def wish(self, head: Head, board: Board, named: str) -> Wish:
        """What one channel wants for one board."""
        state, channel = self._state, head.channel
        before = dict.fromkeys(one.version for one in reversed(state.history) if one.channel == channel)
        earlier = tuple(one for one in before if one < head.version)
        floors = self._floors(channel)
        concerned = (head.version, *earlier, *(floor.version for floor in floors))
        wish = Wish(
            channel=channel,
            board=board,
            named=named,
            head=head.version,
            waits=self._waits(head),
            stopped={one: why for one in concerned if (why := self._why(channel, one)) is not None},
            withdrawn=self._withdrawn,
            earlier=earlier,
            floors=floors,
        )
        needed = [head.version, *(floor.version for floor in floors if floor.version <= head.version)]
        return replace(wish, contents=self._contents((*needed, *self._candidates(wish)), board))

    def _floors(self, channel: str) -> tuple[Floor, ...]:
        """Those of the policy, and that after which the payload key changes; ascending, each once."""
        found = {one.version: one for one in floors_of(self._policy, channel)}
        changes = self._key_floors.get(channel)
        if changes is not None and changes not in found:
            reason = "the key of payloads changes after it"
            found[changes] = Floor(channel=channel, version=changes, reason=reason)
        return tuple(found[version] for version in sorted(found))

    def _why(self, channel: str, version: Version) -> str | None:
        if version in self._withdrawn:
            return "withdrawn"
        return None if self._state.pause_of(channel, version) is None else "paused"

    def _waits(self, head: Head) -> str | None:
        if not self._options.wait_for_rollout:
            return None
        rollout = rollout_of(self._state, self._policy, head)
        reached = share(rollout.rules, rollout.active_at(self._now))
        if reached >= 1:
            return None
        return f"{head.version} is rolled out to {float(reached):.1%} of machines, Nebraska would ask all"

    def _candidates(self, wish: Wish) -> list[Version]:
        """What one could go back to, newest first, where something is stopped."""
        barrier = wish.barrier()
        if barrier is None:
            return []
        lower = [one for one in wish.earlier if one < barrier[0] and one not in wish.stopped]
        return [one for one in lower if one not in self._state.collected][:_CANDIDATES]

    def _contents(self, versions: Iterable[Version], board: Board) -> dict[Version, PackageContent]:
        known = (
            one
            for one in dict.fromkeys(versions)
            if one in self._state.releases and one not in self._state.collected
        )
        found = {one: content_of(self._release(one), board, self._options) for one in known}
        return {version: content for version, content in found.items() if content is not None}

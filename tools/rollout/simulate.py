"""One rollout from its first second to its last, or until it halts, decided by the real functions.

``release.updates.offer.decide`` has the word on every offer. Numbers in bulk only find the poll at which to
ask it first: it is asked at that poll, and at the one before, and neighbours are tried until it says yes
at the one and no at the other. ``release.updates.halting.judge`` is asked at every tick of the fuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from release.promotion.rollout import share, threshold
from release.updates.counts import RolloutCounts
from release.updates.halting import HaltCause, chance_to_miss, judge
from release.updates.offer import Limits, NoUpdate, Reason, Update, decide
from tools.rollout.machines import NEVER, POLL, WORKING, Fleet, Seconds, asks, make_fleet
from tools.rollout.scenario import BEGAN, LENGTH, RELEASE, Scenario

TICK = 15
"""Seconds between two looks of the fuse."""
RISK = 1e-6
"""With which a stated bound is passed."""
_CHUNK = 5_000
_GRID = 60
_LOOK = 300
_FLAPPING = 500
"""Machines that are asked for at every poll, from the first to the last."""
_HALTED = Limits(halted=frozenset({RELEASE.release}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """When and why a rollout stopped by itself, and what it had done by then."""

    at: int
    cause: HaltCause
    text: str
    offered: int
    bad: int
    of: int
    latest: int
    """When it had to halt at the latest, but for ``RISK``, by ``chance_to_miss``."""
    most: int
    """How many machines would have been offered the release by then."""


class Check(NamedTuple):
    """Something measured that must be at most something."""

    what: str
    found: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether it is."""
        return self.found <= self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What happened. ``offered`` has when each machine was offered the release, ``NEVER`` if it was not."""

    scenario: Scenario
    machines: int
    offered: Seconds
    halt: Halt | None
    flapped: int
    """Machines whose answers changed back, or changed what was offered."""
    watched: int
    """Machines that were looked at for that, at every poll."""
    paused_offers: int
    """Offers made while it was paused or halted: none may be."""
    decisions: int
    steady: npt.NDArray[np.bool_]
    """Machines that are always on."""

    @property
    def ends(self) -> int:
        """When it halted, or was over."""
        return LENGTH if self.halt is None else self.halt.at

    def deviations(self) -> tuple[float, float]:
        """By how much the share of machines that are always on is above the plan at the most, and below it.

        Below: below what the plan said one poll before, since nobody can be offered it earlier.
        """
        times = np.arange(0, self.ends, 300)
        mine = np.sort(self.offered[self.steady])
        found = np.searchsorted(mine, times, side="right") / len(mine)
        lag = np.array([self._asked_before(int(at)) for at in times])
        return float((found - self.planned_share(times)).max()), float(
            (self.planned_share(lag) - found).max()
        )

    def _asked_before(self, at: int) -> int:
        """A moment, in which it went on, since which every machine that is on has asked until ``at``."""
        before, pause = at - POLL[1], self.scenario.pause
        if pause is None or at < pause[0] or before >= pause[1]:
            return before
        return min(before, pause[0] - POLL[1])

    def offered_share(self, times: Seconds) -> npt.NDArray[np.float64]:
        """The share of machines that were offered the release, at each time."""
        return np.searchsorted(np.sort(self.offered), times, side="right") / self.machines

    def planned_share(self, times: Seconds) -> npt.NDArray[np.float64]:
        """What the plan says for each time, halted or not."""
        return np.array([_planned(self.scenario, int(at)) for at in times])

    def lag(self) -> float:
        """By how much the share of all machines was below the plan of the same moment, at the most."""
        times = np.arange(0, self.ends, 300)
        return float((self.planned_share(times) - self.offered_share(times)).max())

    def checks(self) -> tuple[Check, ...]:
        """What must hold of every run."""
        above, below = self.deviations()
        allowed = 2.5 / float(np.sqrt(np.count_nonzero(self.steady)))  # five standard deviations at one half
        found = [
            Check("share above plan", above, allowed),
            Check("share below plan of one poll before", below, allowed),
            Check("machines that flapped", self.flapped, 0),
            Check("offers while paused or halted", self.paused_offers, 0),
        ]
        if self.halt is not None:
            found.append(Check("seconds until it halted", self.halt.at, self.halt.latest))
            found.append(Check("machines offered a bad release", self.halt.offered, self.halt.most))
        good = self.scenario.name in {"linear", "stepped"}
        found.append(Check("halted wrongly, or not at all", float(good == (self.halt is not None)), 0))
        return tuple(found)


def simulate(scenario: Scenario, machines: int, seed: int) -> Run:
    """Let so many machines go through a rollout."""
    chance = np.random.default_rng(seed)
    fleet = make_fleet(machines, scenario, chance)
    asking = _Asking(scenario, fleet)
    offered = np.full(machines, NEVER)
    steady = np.zeros(machines, dtype=np.bool_)
    for first in range(0, machines, _CHUNK):
        count = min(_CHUNK, machines - first)
        times, on, steady[first : first + count] = asks(count, chance)
        for row in range(count):
            offered[first + row] = asking.first_offer(first + row, times[row][on[row]])
        if not first:
            watched = {row: times[row][on[row]] for row in range(min(_FLAPPING, count))}
    halt = _halt(scenario, fleet, offered)
    stopped = NEVER if halt is None else halt.at
    denied = [number for number in range(machines) if stopped < offered[number] < NEVER]
    paused = sum(asking.is_offered_when_halted(number, int(offered[number])) for number in denied)
    offered[denied] = NEVER
    flapped = sum(asking.flaps(number, polls, stopped) for number, polls in watched.items())
    return Run(
        scenario=scenario,
        machines=machines,
        offered=offered,
        halt=halt,
        flapped=flapped,
        watched=len(watched),
        paused_offers=paused + sum(scenario.is_paused(int(at)) for at in offered if at < NEVER),
        decisions=asking.decisions,
        steady=steady,
    )


class _Asking:
    """Asks the real decision for machines of a fleet."""

    def __init__(self, scenario: Scenario, fleet: Fleet) -> None:
        self._scenario, self._fleet = scenario, fleet
        self.decisions = 0
        minutes = range(0, LENGTH + _GRID, _GRID)
        self._admitted = np.array([self._threshold(at) for at in minutes], dtype=np.int64)

    def first_offer(self, number: int, polls: Seconds) -> int:
        """When the machine is offered the release first, ``NEVER`` for not at all."""
        likely = np.flatnonzero(self._fleet.places[number] < self._admitted[polls // _GRID])
        at = int(likely[0]) if len(likely) else len(polls)
        while at < len(polls) and not self._is_offered(number, int(polls[at])):
            at += 1
        while at > 0 and self._is_offered(number, int(polls[at - 1])):
            at -= 1
        return int(polls[at]) if at < len(polls) else NEVER

    def is_offered_when_halted(self, number: int, at: int) -> bool:
        """Whether it is offered the release although the fuse is blown."""
        return self._is_offered(number, at, _HALTED)

    def flaps(self, number: int, polls: Seconds, stopped: int) -> bool:
        """Whether a machine that never updates gets other answers than: wait, then this, but for stops."""
        said: Update | None = None
        for at in (int(one) for one in polls):
            found = self._decide(number, at, _HALTED if at > stopped else Limits())
            if isinstance(found, NoUpdate):
                held = at > stopped or self._scenario.is_paused(at)
                if said is not None and not held:
                    return True
                if not held and found.reason is not Reason.WAITING:
                    return True
            elif said not in {None, found}:
                return True
            else:
                said = found
        return False

    def _is_offered(self, number: int, at: int, limits: Limits | None = None) -> bool:
        return isinstance(self._decide(number, at, limits or Limits()), Update)

    def _decide(self, number: int, at: int, limits: Limits) -> Update | NoUpdate:
        self.decisions += 1
        now = BEGAN + timedelta(seconds=at)
        return decide(self._scenario.document(at), self._fleet.machine(number), now, limits)

    def _threshold(self, at: int) -> int:
        if self._scenario.is_paused(at):
            return 0
        return threshold(self._scenario.rules, timedelta(seconds=self._scenario.active(at)))


def _halt(scenario: Scenario, fleet: Fleet, offered: Seconds) -> Halt | None:
    """The first tick of the fuse at which the counts of then say so."""
    for at, counts in _ticks(scenario, fleet, offered):
        verdict = judge(scenario.halt, counts)
        if verdict.cause is not None:
            latest = _latest(scenario, fleet, offered, verdict.cause)
            return Halt(
                at=at,
                cause=verdict.cause,
                text=verdict.text,
                offered=int(np.count_nonzero(offered <= at)),
                bad=verdict.bad,
                of=verdict.of,
                latest=latest,
                most=int(np.count_nonzero(offered <= latest)),
            )
    return None


def _latest(scenario: Scenario, fleet: Fleet, offered: Seconds, cause: HaltCause) -> int:
    """The first moment at which not having halted is less likely than ``RISK``; a look every five minutes.

    Asked with the true share of bad machines, and without any luck that this run has had.
    """
    rules = scenario.halt
    for at, counts in _ticks(scenario, fleet, offered):
        if at % _LOOK:
            continue
        if cause is HaltCause.ERRORS:
            told = int(np.count_nonzero(offered <= at - WORKING[1]))
            limit, bad, of = rules.error_share, scenario.failing, counts.offered - counts.silent
            enough = counts.ended >= rules.error_minimum
        else:
            limit, bad, told, of = rules.silence_share, scenario.silent, counts.due, counts.due
            enough = counts.due >= rules.silence_minimum
        if limit is not None and enough and chance_to_miss(limit, bad, told, of) <= RISK:
            return at
    return LENGTH


def _ticks(scenario: Scenario, fleet: Fleet, offered: Seconds) -> Iterator[tuple[int, RolloutCounts]]:
    """What is counted at every tick of the time in which it goes on, of machines offered it since then."""
    patience = int(scenario.halt.silence_after.total_seconds())
    for since in sorted({scenario.since(0), scenario.since(LENGTH)}):
        mine = (offered >= since) & (offered < NEVER)
        given = offered[mine]
        told = np.where(fleet.ending[mine] == NEVER, NEVER, given + fleet.ending[mine])
        late = np.where(told == NEVER, NEVER, np.maximum(told, given + patience))
        ticks = np.array(
            [
                at
                for at in range(since, LENGTH, TICK)
                if scenario.since(at) == since and not scenario.is_paused(at)
            ]
        )
        sums = [
            np.searchsorted(np.sort(events), ticks, side="right")
            for events in (given, told, told[fleet.fails[mine]], given + patience, late)
        ]
        for at, seen, ended, failed, due, heard in zip(ticks, *sums, strict=True):
            yield (
                int(at),
                RolloutCounts(
                    offered=int(seen),
                    failed=int(failed),
                    succeeded=int(ended - failed),
                    due=int(due),
                    silent=int(due - heard),
                ),
            )


def _planned(scenario: Scenario, at: int) -> float:
    return float(share(scenario.rules, timedelta(seconds=scenario.active(at))))

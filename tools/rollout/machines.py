"""Machines that ask for updates: when each is on, when it asks, and what becomes of an update on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from release.promotion.rollout import bucket
from release.updates.clients import FLATCAR
from release.updates.machine import Machine
from tools.rollout.scenario import BOARD, DAY, LENGTH, OLD, RELEASE, Scenario

Seconds = npt.NDArray[np.int64]
POLL = (35 * 60, 55 * 60)
"""update_engine asks every 45 minutes, give or take 10."""
_FIRST = 3600
WORKING = (120, 1500)
"""Downloading and writing; a machine that fails says so then."""
_NIGHTLY = 0.2
"""The share of machines that are off for half of every day."""
_AWAY = 0.1
"""Of the others, the share that is off once, for up to two days."""
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines by number: their ids, places in the queue, and how an update goes on each.

    ``ending`` is how long after its offer a machine tells how it went, ``NEVER`` for a silent one.
    """

    ids: list[str]
    places: npt.NDArray[np.int64]
    fails: npt.NDArray[np.bool_]
    ending: Seconds

    def machine(self, number: int) -> Machine:
        """As a decision is asked for it."""
        return Machine(id=self.ids[number], board=str(BOARD), version=OLD, released=True, client=FLATCAR)


def make_fleet(size: int, scenario: Scenario, chance: np.random.Generator) -> Fleet:
    """Machines with random ids. An update takes minutes; who runs it, reboots within an hour."""
    ids = [value.tobytes().hex() for value in chance.integers(0, 2**63, (size, 2))]
    luck = chance.random(size)
    fails = luck < scenario.failing
    working = chance.integers(*WORKING, size)
    ending = working + np.where(fails, 0, chance.integers(60, 3600, size) + 120)
    silent = (luck >= scenario.failing) & (luck < scenario.failing + scenario.silent)
    return Fleet(
        ids=ids,
        places=np.array([bucket(one, RELEASE.release) for one in ids], dtype=np.int64),
        fails=fails,
        ending=np.where(silent, NEVER, ending),
    )


class Asks(NamedTuple):
    """When each of some machines would ask, one row each; whether it is on then; who is always on."""

    times: Seconds
    on: npt.NDArray[np.bool_]
    steady: npt.NDArray[np.bool_]


def asks(count: int, chance: np.random.Generator) -> Asks:
    """When so many machines ask: every 45 minutes or so, while they are on."""
    columns = LENGTH // POLL[0] + 2
    gaps = chance.integers(*POLL, (count, columns))
    gaps[:, 0] = chance.integers(0, _FIRST, count)
    times = np.cumsum(gaps, axis=1)
    kind = chance.random((count, 1))
    phase = chance.integers(0, DAY, (count, 1))
    nightly = (kind < _NIGHTLY) & ((times + phase) % DAY < DAY // 2)
    begins = chance.integers(0, LENGTH, (count, 1))
    lasts = chance.integers(0, 2 * DAY, (count, 1))
    away = (kind >= _NIGHTLY) & (kind < _NIGHTLY + _AWAY) & (times >= begins) & (times < begins + lasts)
    on = ~nightly & ~away & (times < LENGTH)
    return Asks(times, on, kind[:, 0] >= _NIGHTLY + _AWAY)

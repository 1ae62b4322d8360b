"""What the engine is to reach, as data, and how far it is. All are comparisons within one run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from tools.bench.pair import MACHINE
from tools.bench.plan import DATA_LIMIT, FLATCAR, FULL, POSITIONAL, RULE, XDELTA, ZSTD, with_workers
from tools.bench.run import PairResult, Result

BYTES, CPU, WALL, MEMORY = ("bytes", "cpu_seconds", "wall_seconds", "anonymous_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One number to reach.

    Attributes:
        pair: for which it is set.
        of: the job that is judged.
        to: what its measurement is divided by; empty for the measurement itself. For wall time the
            other way round: how many times faster.
        field: of the measurements.
        must: the least that is asked for.
        reach: what is hoped for.
    """

    pair: str
    of: str
    to: str
    field: str
    must: float
    reach: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A goal and what was measured: on ``pair``, which may be a stand-in for the one it is set for."""

    goal: Goal
    pair: str | None
    value: float | None

    @property
    def stand_in(self) -> bool:
        """Whether it was measured on another pair."""
        return self.pair is not None and self.pair != self.goal.pair

    @property
    def met(self) -> str:
        """``no``, ``yes`` or ``reached``; ``not measured``."""
        if self.value is None:
            return "not measured"
        if self.goal.reach is not None and _enough(self.goal, self.value, self.goal.reach):
            return "reached"
        return "yes" if _enough(self.goal, self.value, self.goal.must) else "no"


_BTRFS, _EXT4 = "minor-btrfs-zstd-large", "minor-ext4-large"


_ROWS = (
    (_BTRFS, FULL, RULE, BYTES, 0.98, 0.97),
    (_BTRFS, FULL, RULE, CPU, 1 / 6, 1 / 9),
    (_EXT4, FULL, RULE, CPU, 1 / 1.7, 1 / 3),
    (_BTRFS, POSITIONAL, ZSTD, BYTES, 1.02, 0.95),
    (_BTRFS, FLATCAR, ZSTD, BYTES, 1.30, 1.20),
    (_EXT4, POSITIONAL, ZSTD, BYTES, 0.97, 0.90),
    ("minor-erofs-small", POSITIONAL, ZSTD, BYTES, 0.92, 0.88),
    ("minor-squashfs-small", POSITIONAL, ZSTD, BYTES, 1.01, 0.97),
    *(
        (f"tiny-{fs}-small", POSITIONAL, XDELTA, BYTES, 1.05, 1.0)
        for fs in ("ext4", "btrfs-zstd", "erofs", "squashfs")
    ),
    *(
        (pair, delta, XDELTA, CPU, 1 / 2.5, 1 / 6)
        for pair, delta in product((_EXT4, _BTRFS), (POSITIONAL, FLATCAR))
    ),
    *(
        (pair, with_workers(payload, 2), payload, WALL, 1.6, 1.9)
        for pair, payload in product((_EXT4, _BTRFS), (POSITIONAL, FULL))
    ),
    *(
        (pair, with_workers(payload, 2), "", MEMORY, DATA_LIMIT, None)
        for pair, payload in product((_EXT4, _BTRFS), (POSITIONAL, FULL))
    ),
)

GOALS: tuple[Goal, ...] = tuple(
    Goal(pair=pair, of=of, to=to, field=field, must=must, reach=reach)
    for pair, of, to, field, must, reach in _ROWS
)


def findings(result: Result) -> Iterator[Finding]:
    """Every goal, with its value where it could be had."""
    for goal in GOALS:
        pair = _pair_for(goal, result)
        value = _value(goal, pair) if pair else None
        yield Finding(goal=goal, pair=pair.name if pair and value is not None else None, value=value)


def _pair_for(goal: Goal, result: Result) -> PairResult | None:
    """The goal's own pair, else the small one of the same kind, else for ext4 the machine's own files."""
    machine = next((pair for pair in result.pairs if pair.name.startswith(MACHINE)), None)
    return (
        result.pair(goal.pair)
        or result.pair(goal.pair.replace("-large", "-small"))
        or (machine if goal.pair == _EXT4 else None)
    )


def _value(goal: Goal, pair: PairResult) -> float | None:
    of = pair.measurements.get(goal.of)
    if not goal.to:
        return None if of is None else float(getattr(of, goal.field))
    to = pair.measurements.get(goal.to)
    if of is None or to is None:
        return None
    above, below = (to, of) if goal.field == WALL else (of, to)
    divisor = getattr(below, goal.field)
    return float(getattr(above, goal.field) / divisor) if divisor else None


def _enough(goal: Goal, value: float, wanted: float) -> bool:
    if goal.field == MEMORY:
        return value < wanted
    return value >= wanted if goal.field == WALL else value <= wanted

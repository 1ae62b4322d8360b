"""What was measured, beside its budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One line of the table. ``told`` says more of what is missed; ``timed`` depends on the machine."""

    what: str
    found: str
    budget: str
    missed: bool
    told: tuple[str, ...] = ()
    timed: bool = False


def at_most(what: str, found: float, budget: float, unit: str, *, timed: bool = False) -> Measure:
    """A number that must not be larger than its budget."""
    return Measure(
        what=what,
        found=f"{found:,.1f} {unit}",
        budget=f"≤ {budget:,g} {unit}",
        missed=found > budget,
        timed=timed,
    )


def none_of(what: str, faults: Iterable[str], among: str) -> Measure:
    """Faults, of which there must be none. ``among`` says where was looked."""
    told = tuple(faults)
    return Measure(what=what, found=f"{len(told)} on {among}", budget="0", missed=bool(told), told=told)


def table(measures: Iterable[Measure]) -> Iterator[str]:
    """A table in Markdown."""
    yield "| what | measured | budget | |"
    yield "|---|---:|---:|---|"
    for one in measures:
        yield f"| {one.what} | {one.found} | {one.budget} | {'**missed**' if one.missed else 'met'} |"

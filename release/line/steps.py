"""Steps and jobs.

A job is a tuple of steps, done in order. Every step looks at what is there before it does anything:
a step that was done is a step that does nothing. So whatever was killed, wherever, is completed by
running the same job again, and nothing about progress is kept anywhere but in the results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Report = Callable[[int, int], None]
"""``report(done, total)``: how far a step is, in a unit of its own."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a job does."""

    name: str
    """For machines: task names, logs. Unique within a job."""
    title: str
    """For people: what it does, in a few words."""
    run: Callable[[Report], str]
    """Do it unless it is done. Returns one line saying what is so now."""


Job = tuple[Step, ...]


class Observer(Protocol):
    """Someone who watches a job: a progress display, a log, a test."""

    def started(self, step: Step) -> None:
        """``step`` begins."""

    def progressed(self, step: Step, done: int, total: int) -> None:
        """``step`` has done ``done`` of ``total``."""

    def finished(self, step: Step, outcome: str) -> None:
        """``step`` ended well; ``outcome`` is its line."""


def run_step(step: Step, observer: Observer) -> str:
    """Run one step under ``observer``; returns its line. Whatever it raises passes through."""
    observer.started(step)
    outcome = step.run(lambda done, total: observer.progressed(step, done, total))
    observer.finished(step, outcome)
    return outcome


def run_job(job: Job, observer: Observer) -> tuple[str, ...]:
    """Run all steps in order, stopping at the first that raises."""
    return tuple(run_step(step, observer) for step in job)

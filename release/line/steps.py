"""Steps and jobs.

A job is a tuple of steps, done in order. Every step looks at what is there before it does anything:
a step that was done is a step that does nothing. So whatever was killed, wherever, is completed by
running the same job again, and nothing about progress is kept anywhere but in the results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from release.errors import HumpyardError

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


def held_back(job: Job, failures: list[HumpyardError]) -> Job:
    """The same steps, none of which stops what comes after: its failure is told, and kept in ``failures``."""

    def held(step: Step) -> Step:
        def act(report: Report) -> str:
            try:
                return step.run(report)
            except HumpyardError as error:
                failures.append(error)
                return f"NOT DONE: {error.message}"

        return replace(step, run=act)

    return tuple(held(step) for step in job)


def at_last(name: str, title: str, failures: list[HumpyardError]) -> Step:
    """The step that raises the first failure that was held back."""

    def act(_report: Report) -> str:
        for error in failures:
            raise error
        return "done"

    return Step(name, title, act)


def run_step(step: Step, observer: Observer) -> str:
    """Run one step under ``observer``; returns its line. Whatever it raises passes through."""
    observer.started(step)
    outcome = step.run(lambda done, total: observer.progressed(step, done, total))
    observer.finished(step, outcome)
    return outcome


def run_job(job: Job, observer: Observer) -> tuple[str, ...]:
    """Run all steps in order, stopping at the first that raises."""
    return tuple(run_step(step, observer) for step in job)

"""How a job becomes a flow run: one task per step, retried only when trying again may help.

No caching and no persisted results: what was done is found out by looking at it, not by asking the
orchestrator. A flow's parameters are readable by everyone who reaches the API, so they are paths,
versions and digests; never a secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger

from release.errors import UnavailableError
from release.line.steps import Job, Observer, Step, run_step

RETRIES = 3
RETRY_DELAYS = (2.0, 10.0, 30.0)
"""Seconds before each retry."""


class RunLog:
    """Watches a job into the log of the flow run."""

    def started(self, step: Step) -> None:
        """Log that ``step`` begins."""
        get_run_logger().info("%s", step.title)

    def progressed(self, step: Step, done: int, total: int) -> None:
        """Nothing: a log is no progress bar."""

    def finished(self, step: Step, outcome: str) -> None:
        """Log what is so now."""
        get_run_logger().info("%s: %s", step.title, outcome)


_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Let ``observer`` watch the jobs of flows that are called here, instead of the run's log."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


async def worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Only what may work later is tried again; a refusal or a wrong input stays what it is."""
    outcome = await state.aresult(raise_on_failure=False)
    return isinstance(outcome, UnavailableError)


def run_as_tasks(job: Job) -> list[str]:
    """Run every step of ``job`` as a task of the current flow run, in order.

    Running it twice is harmless, since every step is. Raises what a step raises.
    """
    watcher = _observer.get() or RunLog()
    return [_as_task(step, watcher)() for step in job]


def _as_task(step: Step, watcher: Observer) -> Task[[], str]:
    def run() -> str:
        return run_step(step, watcher)

    as_task = task(
        name=step.name,
        description=step.title,
        retries=RETRIES,
        retry_delay_seconds=list(RETRY_DELAYS),
        retry_condition_fn=worth_retrying,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    return as_task(run)

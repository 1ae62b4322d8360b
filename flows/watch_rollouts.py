"""Flow: what machines report is judged, and a rollout that goes wrong is halted in the ledger."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.runner import run_as_tasks
from release.line.rollouts import run_watch
from release.wiring import open_yard
from release.wiring.events import open_events


@flow(name="watch-rollouts", log_prints=False)
def watch_rollouts(settings: str) -> str:
    """Judge every rollout by the policy's halt rules; a halt holds like a person's pause.

    Running it twice, or retrying it, records nothing twice. It can stop and nothing else: letting a
    rollout go on takes the resume quorum. When it is not run, update servers still stop by themselves.

    Args:
        settings: path of ``humpyard.toml`` on the worker, which must be able to use the pipeline's key and
            to reach the database of the update servers.

    Returns:
        What was halted, or how many rollouts were judged.
    """
    with open_yard(Path(settings)) as yard, open_events(Path(settings)) as events:
        return run_watch(yard, events, run_as_tasks)[0]

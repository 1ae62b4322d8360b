"""Flow: the mirror's head is signed anew before it gets old."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.runner import run_as_tasks
from release.line.head import head_job
from release.wiring import open_yard


@flow(name="refresh-head", log_prints=False)
def refresh_head(settings: str) -> str:
    """Sign the head if it says too little or half of its life is over; else it does nothing.

    Args:
        settings: path of ``humpyard.toml`` on the worker.
    """
    with open_yard(Path(settings)) as yard:
        return run_as_tasks(head_job(yard))[-1]

"""Flow: releases that nobody needs are recorded as collected, and their bytes deleted."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.logging import get_run_logger

from flows.runner import run_as_tasks
from release.line.garbage_deleting import Deleted, Spared
from release.line.garbage_job import garbage_job, rehearsal_job
from release.wiring import open_yard


@flow(name="collect-garbage", log_prints=False)
def collect_garbage(settings: str, *, really: bool = False) -> str:
    """Let go of what the policy's retention does not keep. Only looks, unless told to.

    Args:
        settings: path of ``humpyard.toml`` on the worker; to collect, it must be able to use the
            pipeline's key, and to delete from the mirrors.
        really: record and delete. Without, the log tells what would go.

    Returns:
        What was deleted, or would be.
    """
    with open_yard(Path(settings)) as yard:
        return run_as_tasks(garbage_job(yard, _log) if really else rehearsal_job(yard, _log))[-1]


def _log(one: Deleted | Spared) -> None:
    if isinstance(one, Spared):
        get_run_logger().warning("%s", one)
    else:
        get_run_logger().info("%s: %d files of %s", one.place, one.files, one.version)

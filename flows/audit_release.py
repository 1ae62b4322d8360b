"""Flow: everything is derived anew from public keys and the mirror, and compared with what it says."""

from __future__ import annotations

import logging
from pathlib import Path

from prefect import flow
from prefect.logging import get_run_logger

from flows.runner import run_as_tasks
from release.audit.finding import Finding, Severity
from release.line.audit_job import audit_job
from release.wiring import open_yard

_LEVELS = {
    Severity.BREAK: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.NOTE: logging.INFO,
}


@flow(name="audit-release", log_prints=False)
def audit_release(settings: str, *, releases: bool = False) -> str:
    """Audit the mirror; the run fails on any break. Needs no secret and changes nothing.

    Keys that will soon end, stops that stand and the like are logged as warnings. Whoever does not trust
    this worker runs ``humpyard audit`` elsewhere: it takes nothing but public keys and the mirror.

    Args:
        settings: path of ``humpyard.toml`` on the worker.
        releases: also verify every file of every registered release.

    Returns:
        How much was looked at, and that nothing is broken.
    """
    with open_yard(Path(settings)) as yard:
        return run_as_tasks(audit_job(yard, _log, releases=releases))[-1]


def _log(finding: Finding) -> None:
    get_run_logger().log(_LEVELS[finding.severity], "%s", finding)

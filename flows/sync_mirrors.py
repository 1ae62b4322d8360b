"""Flow: mirrors get what they are to have, the past included, and show what the ledger says."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.runner import run_as_tasks
from release.line.mirror_sync import check_all, sync_job
from release.line.mirrors import Behind
from release.wiring import open_yard


@flow(name="sync-mirrors", log_prints=False)
def sync_mirrors(settings: str, *, again: bool = False) -> list[str]:
    """Bring every mirror up to the ledger. It decides nothing; a mirror that is away stops no other.

    Args:
        settings: path of ``humpyard.toml`` on the worker, which must be able to use the pipeline's key.
        again: read back what is said to be there, too, and bring what is missing.

    Returns:
        The lines of all steps.

    Raises:
        RefusedError, UnavailableError: mirrors are behind; says which, and why.
    """
    behind: list[Behind] = []
    with open_yard(Path(settings)) as yard:
        lines = run_as_tasks(sync_job(yard, behind, again=again))
    check_all(behind)
    return lines

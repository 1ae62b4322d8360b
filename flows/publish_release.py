"""Flow: a candidate is uploaded, verified from the mirror, and recorded. No channel moves."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.runner import run_as_tasks
from release.catalog.version import Version
from release.line.publication import PublicationOrder, publication_job
from release.wiring import open_yard


@flow(name="publish-release", log_prints=False)
def publish_release(settings: str, version: str) -> str:
    """Publish a candidate; running it again uploads only what is missing.

    History (``--offered-in``) is told from the command line only: it moves channels without a request.

    Args:
        settings: path of ``humpyard.toml`` on the worker.
        version: a candidate that was built there.

    Returns:
        The release digest.
    """
    order = PublicationOrder(version=Version.parse(version))
    with open_yard(Path(settings)) as yard:
        run_as_tasks(publication_job(yard, order))
        return str(yard.ledger.state().releases[order.version].release)

"""Flow: pages, feeds and JSON files are rendered from the ledger and the signed releases."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.runner import run_as_tasks
from release.line.pages import pages_job
from release.wiring import open_yard


@flow(name="render-pages", log_prints=False)
def render_pages(settings: str) -> str:
    """Render everything; writes only what changed, so running it again is harmless and quick.

    Args:
        settings: path of ``humpyard.toml`` on the worker.
    """
    with open_yard(Path(settings)) as yard:
        return run_as_tasks(pages_job(yard))[-1]

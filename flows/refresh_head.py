"""Flow: the mirror's head and what machines are offered are signed anew before nobody believes them."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.runner import run_as_tasks
from release.line.channel_documents import channels_job
from release.line.head import head_job
from release.line.mirror_show import show_job
from release.wiring import open_yard


@flow(name="refresh-head", log_prints=False)
def refresh_head(settings: str) -> str:
    """Sign head and channel documents as of the ledger's last entry, where they are not young enough.

    It decides nothing and moves nothing: the head tells what the ledger says. When it is not run for as
    long as the policy's ``head_valid_for``, readers refuse the mirror as frozen.

    Args:
        settings: path of ``humpyard.toml`` on the worker, which must be able to use the pipeline's key.

    Returns:
        As of which entry, and until when it is to be believed.
    """
    with open_yard(Path(settings)) as yard:
        return run_as_tasks((*head_job(yard), *channels_job(yard), *show_job(yard)))[0]

"""Flow: what the gate allows now is carried out. A doorbell, not a gate."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from release.line.pages import pages_job

from flows.runner import run_as_tasks
from release.errors import RefusedError
from release.line.promotion import open_requests, pointer_job, promotion_job
from release.promotion.status import Phase
from release.wiring import open_yard


@flow(name="promote-release", log_prints=False)
def promote_release(settings: str, channel: str | None = None, request: str | None = None) -> list[str]:
    """Carry out every open request whose gate is open, then align pointers and pages.

    Level-triggered: it reads the ledger and nothing else, so retrying, resuming or forcing a run cannot
    move anything that people have not signed for.

    Args:
        settings: path of ``humpyard.toml`` on the worker.
        channel: only requests for this channel.
        request: digest (hexadecimal) of the request that somebody waits for: refused while it waits.

    Returns:
        The lines of all steps.

    Raises:
        RefusedError: ``request`` cannot be carried out now; says what is missing.
    """
    lines: list[str] = []
    refused: list[str] = []
    with open_yard(Path(settings)) as yard:
        for one in open_requests(yard, channel):
            if one.phase is Phase.READY:
                lines += run_as_tasks(promotion_job(yard, one.case.digest))
            elif one.case.digest.hex == request:
                refused.append(one.summary)
        lines += run_as_tasks((*pointer_job(yard), *pages_job(yard)))
    if refused:
        raise RefusedError("; ".join(refused))
    return lines

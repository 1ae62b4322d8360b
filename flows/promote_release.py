"""Flow: what the gate allows now is carried out. A doorbell, not a gate."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.runner import run_as_tasks
from release.errors import RefusedError
from release.line.promotion import run_round
from release.wiring import open_yard


@flow(name="promote-release", log_prints=False)
def promote_release(settings: str, channel: str | None = None, request: str | None = None) -> list[str]:
    """Carry out every open request whose gate is open, then bring pointers and pages up to date.

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
    with open_yard(Path(settings)) as yard:
        found = run_round(yard, run_as_tasks, channel)
    waited_for = next((why for digest, why in found.refused.items() if digest.hex == request), None)
    if waited_for is not None:
        raise RefusedError(waited_for)
    return found.lines

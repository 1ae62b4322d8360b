"""What people write who take a Prefect suspension for a gate. It shows that the bypasses are real."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.flow_runs import suspend_flow_run


@flow(name="plain-gate", log_prints=False)
def plain_gate(marker: str) -> None:
    """Wait for somebody's yes, then publish: write ``marker``."""
    suspend_flow_run(timeout=3600)
    Path(marker).write_text("published")

"""Flow: what each mirror serves is compared with the ledger and with what was published."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger

from flows.runner import run_as_tasks
from release.audit.finding import Finding, Severity
from release.line.mirror_audit import Options
from release.line.mirror_audit_job import Findings, mirrors_audit_job
from release.line.mirror_audit_objects import Sample
from release.wiring import open_yard

_LEVELS = {
    Severity.BREAK: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.NOTE: logging.INFO,
}


@flow(name="audit-mirrors", log_prints=False)
def audit_mirrors(
    settings: str,
    *,
    full: bool = False,
    seed: int | None = None,
    record: bool = False,
    tls_authorities: str | None = None,
) -> str:
    """Audit every mirror over its public address; the run fails on any break.

    What was found is the artifact ``mirrors-audit`` of the run, whether it fails or not.

    Args:
        settings: path of ``humpyard.toml`` on the worker.
        full: read every byte, not only a sample.
        seed: draws the sample; None takes a new one, which the artifact tells.
        record: take back in the ledger what does not hold, with the pipeline's key.
        tls_authorities: path of certificates (PEM) on the worker that may vouch for mirrors.

    Returns:
        That they hold what they say.
    """
    sample = Sample(seed=secrets.randbelow(1 << 32) if seed is None else seed)
    options = Options(
        sample=None if full else sample,
        authorities=None if tls_authorities is None else Path(tls_authorities),
    )
    with open_yard(Path(settings)) as yard:
        found = Findings(yard=yard, options=options)
        try:
            return run_as_tasks(mirrors_audit_job(yard, found, _log, record=record))[-1]
        finally:
            create_markdown_artifact(markdown=found.report().as_markdown(), key="mirrors-audit")


def _log(mirror: str, finding: Finding) -> None:
    get_run_logger().log(_LEVELS[finding.severity], "%s%s", f"{mirror}: " if mirror else "", finding)

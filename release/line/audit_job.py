"""Auditing one's own mirror as its readers would: public keys and the store, nothing else of the yard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime

from release.audit.finding import Finding, Severity
from release.audit.report import AuditReport
from release.bundle.verify import Checks
from release.errors import NotVerifiedError
from release.line.audit_releases import ReleaseVerification
from release.line.auditing import Auditor, audit
from release.line.steps import Job, Step
from release.line.verification import release_checks
from release.line.yard import Yard
from release.scratch import scratch_directory


def audit_job(yard: Yard, tell: Callable[[Finding], None], *, releases: bool = False) -> Job:
    """The step that audits the yard's store, and tells every finding; it fails when there is a break."""
    return (Step("audit", "audit the mirror", lambda _: _audit(yard, tell, releases=releases)),)


def audit_yard(yard: Yard, *, releases: bool = False) -> AuditReport:
    """Audit the yard's store. With ``releases`` every file of every registered release, too."""
    auditor = Auditor(
        product=yard.product,
        trust=yard.ledger.trust,
        verifier=yard.statements,
        certificates=yard.certificates(),
        clock=yard.clock,
        naming=yard.naming,
    )
    with ExitStack() as stack:
        if releases:
            verification = ReleaseVerification(
                product=yard.product,
                checks=lambda channel, at: _checks(yard, channel, at),
                scratch=stack.enter_context(scratch_directory(yard.work)),
                naming=yard.naming,
            )
            auditor = replace(auditor, release_check=verification)
        return audit(yard.store, auditor)


def _checks(yard: Yard, channel: str, at: datetime | None) -> Checks:
    signatures, images = yard.release_signatures, yard.image_signatures
    if at is not None:
        signatures, images = signatures.at(at), images.at(at)
    return release_checks(signatures, images, yard.payload_for(channel).keys, prove=False)


def _audit(yard: Yard, tell: Callable[[Finding], None], *, releases: bool) -> str:
    report = audit_yard(yard, releases=releases)
    for severity in Severity:
        for finding in report.of(severity):
            tell(finding)
    if report.broken:
        breaks = "\n".join(f"  {one}" for one in report.of(Severity.BREAK))
        raise NotVerifiedError(
            f"the mirror does not hold what it says: {report.summary}\n{breaks}",
            hint="what each finding means: docs/audit.md",
        )
    return report.summary

"""Checking a release where it is: staged, or on the mirror. Public keys only."""

from __future__ import annotations

from datetime import datetime

from release.bundle.verify import ReleaseSource, Report, verify_release
from release.catalog.version import Version
from release.errors import NotVerifiedError
from release.ledger.state import State
from release.line.verification import release_checks
from release.line.yard import Yard
from release.promotion.evidence_names import MIRROR_VERIFIED
from release.scratch import scratch_directory


def verify_on(yard: Yard, source: ReleaseSource, version: Version, *, channel: str) -> Report:
    """Check a release where it is, with public keys only; see ``release.bundle.verify``.

    Payloads must verify with the keys of ``channel``: the one it was built for, or is to be promoted to.
    Keys must be valid now; for a release that the ledger knows to have been verified, they must have
    been valid then. That is safe because the ledger names its digest, and so every byte of it.

    Returns:
        The report, in which every step passed.

    Raises:
        NotVerifiedError: a step failed, or it is not the release that is registered.
    """
    state = yard.ledger.state()
    at = verified_at(state, version)
    signatures, image_signatures = yard.release_signatures, yard.image_signatures
    if at is not None:
        signatures, image_signatures = signatures.at(at), image_signatures.at(at)
    checks = release_checks(signatures, image_signatures, yard.payload_for(channel).keys, prove=False)
    with scratch_directory(yard.work) as scratch:
        report = verify_release(
            source, version, product=yard.product, checks=checks, scratch=scratch, naming=yard.naming
        )
    try:
        report.raise_if_failed()
    except NotVerifiedError as error:
        raise NotVerifiedError(f"for channel {channel}: {error.message}", hint=error.hint) from error
    registered = state.releases.get(version)
    if registered is not None and registered.release != report.digest:
        raise NotVerifiedError(
            f"release {version}: registered is {registered.release}, found {report.digest}"
        )
    return report


def verified_at(state: State, version: Version) -> datetime | None:
    """When the ledger recorded that the release was verified on the mirror; None if it never did."""
    entry = state.releases.get(version)
    found = None if entry is None else state.evidence.get(entry.release, {}).get(MIRROR_VERIFIED)
    return found.recorded if found is not None and found.passed else None

"""Checking a release where it is: staged, or on the mirror. Public keys only."""

from __future__ import annotations

from release.bundle.verify import ReleaseSource, Report, verify_release
from release.catalog.version import Version
from release.line.verification import release_checks
from release.line.yard import Yard
from release.scratch import scratch_directory


def verify_on(yard: Yard, source: ReleaseSource, version: Version) -> Report:
    """Check a release where it is, with public keys only; see ``release.bundle.verify``."""
    checks = release_checks(yard.release_signatures, yard.image_signatures, yard.payload.keys, prove=False)
    with scratch_directory(yard.work) as scratch:
        return verify_release(
            source, version, product=yard.product, checks=checks, scratch=scratch, naming=yard.naming
        )

"""Verifying every registered release for the audit: all files, all signatures, copies in channels, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from release.audit.finding import Code, Finding
from release.bundle.release import Release
from release.bundle.verify import Checks, verify_release
from release.catalog.naming import NamingScheme, release_prefix
from release.catalog.version import Version
from release.errors import InputError, RefusedError
from release.ledger.state import State
from release.line.channel_verification import verify_copies
from release.line.checking import verified_at
from release.line.visiting import MirrorSource

ChecksFor = Callable[[str, datetime | None], Checks]
"""The checks of a release that was built for a channel, with keys as they were at a time, or now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseVerification:
    """How releases are verified. ``scratch`` has room for the largest file."""

    product: str
    checks: ChecksFor
    scratch: Path
    naming: NamingScheme

    def __call__(self, source: MirrorSource, version: Version, state: State) -> Iterator[Finding]:
        """What does not hold of one registered release, and of its copies in channels it was in.

        Keys are judged as they were when the ledger recorded that the release was verified: it names
        every byte since. Whether the document is the one registered is judged elsewhere. What was
        collected may be gone, in part or as a whole: nothing is asked of it.
        """
        if version in state.collected:
            return
        try:
            checks = self.checks(state.releases[version].built_for, verified_at(state, version))
        except (InputError, RefusedError) as error:  # whose keys count there cannot be told
            yield _finding(release_prefix(version), "to be verified", error.message)
            return
        report = verify_release(
            source,
            version,
            product=self.product,
            checks=checks,
            scratch=self.scratch,
            naming=self.naming,
        )
        for step in report.steps:
            if not step.passed:
                yield _finding(release_prefix(version), f"{step.number}. {step.title}", step.detail)
        if report.release is not None:
            yield from self._copies(source, report.release, state)

    def _copies(self, source: MirrorSource, release: Release, state: State) -> Iterator[Finding]:
        boards = [board.board for board in release.boards]
        for channel in dict.fromkeys(
            head.channel for head in state.history if head.version == release.version
        ):
            try:
                verify_copies(source, release, channel, boards, self.naming)
            except (InputError, RefusedError) as error:
                yield _finding(f"{channel}/", f"the files of {release.version} there", error.message)


def _finding(where: str, expected: str, found: str) -> Finding:
    return Finding(code=Code.RELEASE_UNVERIFIED, where=where, expected=expected, found=found)

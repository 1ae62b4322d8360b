"""What a test report says, whatever it was written in.

A report that is not complete has not passed, whatever is in it: it may have been cut off before the
test that fails. So has one in which no test passed: nothing was tested.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from release.errors import InputError

REPORT_LIMIT = 16 << 20
"""Bytes of one report. Kola's, with the output of every failed test, have a few hundred KiB."""

TEST_LIMIT = 100_000
"""Tests in one report."""

DEPTH_LIMIT = 32
"""How deep suites, or subtests, may be in each other."""

NAME_LIMIT = 200
"""Characters of a test's name, which becomes a line of the ledger."""

_HASHED = 16
_LOOKED_AT = 8
"""How many times ``NAME_LIMIT`` of a text is looked at, white space included."""


class Outcome(IntEnum):
    """What became of one test; of a name that was reported several times, the greatest counts."""

    SKIPPED = 0
    """Not run, or not expected to pass: it says nothing."""
    PASSED = 1
    FAILED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReport:
    """Names of tests, sorted, each in one place. ``problem`` says why the report is not complete."""

    __test__ = False  # pytest collects what is called Test…

    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def complete(self) -> bool:
        """Whether it tells of every test that was to be run."""
        return self.problem is None

    @property
    def ok(self) -> bool:
        """Complete, something passed, nothing failed."""
        return self.complete and bool(self.passed) and not self.failed

    @property
    def summary(self) -> str:
        """One line."""
        counts = f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"
        if self.problem is not None:
            return f"{counts}; not complete: {self.problem}"
        if not self.passed and not self.failed:
            return f"{counts}: nothing was tested"
        return counts


def gather(results: Iterable[tuple[str, Outcome]], problem: str | None = None) -> TestReport:
    """Make a report of names, as ``shown_name`` makes them, and outcomes, in any order."""
    worst: dict[str, Outcome] = {}
    for name, outcome in results:
        worst[name] = max(outcome, worst.get(name, outcome))
    of = {one: tuple(sorted(name for name, found in worst.items() if found is one)) for one in Outcome}
    return TestReport(
        passed=of[Outcome.PASSED], failed=of[Outcome.FAILED], skipped=of[Outcome.SKIPPED], problem=problem
    )


def combine(reports: Mapping[str, TestReport]) -> TestReport:
    """Several reports as one, each test's name led by its report's: ``amd64-usr: boot``.

    It is complete when all of them are. A single one stays as it is. Of several, one in which nothing
    passed is a problem: another board's tests do not stand for it.
    """
    if len(reports) == 1:
        return next(iter(reports.values()))
    problems = [f"{label}: {why}" for label, one in reports.items() if (why := _why_not(one)) is not None]
    return gather(
        (
            (shown_name(f"{label}: {name}"), outcome)
            for label, one in reports.items()
            for outcome, names in _by_outcome(one)
            for name in names
        ),
        problems[0] if problems else None if reports else "no report",
    )


def _by_outcome(report: TestReport) -> tuple[tuple[Outcome, tuple[str, ...]], ...]:
    return (
        (Outcome.PASSED, report.passed),
        (Outcome.FAILED, report.failed),
        (Outcome.SKIPPED, report.skipped),
    )


def _why_not(report: TestReport) -> str | None:
    if report.problem is None and not report.passed and not report.failed:
        return "nothing was tested"
    return report.problem


def shown_name(text: str) -> str:
    """``text`` as one printable line of at most ``NAME_LIMIT`` characters.

    What is cut off is told by a hash of the whole, so that two tests never get one name by length.
    """
    head = text[: _LOOKED_AT * NAME_LIMIT]
    shown = "".join(one if one.isprintable() else " " if one.isspace() else "?" for one in head)
    line = " ".join(shown.split())
    if len(line) <= NAME_LIMIT and head == text:
        return line or "(no name)"
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASHED]
    return f"{line[: NAME_LIMIT - _HASHED - 2]}… {mark}"


def check_size(data: bytes, where: str) -> None:
    """Raises InputError for a report of more than ``REPORT_LIMIT`` bytes."""
    if len(data) > REPORT_LIMIT:
        raise InputError(
            f"{where}: expected a test report of at most {REPORT_LIMIT:,} bytes, found {len(data):,}"
        )

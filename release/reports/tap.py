"""TAP, the Test Anything Protocol, versions 12 to 14. Kola writes it.

Source: https://testanything.org/tap-version-14-specification.html, which also tells what earlier
versions do. Where it leaves a choice, what is doubtful is not complete. Read here rather than by
tap.py, the package there is for it, which knows no subtests and asks for a plan's numbers only.

Not checked: what YAML diagnostics say, names told by ``# Subtest:`` comments, pragmas.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field

from release.errors import InputError
from release.reports.report import (
    DEPTH_LIMIT,
    TEST_LIMIT,
    Outcome,
    TestReport,
    check_size,
    gather,
    shown_name,
)

_POINT = re.compile(r"(?P<no>not )?ok(?:[ \t]+(?P<number>[0-9]+)(?![^\s]))?(?P<rest>(?:[ \t].*)?)")
_PLAN = re.compile(r"(?P<first>[0-9]+)\.\.(?P<last>[0-9]+)(?:[ \t]*#.*)?")
_VERSION = re.compile(r"TAP version [0-9]+", re.IGNORECASE)
_ESCAPED_OR_HASH = re.compile(r"\\[\\#]|#")
_DIRECTIVE = re.compile(r"#[ \t]*(?:skip|todo)", re.IGNORECASE)
_INDENT = 4
_DIGITS = 9
"""Longest number; more tests than that nobody has."""


@dataclass(slots=True)
class _Document:
    """One stream of test points: the whole report, or the subtests of one test."""

    results: list[tuple[str, Outcome]] = field(default_factory=list)
    count: int = 0
    numbers: set[int] = field(default_factory=set)
    plan: int | None = None
    plan_after: int = 0
    """How many test points came before the plan."""
    problem: str | None = None

    def fault(self, problem: str) -> None:
        """Note why this is not complete; what was noted first is told."""
        self.problem = self.problem or problem

    def set_plan(self, first: str, last: str) -> None:
        """Take a plan line."""
        if self.plan is not None:
            self.fault("there are two plans")
        elif first.lstrip("0") != "1" or len(last) > _DIGITS:
            self.fault(f"the plan is {first[:_DIGITS]}..{last[:_DIGITS]}, which is not 1..N")
        else:
            self.plan, self.plan_after = int(last), self.count

    def number(self, text: str | None) -> int:
        """Count a test point; returns its number, or the next one where it has none."""
        self.count += 1
        if 0 < self.plan_after < self.count:
            self.fault("there are tests after the plan at the end")
        if text is not None and len(text) > _DIGITS:
            self.fault("a test has a number that no plan has")
            return self.count
        number = self.count if text is None else int(text)
        if number in self.numbers:
            self.fault(f"test {number} is reported twice")
        self.numbers.add(number)
        return number

    def close(self) -> None:
        """Compare with the plan, which may have come last."""
        if self.plan is None:
            self.fault("there is no plan: it may have been cut off")
        elif self.count != self.plan:
            self.fault(f"{self.plan} tests were planned, {self.count} are reported")
        elif self.numbers and max(self.numbers) > self.plan:
            self.fault(f"test {max(self.numbers)} is not one of the {self.plan} that were planned")
        elif 0 in self.numbers:
            self.fault("there is a test 0")


def read_tap(data: bytes, where: str) -> TestReport:
    """Read a report in TAP.

    A test with ``# SKIP`` or ``# TODO`` is skipped, whatever it says. Of a test with subtests these are
    reported, called ``test / subtest``; the test itself where it fails and none of them does. A test
    that has no name is called by its number.

    Args:
        data: UTF-8; other bytes are shown as U+FFFD.
        where: its name, for messages.

    Raises:
        InputError: larger than the bounds of ``release.reports.report``. Whatever else is wrong, cut
            off, planned otherwise or bailed out makes the report one that is not complete.
    """
    check_size(data, where)
    reader = _Reader(where)
    for line in io.StringIO(data.decode("utf-8", "replace").removeprefix("\ufeff"), newline=None):
        reader.line(line.rstrip())
    return reader.finish()


class _Reader:
    def __init__(self, where: str) -> None:
        self._where = where
        self._documents = [_Document()]
        self._tests = 0
        self._after: int | None = None
        """Indentation of the test point that diagnostics may follow now."""
        self._diagnostics: int | None = None
        """Indentation of the diagnostics we are in."""

    def line(self, line: str) -> None:
        text = line.lstrip(" ")
        indent = len(line) - len(text)
        if not text or (self._diagnostics is not None and self._in_diagnostics(indent, text)):
            return
        if text == "---" and self._after is not None and indent > self._after:
            self._diagnostics = indent
            return
        if text.lower().startswith("bail out!"):
            self._documents[0].fault(f"bailed out: {shown_name(text[len('bail out!') :])}")
        elif indent % _INDENT == 0 and not text.startswith("#"):
            self._after = None
            self._protocol(indent // _INDENT, text)

    def _in_diagnostics(self, indent: int, text: str) -> bool:
        """Whether the line belongs to diagnostics. They end with a line, not where they are cut off."""
        begun = self._diagnostics or 0
        if indent >= begun:
            if text == "..." and indent == begun:
                self._diagnostics = self._after = None
            return True
        self._documents[0].fault("diagnostics without an end")
        self._diagnostics = None
        return False

    def _protocol(self, level: int, text: str) -> None:
        point, plan = _POINT.fullmatch(text), _PLAN.fullmatch(text)
        if not (point or plan or _VERSION.fullmatch(text)):
            return  # not TAP, which is none of our business
        if level > DEPTH_LIMIT:
            raise InputError(f"{self._where}: subtests in more than {DEPTH_LIMIT} levels")
        while len(self._documents) <= level:
            self._documents.append(_Document())
        if plan:
            self._documents[level].set_plan(plan["first"], plan["last"])
        if point:
            self._point(level, point)

    def _point(self, level: int, point: re.Match[str]) -> None:
        self._tests += 1
        if self._tests > TEST_LIMIT:
            raise InputError(f"{self._where}: more than {TEST_LIMIT:,} tests")
        self._after = level * _INDENT
        document = self._documents[level]
        number = document.number(point["number"])
        description, has_directive = _describe(point["rest"])
        name = shown_name(description) if description else f"test {number}"
        outcome = Outcome.SKIPPED if has_directive else Outcome.FAILED if point["no"] else Outcome.PASSED
        if len(self._documents) - 1 == level:
            document.results.append((name, outcome))
            return
        if len(self._documents) - 1 > level + 1:
            self._documents[0].fault(f"subtests before {name} belong to no test")
        _close_subtests(document, self._documents[level + 1], name, outcome)
        del self._documents[level + 1 :]

    def finish(self) -> TestReport:
        """The report, when all lines were given."""
        report = self._documents[0]
        if self._diagnostics is not None:
            report.fault("diagnostics without an end")
        if len(self._documents) > 1:
            report.fault("subtests at the end belong to no test")
        report.close()
        return gather(report.results, report.problem)


def _close_subtests(parent: _Document, subtests: _Document, name: str, outcome: Outcome) -> None:
    """Put the results of a test's subtests in its place."""
    if outcome is Outcome.SKIPPED:
        parent.results.append((name, outcome))
        return
    subtests.close()
    if subtests.problem is not None:
        parent.fault(f"{name}: {subtests.problem}")
    inner = [(shown_name(f"{name} / {one}"), found) for one, found in subtests.results]
    parent.results += inner
    if outcome is Outcome.FAILED and all(found is not Outcome.FAILED for _, found in inner):
        parent.results.append((name, outcome))
    elif not inner:
        parent.results.append((name, Outcome.SKIPPED))


def _describe(rest: str) -> tuple[str, bool]:
    """The description of a test point, and whether a directive follows it."""
    end, has_directive = len(rest), False
    for match in _ESCAPED_OR_HASH.finditer(rest):
        if match[0] == "#" and rest[: match.start()][-1:].isspace():
            has_directive = bool(_DIRECTIVE.match(rest, match.start()))
            end = match.start() if has_directive else end
            break
    text = _ESCAPED_OR_HASH.sub(lambda match: match[0][-1], rest[:end]).strip()
    return text.removeprefix("-").strip() if text == "-" or text.startswith("- ") else text, has_directive

"""JUnit XML, as pytest, Maven, Gradle, googletest and many others write it.

There is no standard; source: https://github.com/testmoapp/junitxml, which tells what tools do. The
reports come from elsewhere, so that a document type, and with it every entity, is refused before it is
read (defusedxml). Read here rather than by junitparser, the package there is for it: that one keeps
the whole tree, believes the counts and leaves the choice of a parser to its caller.

Counts are what tells a report that was put together wrongly: those that a suite states must be those of
the tests in it, with or without the suites inside, or with a test that is there twice (pytest: failed,
then failed in its teardown) counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

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

_SUITES, _SUITE, _CASE = "testsuites", "testsuite", "testcase"
_FAULTS = {"failure": "failures", "error": "errors"}
_SILENT = frozenset({"system-out", "system-err", "properties", "property", "rerunFailure", "rerunError",
                     "flakyFailure", "flakyError"})  # fmt: skip
"""What a test may hold that does not say what became of it. A rerun is told by how it ended."""
_NOT_RUN = frozenset({"notrun", "suppressed", "disabled", "skipped"})
"""googletest's words for tests that it left out."""
_SHOWN = 40


class _Parser(Protocol):
    """What we use of defusedxml's parser, which is not typed that far."""

    def feed(self, data: bytes) -> None: ...
    def close(self) -> object: ...


def read_junit(data: bytes, where: str) -> TestReport:
    """Read a report in JUnit XML.

    A test is called ``classname.name``. An element in a test that is not known makes the report one
    that is not complete: it may be somebody's word for a failure.

    Args:
        data: the file, in an encoding that it names or UTF-8.
        where: its name, for messages.

    Raises:
        InputError: not XML, has a document type, is no such report, larger than the bounds of
            ``release.reports.report``, or it contradicts itself.
    """
    check_size(data, where)
    target = _Target(where)
    parser: _Parser = DefusedXMLParser(target=target, forbid_dtd=True)
    try:
        parser.feed(data)  # at once: expat would look again and again at a token that comes in pieces
        parser.close()
    except DefusedXmlException as error:
        raise InputError(f"{where}: test reports have no document type and no entities") from error
    except (ParseError, ValueError, LookupError) as error:
        raise InputError(f"{where}: expected XML: {error}") from error
    return gather(target.results, target.problem)


@dataclass(slots=True)
class _Suite:
    name: str
    stated: Mapping[str, int]
    direct: Counter[str] = field(default_factory=Counter)
    """How many tests, failures, errors and skipped are in this suite itself."""
    total: Counter[str] = field(default_factory=Counter)
    """The same, with those of suites inside."""
    names: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Case:
    name: str
    was_not_run: bool
    """An attribute says so. Tools differ in which of their counts such a test is."""
    found: Counter[str] = field(default_factory=Counter)


class _Target:
    """Takes what the parser meets; keeps names and counts, and no text."""

    def __init__(self, where: str) -> None:
        self.results: list[tuple[str, Outcome]] = []
        self.problem: str | None = None
        self._where = where
        self._path: list[str] = []
        self._suites: list[_Suite] = []
        self._case: _Case | None = None

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        if len(self._path) >= DEPTH_LIMIT:
            raise InputError(f"{self._where}: elements in more than {DEPTH_LIMIT} levels")
        above = self._path[-1] if self._path else None
        if (above is None) != (tag == _SUITES) and not (above is None and tag == _SUITE):
            raise InputError(f"{self._where}: expected <testsuites> or <testsuite>, found <{tag[:_SHOWN]}>")
        self._path.append(tag)
        if tag in {_SUITES, _SUITE}:
            self._begin_suite(above, attributes)
        elif tag == _CASE:
            self._begin_case(above, attributes)
        elif above == _CASE and self._case is not None:
            self._inside_case(self._case, tag)
        elif above in {_SUITE, _SUITES} and tag in _FAULTS:  # a class that could not be loaded
            self._count(shown_name(f"{self._suites[-1].name} ({tag})"), {_FAULTS[tag]: 1}, Outcome.FAILED)

    def end(self, tag: str) -> None:
        """An element ends."""
        self._path.pop()
        if tag == _CASE and self._case is not None:
            self._end_case(self._case)
            self._case = None
        elif tag in {_SUITE, _SUITES} and self._suites:
            self._end_suite(self._suites.pop())

    def data(self, text: str) -> None:
        """Text, which is what tests wrote."""

    def close(self) -> None:
        """The document ends."""

    def _begin_suite(self, above: str | None, attributes: Mapping[str, str]) -> None:
        if above not in {None, _SUITE, _SUITES}:
            raise InputError(f"{self._where}: a suite inside <{above}>")
        name = shown_name(attributes.get("name", ""))
        stated = {
            key: self._number(f"suite {name}: {key}", attributes[key])
            for key in ("tests", "failures", "errors", "skipped")
            if key in attributes
        }
        self._suites.append(_Suite(name=name, stated=stated))

    def _number(self, what: str, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(TEST_LIMIT))):
            raise InputError(f"{self._where}: {what}: expected a number of tests, found {text[:_SHOWN]!a}")
        return int(text)

    def _begin_case(self, above: str | None, attributes: Mapping[str, str]) -> None:
        if above != _SUITE:
            raise InputError(f"{self._where}: expected every test in a suite, found one in <{above}>")
        parts = (attributes.get("classname", "").strip(), attributes.get("name", "").strip())
        words = {attributes.get("status", "").lower(), attributes.get("result", "").lower()}
        name = shown_name(".".join(part for part in parts if part))
        self._case = _Case(name=name, was_not_run=not words.isdisjoint(_NOT_RUN))

    def _inside_case(self, case: _Case, tag: str) -> None:
        if tag in _FAULTS:
            case.found[_FAULTS[tag]] += 1
        elif tag == "skipped":
            case.found["skipped"] = 1
        elif tag not in _SILENT:
            self.problem = self.problem or f"{case.name}: <{shown_name(tag)[:_SHOWN]}> is not understood"

    def _end_case(self, case: _Case) -> None:
        faults = case.found["failures"] + case.found["errors"]
        silent = case.was_not_run or case.found["skipped"]
        outcome = Outcome.FAILED if faults else Outcome.SKIPPED if silent else Outcome.PASSED
        counts = {key: min(1, count) for key, count in case.found.items()}
        self._suites[-1].names.add(case.name)
        self._count(case.name, {"tests": 1, **counts}, outcome)

    def _count(self, name: str, counts: Mapping[str, int], outcome: Outcome) -> None:
        if len(self.results) >= TEST_LIMIT:
            raise InputError(f"{self._where}: more than {TEST_LIMIT:,} tests")
        self._suites[-1].direct.update(counts)
        self._suites[-1].total.update(counts)
        self.results.append((name, outcome))

    def _end_suite(self, suite: _Suite) -> None:
        for key, stated in suite.stated.items():
            possible = {suite.direct[key], suite.total[key]}
            if key == "tests":
                possible.add(len(suite.names))
            if stated not in possible:
                raise InputError(
                    f"{self._where}: suite {suite.name} states {stated} {key}, but holds {suite.total[key]}",
                    hint="it was cut or put together wrongly: export it anew",
                )
        if self._suites:
            self._suites[-1].total.update(suite.total)
            self._suites[-1].names |= suite.names

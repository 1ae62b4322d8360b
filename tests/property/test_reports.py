"""Laws of the readers of test reports: whatever is in a file, it is read or refused, and fakes no pass."""

from __future__ import annotations

import re
from xml.sax.saxutils import quoteattr

from hypothesis import given
from hypothesis import strategies as st

from release.errors import InputError
from release.reports.reading import read_report
from release.reports.report import NAME_LIMIT, Outcome, TestReport, combine

TAP = (
    "ok",
    "not ok",
    "ok 1",
    "not ok 2 - a # SKIP",
    "1..2",
    "1..0 # skip",
    "TAP version 14",
    "Bail out!",
    "#",
    "# Subtest: a",
    "    ok 1",
    "        1..1",
    "  ---",
    "  ...",
    "\\",
    "\\#",
    "# TODO",
    " ",
    "\r",
    "\n",
)
XML = (
    "<testsuites>",
    "<testsuite tests='1'>",
    "<testsuite>",
    "</testsuite>",
    "<testcase name='a'>",
    "<failure>",
    "</testcase>",
    "<error/>",
    "<skipped/>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?xml",
    "?>",
    "<testcase/>",
    "<!DOCTYPE a [<!ENTITY b 'c'>]>",
    "&b;",
    "&#0;",
    "&lt;",
    "\x00",
    "\ud7ff",
    "\x1b[2J",
    "\u202e",
    "<?xml version='1.0' encoding='utf-16'?>",
    "<?xml version='1.0' encoding='big5'?>",
)
PIECES = st.sampled_from(TAP + XML)
TEXTS = st.lists(st.one_of(PIECES, st.just("\n"), st.text(max_size=4)), max_size=40).map("".join)
NAMES = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters="#\\-&<>"), min_size=1, max_size=20
)


def read(data: bytes) -> TestReport | None:
    try:
        return read_report(data, "report")
    except InputError:
        return None


@given(st.one_of(st.binary(max_size=400), TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
                 TEXTS.map(lambda text: text.encode("utf-16", "surrogatepass"))))  # fmt: skip
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    report = read(data)
    if report is None:
        return
    names = [*report.passed, *report.failed, *report.skipped]
    assert len(set(names)) == len(names)
    assert all(name.isprintable() and 0 < len(name) <= NAME_LIMIT for name in names)
    assert report.ok == (report.problem is None and not report.failed and bool(report.passed))


def tap(results: list[tuple[str, Outcome]]) -> str:
    """A report without anything that is not needed."""
    lines = [f"1..{len(results)}"]
    for number, (name, outcome) in enumerate(results, start=1):
        status = "not ok" if outcome is Outcome.FAILED else "ok"
        lines.append(f"{status} {number} - {name}" + (" # SKIP" if outcome is Outcome.SKIPPED else ""))
    return "\n".join(lines) + "\n"


def junit(results: list[tuple[str, Outcome]]) -> str:
    """The same as XML."""
    inside = {Outcome.PASSED: "", Outcome.FAILED: "<failure/>", Outcome.SKIPPED: "<skipped/>"}
    cases = "".join(
        f"<testcase name={quoteattr(name)}>{inside[outcome]}</testcase>" for name, outcome in results
    )
    return f'<testsuite tests="{len(results)}">{cases}</testsuite>'


RESULTS = st.lists(st.tuples(NAMES, st.sampled_from(Outcome)), max_size=12, unique_by=lambda one: one[0])


@given(RESULTS)
def test_both_formats_tell_the_same(results: list[tuple[str, Outcome]]) -> None:
    first, second = read_report(tap(results).encode(), "a"), read_report(junit(results).encode(), "b")
    assert first == second
    assert set(first.failed) == {name for name, outcome in results if outcome is Outcome.FAILED}
    assert first.complete


@given(RESULTS, st.data())
def test_a_report_that_is_cut_off_never_passes_unless_only_its_end_is_missing(
    results: list[tuple[str, Outcome]], data: st.DataObject
) -> None:
    text = data.draw(st.sampled_from([tap, junit]))(results)
    cut = text[: data.draw(st.integers(0, max(0, len(text) - 2)))]
    report = read(cut.encode())
    if report is not None and report.ok:
        # the last line of TAP lost a part of its name, no test is missing
        assert len(re.findall(r"^ok", cut, re.MULTILINE)) == len(results)
        assert all(outcome is not Outcome.FAILED for _, outcome in results)


@given(RESULTS, RESULTS)
def test_a_combined_report_is_ok_only_when_each_is(
    first: list[tuple[str, Outcome]], second: list[tuple[str, Outcome]]
) -> None:
    one, other = (read_report(tap(results).encode(), "r") for results in (first, second))
    assert combine({"a": one, "b": other}).ok == (one.ok and other.ok)

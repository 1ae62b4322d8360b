from __future__ import annotations

import pytest

from release.errors import InputError
from release.reports.reading import read_report
from release.reports.report import NAME_LIMIT, REPORT_LIMIT, Outcome, TestReport, combine, gather, shown_name

GOOD = TestReport(passed=("boot",))


def test_a_report_is_ok_only_when_something_passed_nothing_failed_and_all_was_told() -> None:
    assert GOOD.ok
    assert not TestReport(passed=("boot",), failed=("update",)).ok
    assert not TestReport(passed=("boot",), problem="cut off").ok
    assert not TestReport(skipped=("boot",)).ok
    assert not TestReport().ok
    assert TestReport().summary == "0 passed, 0 failed, 0 skipped: nothing was tested"


def test_of_a_name_that_is_reported_twice_the_worst_counts() -> None:
    report = gather(
        [("a", Outcome.PASSED), ("a", Outcome.FAILED), ("b", Outcome.SKIPPED), ("b", Outcome.PASSED)]
    )
    assert (report.passed, report.failed, report.skipped) == (("b",), ("a",), ())


def test_reports_of_several_boards_are_one_report_whose_tests_say_which_board() -> None:
    both = combine({"amd64-usr": GOOD, "arm64-usr": TestReport(passed=("boot",), failed=("update",))})
    assert both.passed == ("amd64-usr: boot", "arm64-usr: boot")
    assert both.failed == ("arm64-usr: update",)
    assert combine({"amd64-usr": GOOD}) == GOOD


@pytest.mark.parametrize(
    "other", [TestReport(), TestReport(skipped=("boot",)), TestReport(passed=("boot",), problem="cut off")]
)
def test_a_board_that_was_not_tested_is_not_stood_for_by_another(other: TestReport) -> None:
    both = combine({"amd64-usr": GOOD, "arm64-usr": other})
    assert not both.ok
    assert both.problem is not None
    assert both.problem.startswith("arm64-usr: ")


def test_no_report_is_not_a_good_report() -> None:
    assert combine({}).problem == "no report"


def test_a_name_is_one_printable_line() -> None:
    assert shown_name("a\x1b[31m\tb\u202e  c\n") == "a?[31m b? c"
    assert shown_name(" \x00 ") == "?"
    assert shown_name("") == "(no name)"


def test_long_names_stay_different() -> None:
    first, second = shown_name("x" * 500 + "1"), shown_name("x" * 500 + "2")
    assert first != second
    assert len(first) == len(second) == NAME_LIMIT


def test_the_format_is_told_by_the_content() -> None:
    assert read_report(b"1..1\nok\n", "r").passed == ("test 1",)
    suite = "<testsuite><testcase name='a'/></testsuite>"
    for data in (suite.encode(), b"\xef\xbb\xbf \n" + suite.encode(), suite.encode("utf-16")):
        assert read_report(data, "r").passed == ("a",)


def test_a_report_beyond_the_limit_is_refused_unread() -> None:
    for start in (b"1..1\n", b"<testsuite>"):
        with pytest.raises(InputError, match="at most"):
            read_report(start.ljust(REPORT_LIMIT + 1), "r")

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from release.errors import InputError, ToolError
from release.process import run
from release.reports.junit import read_junit
from release.reports.report import DEPTH_LIMIT, TEST_LIMIT

TESTS = """\
import pytest

@pytest.fixture
def leaking():
    yield
    raise RuntimeError("teardown")

def test_double(leaking): assert 0
def test_teardown(leaking): pass
def test_fine(): pass
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail(strict=True)
def test_expected(): assert 0
@pytest.mark.parametrize("text", ["\\x1b[31m", "\\u202e", "x" * 300])
def test_text(text): print(text)
"""


def suite(inside: str, **counts: int) -> bytes:
    stated = " ".join(f'{key}="{count}"' for key, count in counts.items())
    return f'<testsuites><testsuite name="s" {stated}>{inside}</testsuite></testsuites>'.encode()


def test_a_report_that_pytest_wrote_is_read(tmp_path: Path) -> None:
    tests, report = tmp_path / "test_things.py", tmp_path / "report.xml"
    tests.write_text(TESTS)
    options = ["-q", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={tmp_path}"]
    with pytest.raises(ToolError, match="exit code 1"):
        run([sys.executable, "-m", "pytest", *options, f"--junitxml={report}", tests])
    found = read_junit(report.read_bytes(), "report.xml")
    assert found.failed == ("test_things.test_double", "test_things.test_teardown")
    assert found.skipped == ("test_things.test_expected", "test_things.test_skipped")
    assert len(found.passed) == 1 + 3
    assert found.complete
    assert all(name.isprintable() for name in found.passed)


def test_suites_inside_suites_are_read_and_counted_either_way() -> None:
    inner = '<testsuite name="i" tests="2" failures="1"><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>'  # noqa: E501 - one document
    for counts in ({"tests": 3, "failures": 1}, {"tests": 1, "failures": 0}, {}):
        report = read_junit(suite(inner + '<testcase classname="c" name="d"/>', **counts), "r")
        assert report.passed == ("a", "c.d")
        assert report.failed == ("b",)


@pytest.mark.parametrize(
    "counts", [{"tests": 3}, {"tests": 1}, {"failures": 0}, {"errors": 1}, {"skipped": 1}, {"tests": 0}]
)
def test_counts_that_contradict_the_tests_are_refused(counts: dict[str, int]) -> None:
    inside = '<testcase name="a"/><testcase name="b"><failure/></testcase>'
    with pytest.raises(InputError, match="states"):
        read_junit(suite(inside, **counts), "r")


@pytest.mark.parametrize("text", ["-1", "1e3", "½", "x", "9" * 5000, ""])
def test_a_count_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="number of tests"):
        read_junit(f'<testsuite tests="{text}"/>'.encode(), "r")


def test_googletest_leaves_tests_out_by_an_attribute() -> None:
    inside = '<testcase name="a" status="run"/><testcase name="b" status="notrun" result="suppressed"/>'
    assert read_junit(suite(inside, tests=2, skipped=0), "r").skipped == ("b",)


def test_a_class_that_could_not_be_loaded_has_failed() -> None:
    assert read_junit(
        suite('<testcase name="a"/><error message="import"/>', tests=1, errors=1), "r"
    ).failed == ("s (error)",)


def test_reruns_and_output_say_nothing_of_their_own() -> None:
    inside = '<testcase name="a"><flakyFailure/><system-out>x<failure/></system-out></testcase>'
    assert read_junit(suite(inside), "r").ok


def test_what_is_not_understood_in_a_test_is_not_passed() -> None:
    report = read_junit(suite('<testcase name="a"><aborted/></testcase>'), "r")
    assert report.problem == "a: <aborted> is not understood"
    assert not report.ok


def test_empty_suites_are_complete_and_have_not_passed() -> None:
    for text in (b"<testsuites/>", b"<testsuite/>", b"<testsuites><testsuite/></testsuites>"):
        report = read_junit(text, "r")
        assert report.complete
        assert not report.ok


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<",
        "<html/>",
        "<testsuite>",
        "<testsuite/><testsuite/>",
        "<testsuite/>trailing",
        '<?xml version="1.0" encoding="klingon"?><testsuite/>',
        '<?xml version="1.0" encoding="utf-7"?><testsuite/>',
        '<?xml version="1.0" encoding="rot13"?><testsuite/>',
        '<?xml version="1.0" encoding="gb18030"?><testsuite/>',
        "<testsuites><testcase name='a'/></testsuites>",
        "<testsuite><testcase name='a'><testsuite/></testcase></testsuite>",
        "<testsuite><testcase name='a'><testcase/></testcase></testsuite>",
        "<testsuite><properties><testsuites/></properties></testsuite>",
        "<x:testsuite/>",
        "<testsuite a='1' a='2'/>",
        "<testsuite>\x00</testsuite>",
    ],
)
def test_what_is_no_such_report_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_junit(text.encode(), "r")


@pytest.mark.parametrize(
    "dtd",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]>',
        "<!DOCTYPE testsuite>",
    ],
)
def test_a_document_type_is_refused_before_any_entity_is_read(dtd: str) -> None:
    with pytest.raises(InputError, match="no document type"):
        read_junit(f"{dtd}<testsuite>&b;</testsuite>".encode(), "r")


def test_what_is_deeper_or_longer_than_anybody_needs_is_refused() -> None:
    with pytest.raises(InputError, match="levels"):
        read_junit(b"<testsuite>" * (DEPTH_LIMIT + 1), "r")
    with pytest.raises(InputError, match="tests"):
        read_junit(b"<testsuite>" + b"<testcase/>" * (TEST_LIMIT + 1), "r")
    with pytest.raises(InputError, match="tests"):
        read_junit(b"<testsuite>" + b"<error/>" * (TEST_LIMIT + 1), "r")


def test_a_huge_token_takes_no_more_than_linear_time() -> None:
    read_junit(b"<testsuite name='" + b"x" * 8_000_000 + b"'/>", "r")

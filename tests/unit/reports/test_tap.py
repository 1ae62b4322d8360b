"""Examples of the specification (https://testanything.org), of kola, and what must not count as passed."""

from __future__ import annotations

import pytest

from release.errors import InputError
from release.reports.report import DEPTH_LIMIT, TEST_LIMIT
from release.reports.tap import read_tap

KOLA = """\
1..4
ok - coreos.auth.verify
not ok - cl.filesystem
  ---
  Error: "--- FAIL: cl.filesystem/deadlinks (1.86s)\\n            files.go:90: Dead symbolic links found"
  ...
ok - cl.cloudinit.script
ok - kubeadm.v1.22.0.flannel.base # SKIP
"""
MERGED = """\
1..3
ok - Version: 4593.0.0, Architecture: amd64
   ---
   Platforms tested: qemu_uefi aws
   ...
ok - cl.basic
   ---
   Succeeded: aws (1); qemu_uefi (1)
   ...
not ok - cl.update.payload
   ---
   Failed: qemu_uefi (1, 2)
   Error messages for qemu_uefi, run 2:
      L1: "not ok - something that a test said"
   ...
"""
"""As Flatcar's CI merges the reports of several platforms: diagnostics are indented by three."""


def problem(text: str) -> str:
    report = read_tap(text.encode(), "report.tap")
    assert not report.complete
    assert not report.ok
    return report.problem or ""


def test_kola_writes_its_plan_first_and_no_numbers() -> None:
    report = read_tap(KOLA.encode(), "report.tap")
    assert report.passed == ("cl.cloudinit.script", "coreos.auth.verify")
    assert report.failed == ("cl.filesystem",)
    assert report.skipped == ("kubeadm.v1.22.0.flannel.base",)
    assert report.complete


def test_a_merged_report_with_other_indentation_is_read_and_diagnostics_are_not() -> None:
    report = read_tap(MERGED.encode(), "report.tap")
    assert report.failed == ("cl.update.payload",)
    assert report.passed == ("Version: 4593.0.0, Architecture: amd64", "cl.basic")
    assert report.complete


@pytest.mark.parametrize("head", ["", "TAP version 13\n", "TAP version 14\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_version_and_any_line_end_is_read(head: str, end: str) -> None:
    text = f"{head}ok 1 - a\nok 2 b\n# a comment\n\nnoise\npragma +strict\n1..2 # that is all\n"
    report = read_tap(text.replace("\n", end).encode(), "report.tap")
    assert report.ok
    assert report.passed == ("a", "b")


def test_directives_are_told_from_text_as_the_specification_does() -> None:
    text = """\
TAP version 14
1..12
ok 1 - hello # todo
ok 2 - hello \\# todo
ok 3 - hello # todo hash \\# character
ok 4 - hello \\\\\\\\\\\\\\# todo
ok 5 - hello # description # todo
not ok 6 - later # Skipped: only on windows
not ok 7 - url https://example.com/page.html#skip is a url
ok 8 - #SkIp case insensitive
ok 9 # skip no reason
not ok 10
ok 11 -
ok 12 -dash
"""
    report = read_tap(text.encode(), "report.tap")
    assert report.skipped == ("hello", "later", "test 8", "test 9")
    assert report.failed == ("test 10", "url https://example.com/page.html#skip is a url")
    assert set(report.passed) == {
        "-dash",
        "hello # description # todo",
        "hello # todo",
        "hello \\\\\\# todo",
        "test 11",
    }
    assert report.complete


def test_tests_may_come_in_any_order() -> None:
    assert read_tap(b"1..3\nok 2\nok 3\nok 1\n", "report.tap").ok


def test_a_report_that_skips_everything_is_complete_and_has_not_passed() -> None:
    for text in ("1..0 # SKIP not installed\n", "1..1\nok 1 # SKIP\n"):
        report = read_tap(text.encode(), "report.tap")
        assert report.complete
        assert not report.ok


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no plan"),
        ("ok 1\nok 2\n", "no plan"),
        ("<html>\n404 not found\n", "no plan"),
        ("1..6\nok\nok\n", "6 tests were planned, 2 are reported"),
        ("1..1\nok\nok\n", "1 tests were planned, 2 are reported"),
        ("1..2\nok 1\nok 1\n", "test 1 is reported twice"),
        ("1..2\nok 2\nok\n", "test 2 is reported twice"),
        ("1..3\nok 2\nok 4\nok 1\n", "test 4 is not one of the 3"),
        ("1..2\nok 0\nok 1\n", "test 0"),
        ("5..8\nok 5\n", "not 1..N"),
        ("1..1\n1..1\nok\n", "two plans"),
        ("ok\n1..1\nok\n", "after the plan"),
        (f"1..{'9' * 5000}\nok\n", "not 1..N"),
        (f"1..1\nok {'9' * 5000}\n", "no plan has"),
        ("1..3\nok\nBail out! Couldn't connect\n", "bailed out: Couldn't connect"),
        ("1..1\nok\nbail OUT!\n", "bailed out"),
        ("1..1\nok\n  ---\n  a: b\n", "without an end"),
        ("1..2\nok\n  ---\n  a: b\nnot ok 2 - hidden\n", "without an end"),
        ("1..1\nNOT OK 1 - shouted\n", "1 tests were planned, 0 are reported"),
    ],
)
def test_what_is_cut_off_or_contradicts_its_plan_is_not_complete(text: str, why: str) -> None:
    assert why in problem(text)


def test_a_failure_behind_diagnostics_that_never_end_is_found() -> None:
    assert read_tap(b"1..2\nok\n  ---\n  a: b\nnot ok 2 - hidden\n", "r").failed == ("hidden",)


def test_subtests_are_reported_in_the_place_of_their_test() -> None:
    text = """\
TAP version 14
1..4
# Subtest: foo.tap
    1..2
    ok 1
    ok 2 - this passed
ok 1 - foo.tap
# Subtest: bar.tap
    ok 1 - a Bar
    not ok 2 - is Bar
      ---
      found: false
      not ok 3 - in diagnostics
      ...
    ok 3 - can bar bears # TODO
    1..3
not ok 2 - bar.tap
  ---
  fail: 1
  ...
        ok 1 - nested twice
        1..1
    ok 1 - parent
    1..1
ok 3 - double
# Subtest: empty
    1..0
ok 4 - empty
"""
    report = read_tap(text.encode(), "report.tap")
    assert report.passed == ("bar.tap / a Bar", "double / parent / nested twice", "foo.tap / test 1",
                             "foo.tap / this passed")  # fmt: skip
    assert report.failed == ("bar.tap / is Bar",)
    assert report.skipped == ("bar.tap / can bar bears", "empty")
    assert report.complete


def test_a_test_that_says_ok_over_failed_subtests_has_failed() -> None:
    assert read_tap(b"1..1\n    1..1\n    not ok 1 - x\nok 1 - a\n", "r").failed == ("a / x",)


def test_a_test_that_fails_though_its_subtests_passed_has_failed() -> None:
    assert read_tap(b"1..1\n    1..1\n    ok 1 - x\nnot ok 1 - a\n", "r").failed == ("a",)


def test_a_skipped_test_skips_its_subtests() -> None:
    report = read_tap(b"1..1\n    1..1\n    not ok 1 - x\nok 1 - a # SKIP flaky\n", "r")
    assert (report.failed, report.skipped) == ((), ("a",))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1..1\n    1..2\n    ok 1 - x\nok 1 - a\n", "a: 2 tests were planned, 1 are reported"),
        ("1..1\n    ok 1 - x\nok 1 - a\n", "a: there is no plan"),
        ("1..1\nok 1 - a\n    1..1\n    ok 1 - x\n", "belong to no test"),
        ("1..1\n        1..1\n        ok 1 - x\nok 1 - a\n", "belong to no test"),
        ("1..1\n    1..1\n    Bail out! now\n    ok 1\nok 1\n", "bailed out: now"),
    ],
)
def test_subtests_that_are_not_complete_make_the_report_so(text: str, why: str) -> None:
    assert why in problem(text)


def test_what_is_deeper_or_longer_than_anybody_needs_is_refused() -> None:
    with pytest.raises(InputError, match="levels"):
        read_tap((" " * 4 * (DEPTH_LIMIT + 1) + "ok 1\n").encode(), "r")
    with pytest.raises(InputError, match="tests"):
        read_tap(b"ok\n" * (TEST_LIMIT + 1), "r")


def test_a_hostile_line_takes_no_more_than_linear_time() -> None:
    for line in (b"ok " + b" " * 1_000_000 + b"x", b"ok " + b"#" * 1_000_000, b"ok " + b"\\#" * 500_000,
                 b"1..1 " + b"#" * 1_000_000, b"1" * 1_000_000 + b"..1"):  # fmt: skip
        read_tap(line, "r")

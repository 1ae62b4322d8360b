from __future__ import annotations

from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from release.bundle.change import ChangeKind
from release.notes.fault import RULES, Level
from release.notes.fragments import parse_fragment
from release.notes.lint import lint_changelog

TODAY = date(2026, 8, 28)
GOOD = "changes/2026-08-07-a-change.md"


def rules(text: str | bytes, path: str = GOOD) -> list[tuple[int, str]]:
    data = text if isinstance(text, bytes) else text.encode()
    return [(fault.line, fault.rule) for fault in lint_changelog([(path, data)], TODAY)]


def test_a_good_fragment_has_no_faults() -> None:
    text = """- Linux ([6.12.1](https://example.org/(a)) (includes [6.12.0](https://example.org/b)))
- A change with `code [` and
  ```
  a fence
  ```
  and [CVE-2026-12345](https://nvd.nist.gov/vuln/detail/CVE-2026-12345)
    - a list in it
"""
    assert rules(text) == []
    assert rules("- a\r\n  b\r\n", "breaking/2026-08-29-tomorrow.md") == []


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("2026-08-07-words", "suffix"),
        ("2026-08-words.md", "day"),
        ("2026-04-38-words.md", "date"),
        ("2026-02-30-words.md", "date"),
        ("3035-08-06-weekly-updates.md", "future"),
        ("2026-08-30-words.md", "future"),
        ("2026-8-7-words.md", "digits"),
        (" 2026-08-07-words.md", "name"),
        ("2026-08-07-two words.md", "name"),
        ("2026-08-07.md", "name"),
        ("words.md", "name"),
        ("0000-01-01-words.md", "date"),
    ],
)
def test_a_name_says_when_and_what(name: str, rule: str) -> None:
    assert rules("- a\n", f"changes/{name}") == [(1, rule)]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", [(1, "empty")]),
        ("\n\n", [(1, "empty")]),
        ("words\n", [(1, "empty"), (1, "item")]),
        ("- a\n#### Updates:\n", [(2, "item")]),
        (" - a\n - b\n", [(1, "indent")]),
        ("- a\n* b\n", [(2, "mark")]),
        ("- a\n  ```\n  b\n", [(2, "fence")]),
        ("- a\n- b\n  TODO: c\n", [(3, "marker")]),
        ("- a\x1b[31m\n", [(1, "character"), (1, "link-unclosed")]),
        ("- a\u202eb\n", [(1, "character")]),
        ("- a\n- b (c\n", [(2, "brackets")]),
        ("- a\n- b\n- a\n", [(3, "duplicate")]),
        ("- [a](javascript:alert(1))\n", [(1, "link-address")]),
        ("- <javascript:alert(1)>\n", [(1, "link-address")]),
        ("- [a](//example.org/)\n", [(1, "link-address")]),
        ("- [a](b.md)\n", [(1, "link-address")]),
        ("- [a]()\n", [(1, "link-address")]),
        ("- a\n  [](https://example.org/)\n", [(2, "link-words")]),
        ("- a [b] (https://example.org/)\n", [(1, "link-detached")]),
        ("- curl (CVE-2026-XXXX)\n", [(1, "cve")]),
        ("- curl (cve-2026-12345)\n", [(1, "cve-case")]),
        ("- curl (CVE-2026-12345,\n  CVE-2026-12345)\n", [(1, "cve-twice")]),
        ("- [CVE-2026-1111](https://e/CVE-2026-2222)\n", [(1, "cve-address")]),
        (b"- a\n- \xff\n", [(2, "encoding")]),
        (b"- " + b"x" * 300_000, [(1, "size")]),
    ],
)
def test_what_a_fragment_says_is_checked(text: str | bytes, faults: list[tuple[int, str]]) -> None:
    assert rules(text) == faults


def test_the_same_change_in_two_fragments_is_found_in_the_later_one() -> None:
    files = [("updates/2026-08-08-b.md", b"- x\n- Go  (1)\n"), ("updates/2026-08-07-a.md", b"- Go (1)\n")]
    (fault,) = lint_changelog(files, TODAY)
    assert str(fault) == (
        "updates/2026-08-08-b.md:2: warning: duplicate: found what updates/2026-08-07-a.md:1 says, too,"
        " expected each change told once; remove one of them"
    )


def test_a_directory_is_of_a_kind() -> None:
    assert rules("- a\n", "bugfix/2026-08-07-a.md") == [(1, "kind")]


def test_every_rule_says_what_to_do() -> None:
    assert all(rule.expected and rule.mend for rule in RULES.values())


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="-*` \tab\n[](:/\u202e", max_size=30))
@example("- a\n ```\nb")
def test_what_has_no_errors_is_read(text: str) -> None:
    """The linter is at least as strict as what reads fragments for notes."""
    faults = lint_changelog([(GOOD, text.encode())], TODAY)
    if not any(fault.level is Level.ERROR for fault in faults):
        assert parse_fragment(ChangeKind.CHANGES, GOOD, text.encode()).items

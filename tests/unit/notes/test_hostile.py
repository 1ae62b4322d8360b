"""Texts that took minutes or more to read, for the time grew with their square or cube; now they are read."""

from __future__ import annotations

from datetime import date

import pytest

from release.notes.links import Malformation, read_links
from release.notes.lint import lint_changelog
from release.notes.promises import promises_in, updates_in

LONG = 250_000
"""Characters; no more than 262,144 are allowed."""


def repeated(part: str) -> str:
    return part * (LONG // len(part))


@pytest.mark.parametrize(
    "item",
    [
        "a\n" + repeated("\t\n") + "b",
        "a (" + repeated("a-1.a") + "!)",
        "a (" + repeated("-1.1") + "ü)",
        repeated("b 1 ")[: LONG // 2] + repeated("(x) ")[: LONG // 2],
        "".join(f"a{number}, " for number in range(LONG // 14)) + repeated("1.1 ")[: LONG // 2],
    ],
    ids=["blank lines", "versions in a word", "a word that ends otherwise", "numbers, then asides", "names"],
)
def test_any_item_for_updates_is_read(item: str) -> None:
    assert promises_in(updates_in(f"## Updates\n\n- {item}\n"))


def test_an_item_of_many_names_and_versions_promises_the_highest_of_each() -> None:
    found = promises_in(updates_in("## Updates\n\n- a, b, c: d, e 1.2 1.10 1.9\n- f 3.0\n- f (4.0)\n"))
    assert [(one.name, one.version) for one in found] == [
        ("d", "1.10"), ("e", "1.10"), ("f", "3.0"), ("f", "4.0"),
    ]  # fmt: skip


def test_an_item_below_another_is_found_after_blank_lines() -> None:
    found = promises_in(updates_in("## Updates\n\n- a 1.0\n\n  \n\t - b 2.0\n  text\n\n  1. c 3.0\n"))
    assert {(one.name, one.version) for one in found} >= {("a", "1.0"), ("b", "2.0"), ("c", "3.0")}


@pytest.mark.parametrize(
    ("text", "links", "kinds"),
    [
        ("[a](" + " " * LONG + "x", 0, {Malformation.BROKEN_ADDRESS}),
        ("[a](b" + " " * LONG + '"x', 0, {Malformation.BROKEN_ADDRESS}),
        (repeated("(a)[http://"), 0, {Malformation.UNCLOSED}),
        ("".join("`" * length + "a" for length in range(1, 700)), 0, set()),
        ("".join("`" * length + "a" for length in range(700, 0, -1)), 0, set()),
        ("[" * 40_000 + "a" + "](b)" * 40_000, 40_000, set()),
        ("[" * 120_000 + "a" + "]" * 120_000, 0, {Malformation.NO_ADDRESS}),
    ],
    ids=["blanks", "blanks and a title", "reversed", "code", "code downwards", "links in links", "brackets"],
)
def test_any_links_are_read(text: str, links: int, kinds: set[Malformation]) -> None:
    read = read_links(text)
    assert len(read.links) == links
    assert {bad.what for bad in read.malformed} == kinds
    assert len(read.rest) == len(text)
    assert all(len(link.words) <= 500 for link in read.links)


@pytest.mark.parametrize(
    ("item", "rule", "count"),
    [
        ("".join(f"CVE-{number} " for number in range(20_000)), "cve", 20_000),
        ("".join(f"CVE-2020-{number:05} " * 2 for number in range(7_500)), "cve-twice", 7_500),
        ("".join(f"cve-2020-{number:05} " for number in range(15_000)), "cve-case", 15_000),
        ("[" * 40_000 + "a" + "](b)" * 40_000, "link-address", 40_000),
    ],
)
def test_any_fragment_is_checked(item: str, rule: str, count: int) -> None:
    faults = lint_changelog([("security/2026-08-07-a.md", f"- {item}\n".encode())], date(2026, 8, 28))
    assert sum(fault.rule == rule for fault in faults) == count


def test_faults_of_identifiers_are_told_where_they_begin() -> None:
    item = (
        "- ß CVE-2026-1111\n  CVE-2?\n  cve-2026-1112 CVE-2026-1113\n  CVE-2026-1113 CVE-XXXX Cve-2026-1114\n"
    )
    faults = lint_changelog([("security/2026-08-07-a.md", item.encode())], date(2026, 8, 28))
    assert [(fault.line, fault.rule, fault.found) for fault in faults if fault.rule.startswith("cve")] == [
        (2, "cve", "'CVE-2?'"),
        (3, "cve-case", "'cve-2026-1112'"),
        (3, "cve-twice", "CVE-2026-1113 2 times"),
        (4, "cve", "'CVE-XXXX'"),
        (4, "cve-case", "'Cve-2026-1114'"),
    ]

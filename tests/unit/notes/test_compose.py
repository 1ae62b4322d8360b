from __future__ import annotations

import re

import pytest

from release.bundle.change import Change, ChangeKind
from release.errors import InputError
from release.notes.changes import told_items
from release.notes.compose import Baseline, compose_notes, record_changes
from release.notes.fragments import Fragment, parse_fragment

NAMELESS = (Baseline(),)


def fragment(kind: ChangeKind, name: str, text: str) -> Fragment:
    return parse_fragment(kind, f"{kind}/{name}", text.encode())


FRAGMENTS = (
    fragment(ChangeKind.UPDATES, "2026-08-01-a.md", "- Linux (6.12)\n"),
    fragment(ChangeKind.CHANGES, "2026-08-02-b.md", "- Added a thing\n"),
    fragment(ChangeKind.SECURITY, "2026-08-03-c.md", "- Linux (CVE-2026-1)\n"),
    fragment(ChangeKind.BUGFIXES, "2026-08-04-d.md", "- Fixed it\n"),
    fragment(ChangeKind.ACTION_REQUIRED, "2026-08-05-e.md", "- Turn the knob\n"),
    fragment(ChangeKind.BREAKING, "2026-08-06-f.md", "- Dropped the lever\n"),
)
NOTES = (
    "_Changes since **Alpha 4757.0.0**_\n\n"
    "#### Breaking changes:\n\n- Dropped the lever\n\n"
    "#### Action required:\n\n- Turn the knob\n\n"
    "#### Security fixes:\n\n- Linux (CVE-2026-1)\n\n"
    "#### Bug fixes:\n\n- Fixed it\n\n"
    "#### Changes:\n\n- Added a thing\n\n"
    "#### Updates:\n\n- Linux (6.12)\n"
)


def told(*items: str) -> frozenset[str]:
    return frozenset(Change.of(ChangeKind.CHANGES, item).id for item in items)


def test_notes_have_the_sections_in_order_below_the_baseline() -> None:
    assert compose_notes(FRAGMENTS, [Baseline(name="Alpha 4757.0.0")]) == NOTES


def test_what_is_composed_is_read_back_as_it_was() -> None:
    assert {(one.kind, one.text) for one in told_items(NOTES)} == {
        (one.kind, item) for one in FRAGMENTS for item in one.items
    }


def test_every_baseline_gets_a_part_of_what_it_does_not_have() -> None:
    known = told("- Linux (CVE-2026-1)", "- Added a thing", "- Turn the knob", "- Fixed it")
    both = [Baseline(name="Beta 1.0.0", told=known), Baseline(name="Alpha 2.0.0", told=known | told("- a"))]
    sections = "\n\n#### Breaking changes:\n\n- Dropped the lever\n\n#### Updates:\n\n- Linux (6.12)\n"
    assert compose_notes(FRAGMENTS, both) == (
        f"_Changes since **Beta 1.0.0**_{sections}\n_Changes since **Alpha 2.0.0**_{sections}"
    )


def test_the_order_of_the_fragments_does_not_matter_but_their_day_and_name_do() -> None:
    days = ["2026-08-10-a.md", "2026-8-9-z.md", "2026-08-10-b.md", "2025-12-x.md"]
    fragments = [fragment(ChangeKind.CHANGES, name, f"- {name}\n") for name in days]
    notes = compose_notes(fragments, NAMELESS)
    assert notes == compose_notes(reversed(fragments), NAMELESS)
    assert re.findall(r"^- (.*)$", notes, re.MULTILINE) == [
        "2025-12-x.md",
        "2026-8-9-z.md",
        "2026-08-10-a.md",
        "2026-08-10-b.md",
    ]


def test_what_is_there_twice_is_told_once_where_it_comes_first() -> None:
    fragments = [
        fragment(ChangeKind.UPDATES, "2026-08-01-a.md", "- Go (1.20)\n- zlib (1.3)\n"),
        fragment(ChangeKind.UPDATES, "2026-08-02-b.md", "*  Go   (1.20)\n- bash (5.2)\n"),
        fragment(ChangeKind.SECURITY, "2026-08-03-c.md", "- zlib (1.3)\n"),
    ]
    assert compose_notes(fragments, NAMELESS) == (
        "#### Security fixes:\n\n- zlib (1.3)\n\n#### Updates:\n\n- Go (1.20)\n- bash (5.2)\n"
    )
    kinds = [one.kind for one in record_changes(fragments, NAMELESS) if one.text == "- zlib (1.3)"]
    assert kinds == [ChangeKind.SECURITY]


def test_notes_without_fragments_say_so() -> None:
    assert (
        compose_notes([], [Baseline(name="Alpha 1.0.0")])
        == "_Changes since **Alpha 1.0.0**_\n\nNo changes were recorded.\n"
    )


@pytest.mark.parametrize("name", ["", "x" * 90, "Alpha\n# 1", "**1**", "<b>"])
def test_a_baseline_is_a_few_plain_words(name: str) -> None:
    with pytest.raises(InputError, match="baseline"):
        Baseline(name=name)


def test_the_record_has_words_for_what_is_new_and_for_what_must_not_be_missed() -> None:
    every = told(*(item for one in FRAGMENTS for item in one.items))
    new = every - told("- Linux (6.12)")
    record = record_changes(FRAGMENTS, [Baseline(told=new), Baseline(told=every)])
    assert [one.id for one in record] == sorted(every)
    assert {one.text for one in record} == {"", "- Linux (6.12)", "- Dropped the lever", "- Turn the knob"}

from __future__ import annotations

import re
from pathlib import Path

import pytest

from release.errors import InputError
from release.notes.fragments import (
    FRAGMENT_LIMIT,
    Fragment,
    FragmentKind,
    compose_notes,
    parse_fragment,
    read_fragments,
)

GOOD = "changes/2026-08-07-a-change.md"


def fragment(kind: FragmentKind, name: str, text: str) -> Fragment:
    return parse_fragment(kind, f"{kind}/{name}", text.encode())


def test_notes_have_the_sections_in_order_below_the_baseline() -> None:
    fragments = [
        fragment(FragmentKind.UPDATES, "2026-08-01-a.md", "- Linux (6.12)\n"),
        fragment(FragmentKind.CHANGES, "2026-08-02-b.md", "- Added a thing\n"),
        fragment(FragmentKind.SECURITY, "2026-08-03-c.md", "- Linux (CVE-2026-1)\n"),
        fragment(FragmentKind.BUGFIXES, "2026-08-04-d.md", "- Fixed it\n"),
    ]
    assert compose_notes(fragments, "Alpha 4757.0.0") == (
        "_Changes since **Alpha 4757.0.0**_\n\n"
        "#### Security fixes:\n\n- Linux (CVE-2026-1)\n\n"
        "#### Bug fixes:\n\n- Fixed it\n\n"
        "#### Changes:\n\n- Added a thing\n\n"
        "#### Updates:\n\n- Linux (6.12)\n"
    )


def test_the_order_of_the_fragments_does_not_matter_but_their_day_and_name_do() -> None:
    days = ["2026-08-10-a.md", "2026-8-9-z.md", "2026-08-10-b.md", "2025-12-x.md"]
    fragments = [fragment(FragmentKind.CHANGES, name, f"- {name}\n") for name in days]
    notes = compose_notes(fragments, None)
    assert notes == compose_notes(reversed(fragments), None)
    assert re.findall(r"^- (.*)$", notes, re.MULTILINE) == [
        "2025-12-x.md",
        "2026-8-9-z.md",
        "2026-08-10-a.md",
        "2026-08-10-b.md",
    ]


def test_what_is_there_twice_is_told_once_where_it_came_first() -> None:
    fragments = [
        fragment(FragmentKind.UPDATES, "2026-08-01-a.md", "- Go (1.20)\n- zlib (1.3)\n"),
        fragment(FragmentKind.UPDATES, "2026-08-02-b.md", "*  Go   (1.20)\n- bash (5.2)\n"),
    ]
    assert compose_notes(fragments, None) == "#### Updates:\n\n- Go (1.20)\n- zlib (1.3)\n- bash (5.2)\n"


def test_notes_without_fragments_say_so() -> None:
    assert (
        compose_notes([], "Alpha 1.0.0") == "_Changes since **Alpha 1.0.0**_\n\nNo changes were recorded.\n"
    )


@pytest.mark.parametrize("baseline", ["", "x" * 90, "Alpha\n# 1", "**1**", "<b>"])
def test_a_baseline_is_a_few_plain_words(baseline: str) -> None:
    with pytest.raises(InputError, match="baseline"):
        compose_notes([], baseline)


def test_an_item_keeps_its_further_lines_and_loses_common_indentation() -> None:
    text = " - First\n   more\n\n   ```\n   code\n   ```\n - Second\r\n   - nested\r\n"
    assert fragment(FragmentKind.CHANGES, "2026-08-07-a.md", text).items == (
        "- First\n  more\n\n  ```\n  code\n  ```",
        "- Second\n  - nested",
    )


@pytest.mark.parametrize(
    ("where", "data", "message"),
    [
        (GOOD, b"- ok\ntext\n", r"a-change\.md:2: expected a list item .* found 'text'"),
        (GOOD, b"- ok\n#### Updates:\n", r":2: expected a list item"),
        (GOOD, b"\n \n", r":1: expected at least one list item"),
        (GOOD, b"", r":1: expected at least one list item"),
        (GOOD, b"- ok\n- \xff\n", r":2: expected UTF-8, found byte 0xff"),
        (GOOD, b"- ok\n- \x1b[31m\n", r":2: the character U\+001B"),
        (GOOD, "- ok\n\n- a\u202eb\n".encode(), r":3: the character U\+202E"),
        (GOOD, b"- a\n  ```\n  code\n", r"the code fence in '- a' is never closed"),
        (GOOD, b"- " + b"x" * FRAGMENT_LIMIT, r"expected at most 262144 bytes, found 262146"),
        ("changes/no-date.md", b"- ok\n", r"expected a name like .* found 'no-date.md'"),
        ("changes/2026.md", b"- ok\n", r"expected a name like"),
    ],
)
def test_a_wrong_fragment_is_refused_with_file_and_line(where: str, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_fragment(FragmentKind.CHANGES, where, data)


def test_a_directory_is_read_without_hidden_files_and_other_files(tmp_path: Path) -> None:
    for kind in ("updates", "security"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / ".gitkeep").touch()
        (tmp_path / kind / "2026-08-07-a.md").write_text("- a\n")
    (tmp_path / "README.md").write_text("about\n")
    (tmp_path / ".hidden").mkdir()
    kinds = [item.kind for item in read_fragments(tmp_path)]
    assert kinds == [FragmentKind.SECURITY, FragmentKind.UPDATES]


def test_a_directory_that_is_no_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bugfix").mkdir()
    with pytest.raises(InputError, match=r"bugfix: not a kind of change; expected one of security, bugfixes"):
        read_fragments(tmp_path)


def test_a_missing_directory_and_a_directory_for_a_fragment_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_fragments(tmp_path / "none")
    (tmp_path / "updates" / "2026-08-07-a.md").mkdir(parents=True)
    with pytest.raises(InputError, match="Is a directory"):
        read_fragments(tmp_path)


def test_an_oversized_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "updates").mkdir()
    with (tmp_path / "updates" / "2026-08-07-a.md").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="expected at most 262144 bytes"):
        read_fragments(tmp_path)

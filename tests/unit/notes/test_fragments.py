from __future__ import annotations

from pathlib import Path

import pytest

from release.bundle.change import ChangeKind
from release.errors import InputError
from release.notes.fragments import (
    FRAGMENT_LIMIT,
    Fragment,
    parse_fragment,
    read_fragments,
)

GOOD = "changes/2026-08-07-a-change.md"


def fragment(kind: ChangeKind, name: str, text: str) -> Fragment:
    return parse_fragment(kind, f"{kind}/{name}", text.encode())


def test_an_item_keeps_its_further_lines_and_loses_common_indentation() -> None:
    text = " - First\n   more\n\n   ```\n   code\n   ```\n - Second\r\n   - nested\r\n"
    assert fragment(ChangeKind.CHANGES, "2026-08-07-a.md", text).items == (
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
        parse_fragment(ChangeKind.CHANGES, where, data)


def test_a_directory_is_read_without_hidden_files_and_other_files(tmp_path: Path) -> None:
    for kind in ("updates", "security"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / ".gitkeep").touch()
        (tmp_path / kind / "2026-08-07-a.md").write_text("- a\n")
    (tmp_path / "README.md").write_text("about\n")
    (tmp_path / ".hidden").mkdir()
    kinds = [item.kind for item in read_fragments(tmp_path)]
    assert kinds == [ChangeKind.SECURITY, ChangeKind.UPDATES]


def test_a_directory_that_is_no_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bugfix").mkdir()
    with pytest.raises(InputError, match="bugfix: not a kind of change; expected one of breaking, act"):
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

"""What the step that builds pages says of it."""

from __future__ import annotations

from release.line.pages import Rendered


def test_lists_that_could_not_be_read_are_named() -> None:
    files = {"index.html": b"", "index.json": b""}
    assert Rendered(files=files).line(1) == "2 files, 1 of them new or changed"
    assert Rendered(files=files, unread=("a/b.txt: missing", "c: torn")).line(0, 3) == (
        "2 files, 0 of them new or changed, 3 removed; not read: a/b.txt: missing; not read: c: torn"
    )

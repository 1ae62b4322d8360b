"""Taking back what was told of an issue, and white space where words belong, by the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.refusal import REFUSED
from tests.e2e.test_corrections import correction, read, said
from tests.small_yard import NEW, OLD, SmallYard


def test_a_wrong_fix_is_taken_back(released_yard: SmallYard, capsys: pytest.CaptureFixture[str]) -> None:
    yard, ada = released_yard, released_yard.secret("ada")
    what = ["--title", "Does not boot", "--text", "With two disks.", "--affects", str(OLD), *ada]
    said(yard, capsys, "issues", "open", "no-boot", *what, "--workaround", "Take one disk.")
    update = ["issues", "update", "no-boot", *ada]
    said(yard, capsys, *update, "--state", "fixed", "--fixed-in", str(NEW))
    both = [*update, "--not-fixed", "--fixed-in", str(NEW)]
    assert "give one of them" in said(yard, capsys, *both, code=REFUSED)
    assert "how far it is (--state)" in said(yard, capsys, *update, "--not-fixed", code=REFUSED)
    back = read(yard, capsys, *update, "--not-fixed", "--state", "investigating", "--workaround", "")
    assert (back["state"], back["affected"], back["fixed_in"]) == ("investigating", [str(OLD)], [])
    assert back["workaround"] == ""
    assert "no release has a fix" in said(yard, capsys, "issues", "show", "no-boot")


def test_white_space_is_refused_where_words_belong(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    yard, path = released_yard, tmp_path / "notes.md"
    path.write_text("# New\n")
    blank = [" " if one == "Name the CVE" else one for one in correction(yard, path)]
    for more in ([], ["--dry-run"]):
        told = said(yard, capsys, *blank, *more, code=REFUSED)
        assert "summary: says nothing, only white space" in told
    assert not (yard.mirror / "releases" / str(OLD) / "notes").exists()
    opened = ["issues", "open", "x", "--affects", str(OLD), *yard.secret("ada")]
    assert "title: says nothing" in said(yard, capsys, *opened, "--title", " ", "--text", "T", code=REFUSED)
    assert "text: says nothing" in said(yard, capsys, *opened, "--title", "T", "--text", "\n", code=REFUSED)

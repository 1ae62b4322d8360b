"""`humpyard notes lint` and `preview` on a yard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from release.bundle.change import ChangeKind
from release.bundle.document import decode
from release.cli.main import run
from tests.small_yard import NEW, OLD, SmallYard


def test_lint_says_file_line_and_mend_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "updates" / "3035-08-06-weekly-updates.md"
    path.parent.mkdir()
    path.write_text("- Go (1.26)\n  \x1b[31mred\n")
    assert run(["notes", "lint", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert f"{path}:1: error: future: found 3035-08-06, expected a date that has come; put" in shown.out
    assert f"{path}:2: error: character: found U+001B" in shown.out
    assert "\x1b" not in shown.out
    assert shown.out.endswith("1 fragment: 3 errors, 0 warnings\n")
    assert "3 errors in changelog fragments" in shown.err
    assert run(["notes", "lint", str(tmp_path), "--json"]) == 1
    assert {one["rule"] for one in json.loads(capsys.readouterr().out)} == {
        "future",
        "character",
        "link-unclosed",
    }


def test_warnings_alone_do_not_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes" / "2026-8-6-a.md").write_text("- A thing\n")
    assert run(["notes", "lint", str(tmp_path)]) == 0
    assert "warning: digits" in capsys.readouterr().out


def test_preview_shows_what_the_next_release_of_a_channel_would_tell(
    small_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (small_yard.root / "changelog" / "action_required").is_dir()
    (small_yard.root / "changelog" / "breaking" / "2026-01-02-lever.md").write_text("- Dropped the lever\n")
    assert small_yard.humpyard("notes", "lint") == 0
    capsys.readouterr()
    assert small_yard.humpyard("notes", "preview", "alpha") == 0
    assert capsys.readouterr().out == "#### Breaking changes:\n\n- Dropped the lever\n"
    assert small_yard.humpyard("notes", "preview", "alpha", "--json") == 0
    assert json.loads(capsys.readouterr().out)["notes"].startswith("#### Breaking")
    assert small_yard.humpyard("notes", "preview", "gamma") == 1
    assert "channel 'gamma': expected one of alpha" in capsys.readouterr().err
    assert small_yard.humpyard("notes", "preview", str(NEW)) == 1
    assert "not begun here" in capsys.readouterr().err


def test_notes_that_the_image_does_not_keep_stop_the_candidate_before_anything_is_signed(
    small_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    fragment = small_yard.root / "changelog" / "updates" / "2026-01-02-linux.md"
    fragment.write_text(
        "- Linux ([6.99.1](https://example.org/))\n- SDK: go ([1.26](https://example.org/))\n"
    )
    image_set = str(small_yard.image_set(NEW))
    build = ["candidate", "build", image_set, "--version", str(NEW), "--channel", "alpha"]
    assert small_yard.humpyard(*build) == 1
    said = capsys.readouterr().err
    assert f"{fragment}: the notes promise Linux 6.99.1, the image of amd64-usr has sys-kernel/" in said
    assert "[notes] packages" in said
    work = small_yard.root / "work" / str(NEW)
    assert not list(work.rglob("payloads"))
    assert not list(work.rglob("unsigned"))
    record = json.loads((work / "amd64-usr" / "promises.json").read_text())
    assert record["unchecked"] == [
        {"name": "go", "prefix": "SDK", "version": "1.26", "why": "for SDK, not for the image"}
    ]
    settings = small_yard.settings.read_text()
    small_yard.settings.write_text(f'{settings}\n[notes.packages]\nLinux = "none/none"\n')
    assert small_yard.humpyard(*build) == 0
    assert (
        "0 promises of the notes are kept, 2 are not checked: Linux 6.99.1 (none/none is not in the image);"
        " go 1.26 (for SDK, not for the image)"
    ) in capsys.readouterr().err


def test_notes_that_no_page_can_show_stop_the_candidate(
    small_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "  " + "|a" * 400 + "|\n  " + "|-" * 400 + "|\n" + "  |\n" * 400
    (small_yard.root / "changelog" / "changes" / "2026-01-02-table.md").write_text(f"- A table\n\n{table}")
    image_set = str(small_yard.image_set(NEW))
    build = ["candidate", "build", image_set, "--version", str(NEW), "--channel", "alpha"]
    assert small_yard.humpyard(*build) == 1
    assert "cells" in capsys.readouterr().err
    assert not list((small_yard.root / "work" / str(NEW)).rglob("payloads"))


def test_a_release_tells_what_is_new_and_records_all_that_it_has(small_yard: SmallYard) -> None:
    changelog, work = small_yard.root / "changelog", small_yard.root / "work"
    (changelog / "security" / "2026-01-01-curl.md").write_text("- curl (CVE-2026-1111)\n")
    small_yard.publish(OLD, offered_in=("alpha",))
    (changelog / "breaking" / "2026-01-02-lever.md").write_text("- Dropped the lever\n")
    build = ["candidate", "build", str(small_yard.image_set(NEW)), "--version", str(NEW)]
    assert small_yard.humpyard(*build, "--channel", "beta", "--derives-from", str(OLD)) == 0
    since = f"_Changes since **Alpha {OLD}**_\n\n#### Breaking changes:\n\n- Dropped the lever\n"
    assert (work / str(NEW) / "notes.md").read_text() == since
    (document,) = (work / str(NEW) / "staging" / "releases").glob("*/release.json")
    release = decode(document.read_bytes())
    assert release.notes == since
    assert {(change.kind, change.text) for change in release.changes} == {
        (ChangeKind.SECURITY, ""),
        (ChangeKind.BREAKING, "- Dropped the lever"),
    }

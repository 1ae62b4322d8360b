"""Correcting published notes and telling of known issues, on a real small yard with people's keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from release.audit.finding import Code
from release.bundle.document import decode
from release.bundle.layout import document_key
from release.digests import Digest
from release.errors import InputError
from release.line.audit_job import audit_yard
from release.line.mirror_audit_extras import extra_findings
from release.line.mirrors import mirrors_of
from release.line.statements import Signed, record
from release.wiring import open_yard
from tests.e2e.refusal import REFUSED
from tests.mirror_yard import NAMES, MirrorYard
from tests.small_yard import NEW, OLD, SmallYard


def said(yard: SmallYard, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """What a command printed, errors included."""
    capsys.readouterr()
    assert yard.humpyard(*arguments) == code
    captured = capsys.readouterr()
    return captured.out + captured.err


def read(yard: SmallYard, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(said(yard, capsys, *arguments, "--json"))


def published(yard: SmallYard) -> str:
    return decode((yard.mirror / document_key(OLD)).read_bytes()).notes


def correction(yard: SmallYard, path: Path, person: str = "ada", *more: str) -> list[str]:
    start = ["notes", "correct", str(OLD), "--notes", str(path), "--summary", "Name the CVE"]
    return [*start, *yard.secret(person), *more]


def codes(yard: SmallYard) -> set[tuple[Code, str]]:
    with open_yard(yard.settings) as opened:
        return {(one.code, one.where) for one in audit_yard(opened).findings}


def test_notes_are_corrected_by_one_person_and_nobody_overwrites_another_unseen(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    yard, document = released_yard, (released_yard.mirror / document_key(OLD)).read_bytes()
    path = tmp_path / "notes.md"
    path.write_text(f"{published(yard)}\n- Fixed **CVE-2024-6387**\n")
    told = said(yard, capsys, *correction(yard, path, "ada", "--dry-run"))
    assert "+- Fixed **CVE-2024-6387**" in told
    assert "nothing was recorded" in told
    assert read(yard, capsys, "notes", "history", str(OLD))["corrections"] == []
    told = said(yard, capsys, *correction(yard, path))
    assert "humpyard pages render" in told
    new = Digest.sha256(path.read_bytes())
    text = yard.mirror / "releases" / str(OLD) / "notes" / f"{new.hex}.md"
    assert text.read_bytes() == path.read_bytes()
    assert (yard.mirror / document_key(OLD)).read_bytes() == document, "the release stays what was signed"
    again = correction(yard, path, "ada", "--previous", new.hex)
    assert f"says what the notes of {OLD} say already" in said(yard, capsys, *again, code=REFUSED)

    other = tmp_path / "other.md"
    other.write_text("# Something else\n")
    late = said(yard, capsys, *correction(yard, other, "grace"), code=REFUSED)
    assert "were corrected" in late
    assert f"--previous {new.hex[:12]}" in late
    wrong = correction(yard, other, "grace", "--previous", "00")
    assert "were made from 00" in said(yard, capsys, *wrong, code=REFUSED)
    seen = read(yard, capsys, *correction(yard, other, "grace", "--previous", new.hex[:12]))
    assert (seen["previous"], seen["notes"]) == (str(new), str(Digest.sha256(other.read_bytes())))

    history = read(yard, capsys, "notes", "history", str(OLD))
    assert [one["notes"] for one in history["corrections"]] == [str(new), seen["notes"]]
    assert history["current"] == seen["notes"]
    assert "Name the CVE" in said(yard, capsys, "notes", "history", str(OLD))
    assert said(yard, capsys, "notes", "show", str(OLD)) == "# Something else\n"
    assert read(yard, capsys, "notes", "show", str(OLD), "--at", new.hex[:8])["text"] == path.read_text()
    raw = said(yard, capsys, "notes", "show", str(OLD), "--at", new.hex[:8], "--raw")
    assert raw == path.read_text()
    assert f"notes of {OLD} to {new.hex[:12]}: Name the CVE" in said(yard, capsys, "log")

    assert not {code for code, _ in codes(yard)} & {Code.NOTES_MISSING, Code.REVISION_UNFOUNDED}
    with open_yard(yard.settings) as opened:
        known = opened.ledger.state()
        first = known.revisions[OLD][0]
        (entry,) = (one.entry for one in opened.ledger.read().entries if one.entry.sequence == first.sequence)
        signed = Signed(statement=first.statement, signature=str(entry.data["statement_signature"]))
        assert record(opened, signed) == first.digest
        assert opened.ledger.state() == known, "recorded once"
        text.unlink()
        with pytest.raises(InputError, match=f"notes/{new.hex}"):
            record(opened, signed)
    assert (Code.UNUSED_NOTES_MISSING, f"releases/{OLD}/notes/{new.hex}.md") in codes(yard)
    lost = f"releases/{OLD}/notes/{seen['notes'][7:]}.md"
    (yard.mirror / lost).unlink()
    assert (Code.NOTES_MISSING, lost) in codes(yard)
    told = said(yard, capsys, "pages", "render")
    assert f"notes/{seen['notes'][7:]}.md: there is no such object" in told
    page = yard.mirror / "pages" / "releases" / str(OLD) / "index.html"
    assert "the corrected text cannot be read at the moment" in page.read_text()
    path.write_text("# Once more\n")
    said(yard, capsys, *correction(yard, path, "ada", "--previous", seen["notes"]))
    found = codes(yard)
    assert (Code.UNUSED_NOTES_MISSING, lost) in found
    assert (Code.NOTES_MISSING, lost) not in found, "what is lost can be corrected"
    assert "no such object" not in said(yard, capsys, "pages", "render")
    assert "cannot be read at the moment" not in page.read_text()


def test_what_cannot_be_shown_is_refused_before_anything_is_written(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"Hello\n\x1b[2J")
    told = said(released_yard, capsys, *correction(released_yard, path), code=REFUSED)
    assert "notes.md:2: character '\\x1b' does not belong into notes" in told
    assert not (released_yard.mirror / "releases" / str(OLD) / "notes").exists()


def test_who_is_nobody_in_the_policy_corrects_and_tells_nothing(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# New\n")
    assert "is not a person" in said(
        released_yard, capsys, *correction(released_yard, path, "build"), code=REFUSED
    )
    opened = ["issues", "open", "x", "--title", "T", "--text", "T", "--affects", str(OLD)]
    assert "is not a person" in said(
        released_yard, capsys, *opened, *released_yard.secret("build"), code=REFUSED
    )


def test_an_issue_is_opened_updated_fixed_and_shown(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard, ada, grace = released_yard, released_yard.secret("ada"), released_yard.secret("grace")
    what = ["--title", "Does not boot", "--text", "With two disks.\nSince then.", "--affects", str(OLD)]
    opened = ["issues", "open", "no-boot", *what, "--workaround", "Take one disk.", *ada]
    named = said(yard, capsys, "issues", "open", "No_Boot", *opened[3:], code=REFUSED)
    assert "issue 'No_Boot': expected lower-case words joined by '-'" in named
    assert "issue no-boot" in said(yard, capsys, *opened)
    assert "is known already" in said(yard, capsys, *opened, code=REFUSED)
    update = ["issues", "update", "no-boot", *grace]
    assert "says that already" in said(yard, capsys, *update, code=REFUSED)
    assert "is fixed, but in no version" in said(yard, capsys, *update, "--state", "fixed", code=REFUSED)
    wrong = said(yard, capsys, *update, "--fixed-in", "9.9.9", code=REFUSED)
    assert "release 9.9.9: is neither registered" in wrong
    fixed = read(yard, capsys, *update, "--state", "fixed", "--fixed-in", str(NEW))
    assert (fixed["state"], fixed["affected"], fixed["fixed_in"]) == ("fixed", [str(OLD)], [str(NEW)])
    (listed,) = read(yard, capsys, "issues", "list")
    assert (listed["text"], listed["workaround"]) == ("With two disks.\nSince then.", "Take one disk.")
    shown = said(yard, capsys, "issues", "show", "no-boot")
    assert "What to do: Take one disk." in shown
    assert "Grace" in shown
    assert [one["state"] for one in read(yard, capsys, "issues", "show", "no-boot")["history"]] == [
        "investigating",
        "fixed",
    ]
    assert "no-boot fixed: Does not boot" in said(yard, capsys, "log")
    assert "there is no such; there are: no-boot" in said(
        yard, capsys, "issues", "show", "other", code=REFUSED
    )


def test_mirrors_get_corrected_texts_and_do_not_take_them_for_strange(
    settled: MirrorYard, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# Corrected\n")
    said(settled.small, capsys, *correction(settled.small, path))
    assert settled.promote() == 0
    key = f"releases/{OLD}/notes/{Digest.sha256(path.read_bytes()).hex}.md"
    for name in NAMES:
        assert (settled.root(name) / key).read_bytes() == path.read_bytes()
    with open_yard(settled.small.settings) as yard:
        mirrors = mirrors_of(yard, yard.policy())
        found = [one for mirror in mirrors for one in extra_findings(yard, mirror, settled.state(), ())]
    assert found, "listings of checksums, which nobody asked for here"
    assert key not in {one.where for one in found}

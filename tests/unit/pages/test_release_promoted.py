"""The page of a release that went on to a further channel: what it brought there."""

from __future__ import annotations

from dataclasses import replace

from release.bundle.change import Change, ChangeKind
from release.pages.changes_view import ROOM
from release.pages.site import Site
from tests.unit.pages.samples import AMD64, board, day, full_site, payload, release
from tests.unit.pages.test_release_page import WALL, page, section
from tests.unit.pages.test_stopped import changed, text


def promoted(notes: str, *changes: Change) -> Site:
    """1.0.10, built for alpha and promoted to beta, with a record of what is in it."""
    nine = release("1.0.9", board(AMD64, payload(9000)), created=day(1), notes="#### Changes:\n\n- One\n")
    ten = release("1.0.10", board(AMD64, payload(9000)), created=day(2), notes=notes)
    ten = replace(ten, changes=tuple(sorted(changes, key=lambda change: change.id)))
    return changed(changed(full_site(), "1.0.9", release=nine), "1.0.10", release=ten)


def test_a_release_that_is_promoted_tells_what_it_brings_to_that_channel() -> None:
    required = Change.of(ChangeKind.ACTION_REQUIRED, "- Two: <do> it")
    fixes = Change.of(ChangeKind.SECURITY, f"- Linux ({WALL})")
    three = Change.of(ChangeKind.CHANGES, "- Three")
    html = page(promoted("#### Changes:\n\n- Three\n", required, fixes, three), "1.0.10")
    assert text(section(html, "required")).endswith("Before you update Action required Two: &lt;do&gt; it")
    assert "New in Beta since 1.0.9: 3 changes" in text(section(html, "notes"))
    assert "CVE-2026-1007</a>" in section(html, "notes")  # told nowhere else on the page
    notes = f"#### Security fixes:\n\n- Linux ({WALL})\n\n#### Changes:\n\n- Three\n"
    html = page(promoted(notes, required, fixes, three), "1.0.10")
    assert section(html, "notes").count("Linux (20 CVEs)") == 2


def test_what_the_notes_say_anyway_is_not_said_again_of_the_next_channel() -> None:
    html = page(promoted("#### Changes:\n\n- Three\n", Change.of(ChangeKind.CHANGES, "- Three")), "1.0.10")
    assert text(section(html, "notes")).endswith("The same is new in Beta since 1.0.9 .")
    assert 'id="required"' not in html


def test_more_than_there_is_room_for_is_told_where_it_leads() -> None:
    many = [Change.of(ChangeKind.CHANGES, f"- Change {number}") for number in range(ROOM + 1)]
    told = section(page(promoted("- x", *many), "1.0.10"), "notes")
    assert f"{ROOM + 1} changes, all told in" in text(told)
    assert '<a href="../../from/1.0.9/index.html">what you get from 1.0.9 on</a>' in told
    assert "Change 7" not in told

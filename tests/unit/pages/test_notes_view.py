"""Notes as pages show them, when somebody wrote what nobody expects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from release.pages import notes_view
from release.pages.markdown import BRACKET_LIMIT, NOTES_LIMIT
from release.pages.notes_view import notes_parts, without_walls
from release.pages.records import Revision
from release.pages.render import render_site
from tests.unit.pages.machine.rich import rich_site
from tests.unit.pages.samples import day


@pytest.mark.parametrize("notes", ["[" * (BRACKET_LIMIT + 1), ">" * 40 + "<x", "<" * (NOTES_LIMIT + 1)])
def test_notes_that_cannot_be_rendered_are_shown_as_they_are_and_keep_no_page_away(notes: str) -> None:
    site = rich_site()
    harmed = replace(site.releases[0], revisions=(Revision(recorded=day(19), summary="s", notes=notes),))
    (part,) = notes_parts(harmed)
    assert part.html.unescape() == f"<pre>{notes}</pre>"
    assert "<x" not in part.html
    files = render_site(replace(site, releases=(harmed, *site.releases[1:])))
    assert f"releases/{harmed.release.version}/index.html" in files


def test_each_piece_between_parts_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    depth = notes_view._depth

    def look(html: str) -> int:
        looked.append(html)
        return depth(html)

    monkeypatch.setattr(notes_view, "_depth", look)
    inside = "- a\n\n  _Changes since **Alpha 1.0.9**_\n\n" * 30
    notes = f"{inside}_Changes since **Beta 1.0.8**_\n\n- b\n"
    published = rich_site().releases[0]
    parts = notes_parts(replace(published, revisions=(Revision(recorded=day(1), summary="s", notes=notes),)))
    assert [part.title for part in parts] == ["", "Changes since Beta 1.0.8"]
    assert len(looked) == 31
    assert sum(map(len, looked)) <= len(parts[0].html) + 1


def test_blanks_after_a_link_are_read_at_once() -> None:
    """More than a minute, once."""
    text = "[CVE-2026-0001](https://a.example)" + " " * 250_000 + "x"
    assert without_walls(text, frozenset()) == text

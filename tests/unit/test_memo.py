"""A memo saves work and changes nothing: not the bytes, whatever became of its file."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from release import memo
from release.memo import Memo, memo_in, remembered
from release.pages.markdown import to_html
from release.pages.render import render_site
from tests.unit.pages.samples import AMD64, NOTES, board, day, full_site, published, release, stopped_site
from tests.unit.pages.samples import site as site_of


def test_what_was_made_once_is_not_made_again(tmp_path: Path) -> None:
    made: list[str] = []

    @remembered
    def shout(text: str) -> str:
        made.append(text)
        return text.upper()

    assert [shout("a"), shout("a")] == ["A", "A"]  # no memo at hand
    for _ in range(2):
        with memo_in(tmp_path / "deep" / "memo"):
            assert [shout("a"), shout("b"), shout("a"), shout("")] == ["A", "B", "A", ""]
    assert made == ["a", "a", "a", "b", ""]


def test_what_is_not_asked_for_any_more_is_forgotten_but_not_by_a_run_that_failed(tmp_path: Path) -> None:
    path = tmp_path / "memo"
    with memo_in(path) as one:
        one.add("f", "old", "1")
    with suppress(KeyError), memo_in(path) as one:
        one.add("f", "new", "2")
        raise KeyError
    with memo_in(path) as one:
        assert one.find("f", "new") == "2"
    assert Memo(path).find("f", "new") == "2"
    assert Memo(path).find("f", "old") is None
    assert Memo(path).find("g", "new") is None


def test_other_sources_make_everything_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "memo"
    with memo_in(path) as one:
        one.add("f", "text", "made")
    monkeypatch.setattr(memo, "sources_version", lambda: "another")
    assert Memo(path).find("f", "text") is None
    monkeypatch.setattr(memo, "sources_version", lambda: None)
    with memo_in(tmp_path / "none") as one:
        one.add("f", "text", "made")
        assert one.find("f", "text") == "made"
    assert not (tmp_path / "none").exists()


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a database, and longer than its header would be" * 100)


def _torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def _other_table(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE made (other TEXT)")


def _changed(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE made SET value = CAST('<script>' AS BLOB)")


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [_garbage, _torn, _other_table, _changed, _directory])
def test_a_memo_that_is_broken_changes_nothing(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path, site = tmp_path / "memo", full_site()
    fresh = render_site(site)
    assert render_site(site, memo=path) == fresh
    spoil(path)
    assert render_site(site, memo=path) == fresh
    assert render_site(site, memo=path) == fresh


@pytest.mark.parametrize("kept", [False, True])
def test_several_processes_render_as_one_does(tmp_path: Path, kept: bool) -> None:
    path, site = (tmp_path / "memo") if kept else None, stopped_site("https://releases.example.org/")
    alone = render_site(site, processes=1)
    assert render_site(site, memo=path, processes=3) == alone
    assert render_site(site, memo=path, processes=2) == alone
    assert render_site(site, memo=path, processes=1) == alone
    if path is not None:  # what the others converted is remembered, too, and nothing is forgotten
        assert to_html(NOTES) == Memo(path).find("release.pages.markdown.convert", NOTES)


def test_notes_that_cannot_be_rendered_are_shown_alike_by_several_processes(tmp_path: Path) -> None:
    bad = published(release("9.0.0", board(AMD64), created=day(1), notes="[" * 300))
    one, two = (
        render_site(site_of(bad), memo=tmp_path / "memo", processes=processes) for processes in (1, 2)
    )
    assert one == two
    assert b"[[[[[" in one["releases/9.0.0/index.html"]


def test_a_page_is_made_anew_when_a_template_or_a_value_changes(tmp_path: Path) -> None:
    path, site, templates = tmp_path / "memo", full_site(), tmp_path / "templates"
    templates.mkdir()
    before = render_site(site, templates, memo=path)
    (templates / "style.css").write_text("body { color: red }")
    assert b"color: red" in render_site(site, templates, memo=path)["index.html"]
    (templates / "style.css").unlink()
    assert render_site(site, templates, memo=path) == before
    renamed = render_site(replace(site, product="Other OS"), templates, memo=path)
    assert renamed == render_site(replace(site, product="Other OS"), templates)
    assert renamed["index.html"] != before["index.html"]


_DIGEST = """
import hashlib, pathlib, sys
from release.pages.render import render_site
from tests.unit.pages.samples import stopped_site
site = stopped_site("https://releases.example.org/")
files = render_site(site, memo=pathlib.Path(sys.argv[1]), processes=2)
print(hashlib.sha256(repr(list(files.items())).encode()).hexdigest())
"""


def test_the_place_and_its_language_change_nothing(tmp_path: Path) -> None:
    """Another time zone, language, seed of hashes; the second time with what the first remembered."""

    def digest(variables: Mapping[str, str]) -> str:
        root = str(Path(__file__).parents[3])
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": root, **variables}
        command = [sys.executable, "-c", _DIGEST, str(tmp_path / "memo")]
        done = subprocess.run(command, check=True, capture_output=True, env=environment, text=True)
        return done.stdout

    far = {"TZ": "Asia/Kolkata", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "7"}
    assert digest({"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "1"}) == digest(far)


def test_the_order_of_sources_is_not_the_order_of_files() -> None:
    assert list(render_site(stopped_site(), processes=1)) == sorted(render_site(stopped_site()))

"""Flatcar's real changelog and release notes: 791 fragments, 545 releases."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from release.notes.compose import Baseline, compose_notes
from release.notes.fragments import read_fragments
from release.pages.machine.flatcar_lists import release_list
from release.pages.markdown import to_html
from tests.unit.pages.samples import full_site

pytestmark = pytest.mark.shared

KEY = re.compile(r"\d+\.\d+\.\d+|current(-\d{4})?")


def read_list(path: Path) -> dict[str, Any]:
    entries = json.loads(path.read_bytes())
    assert isinstance(entries, dict)
    return entries


def test_every_real_fragment_is_read_and_told(shared: Path) -> None:
    fragments = read_fragments(shared / "data" / "changelog")
    notes = compose_notes(fragments, [Baseline(name="Alpha 4757.0.0")])
    assert len(fragments) == 791
    told = set(re.findall(r"^- .*$", notes, re.MULTILINE))
    items = {" ".join(item.split()) for fragment in fragments for item in fragment.items}
    assert len(told) == len(items)
    words_told = " ".join(notes.split())
    for path in sorted((shared / "data" / "changelog").glob("*/2*")):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert " ".join(line.split())[1:].strip() in words_told


def test_notes_render_to_what_commonmark_makes_of_them(shared: Path) -> None:
    """Not a list, heading, link, paragraph or emphasis more or less than markdown-it-py finds."""
    entries = read_list(shared / "data" / "flatcar-releases" / "releases.json")
    oracle = MarkdownIt("commonmark")
    texts = sorted({entry["release_notes"] for entry in entries.values()})
    assert len(texts) == 535
    for text in texts:
        ours, theirs = to_html(text), oracle.render(text)
        for tag in ("li", "ul", "p", "a", "strong", "em", "code"):
            assert (tag, ours.count(f"</{tag}>")) == (tag, theirs.count(f"</{tag}>"))
        assert len(re.findall(r"</h[1-6]>", ours)) == len(re.findall(r"</h[1-6]>", theirs))
        assert words(ours) == words(theirs)


def words(html: str) -> list[str]:
    """What is read, without markup."""
    text = re.sub(r"</?[a-z][^<>]*>", " ", html).replace("&quot;", '"').replace("&amp;", "&")
    return text.replace("&nbsp;", "\xa0").split()


def test_our_lists_have_the_shape_of_the_real_ones(shared: Path) -> None:
    """The same five names in the same order with the same types, in every file."""
    shapes = set()
    for path in sorted((shared / "data" / "flatcar-releases").glob("*.json")):
        for key, entry in read_list(path).items():
            assert KEY.fullmatch(key)
            shapes.add(shape(entry))
    assert len(shapes) == 1
    for channel in (None, "alpha", "beta", "stable", "lts"):
        ours = json.loads(release_list(full_site(), channel))
        assert all(KEY.fullmatch(key) and shape(entry) in shapes for key, entry in ours.items())


def shape(entry: dict[str, Any]) -> tuple[str, ...]:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000", entry["release_date"])
    assert entry["channel"] in {"stable", "beta", "alpha", "edge", "lts"}
    assert all(isinstance(name, str) for name in entry["architectures"])
    assert all(len(versions) == 1 for versions in entry["major_software"].values())
    assert entry["release_notes"]
    return tuple(f"{name}: {type(value).__name__}" for name, value in entry.items())

"""How documents for programs are written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.notes.characters import FORBIDDEN
from release.pages.machine.writing import dump, link


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=()))
    )
)
def test_json_has_no_character_that_acts(value: dict[str, str]) -> None:
    expected = {FORBIDDEN.sub("\ufffd", name): FORBIDDEN.sub("\ufffd", text) for name, text in value.items()}
    for options in ({}, {"compact": True}, {"ascii_only": True}):
        written = dump({**value}, **options)
        assert json.loads(written) == expected
        assert not FORBIDDEN.search(written.decode())
    assert dump({**value}) == json.dumps(expected, indent=2, ensure_ascii=False).encode() + b"\n"


@pytest.mark.parametrize(
    ("page", "target", "expected"),
    [
        ("index.json", "api/v1/index.json", "api/v1/index.json"),
        ("api/v1/index.json", "api/v1/channels.json", "channels.json"),
        ("api/v1/releases/1.0.0.json", "known-issues/index.html#a", "../../../known-issues/index.html#a"),
        ("api/v1/releases/1.0.0.json", "../stable/amd64-usr/", "../../../../stable/amd64-usr/"),
        ("api/v1/index.json", "https://example.org/a", "https://example.org/a"),
    ],
)
def test_links_are_the_shortest_that_hold_on_every_mirror(page: str, target: str, expected: str) -> None:
    assert link(page, target) == expected

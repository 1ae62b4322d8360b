from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.notes.links import Malformation, read_links


def test_links_are_read_with_brackets_in_words_and_address() -> None:
    text = 'A [b [c] d](https://e/(f)), <https://g> and [h](https://i "j"), `[not](this)` \\[nor\\](that)'
    read = read_links(text)
    assert [(link.words, link.address) for link in read.links] == [
        ("b [c] d", "https://e/(f)"),
        ("https://g", "https://g"),
        ("h", "https://i"),
    ]
    assert [bad.what for bad in read.malformed] == [Malformation.NO_ADDRESS]
    assert len(read.rest) == len(text)
    assert "https" not in read.rest


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("see [this", "unclosed"),
        ("see this]", "unopened"),
        ("lvm2 ([2.03.22] (includes more))", "no-address"),
        ("see [this] (https://example.org)", "detached"),
        ("see [this](https://example.org https://example.org)", "broken-address"),
        ("see [this](https://example.org", "broken-address"),
        ("see (this)[https://example.org]", "reversed"),
    ],
)
def test_what_was_to_be_a_link_is_named(text: str, what: str) -> None:
    assert [bad.what for bad in read_links(text).malformed] == [what]


def test_boxes_to_tick_and_code_are_no_links() -> None:
    assert read_links("[ ] to do, [x] done, ``a [`b` c``, `[`").malformed == ()


def test_the_rest_is_as_long_as_the_text_where_links_are_in_links_or_go_over_lines() -> None:
    text = "a [b [c\nd](https://e) f](https://g) h\n`i\nj` k"
    rest = "a " + " " * 5 + "\n" + " " * len("d](https://e) f](https://g)") + " h\n  \n   k"
    assert read_links(text).rest == rest


@given(st.text(alphabet="[]()`\\<>h: \n/", max_size=40))
def test_any_text_is_read(text: str) -> None:
    read = read_links(text)
    assert len(read.rest) == len(text)
    assert read.rest.count("\n") == text.count("\n")

"""Items of changes as lines of HTML: nothing acts and nothing is lost."""

from __future__ import annotations

import pytest

from release.pages.inline import ITEM_LIMIT, item_html, plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- curl ([8.9](https://a.example/8.9))", 'curl (<a href="https://a.example/8.9">8.9</a>)'),
        ("* set `a<b`, **now**\n  or later", "set <code>a&lt;b</code>, now or later"),
        ("- SELINUX=<yes|no> & more", "SELINUX=&lt;yes|no&gt; &amp; more"),
        ("- [x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("- [x](//evil.example/)", "[x](//evil.example/)"),
        ('- [x](https://a.example/"onclick="alert(1))', "[x](https://a.example/&#34;onclick=&#34;alert(1))"),
        ("- [<img src=x>](https://a.example/)", '<a href="https://a.example/">&lt;img src=x&gt;</a>'),
        ("- [a](https://b.example/x_(y))", '<a href="https://b.example/x_(y)">a</a>'),
        ("- <script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("- turned \u202e round", "turned \ufffd round"),
        ("- set FOO__BAR, __now__", "set FOO__BAR, now"),
        ("made - not begun", "made - not begun"),
        ("", ""),
    ],
)
def test_text_code_and_links_and_nothing_else(text: str, expected: str) -> None:
    assert item_html(text) == expected


def test_a_long_item_is_cut_between_words_and_says_so() -> None:
    html = item_html("- " + "word " * 1000 + "[end](https://a.example/)")
    assert html.endswith("word …")
    assert len(html) <= ITEM_LIMIT + 2
    assert item_html("- " + "[" * 100_000).startswith("[[[")


def test_plain_text_has_no_marks() -> None:
    assert plain("- **Linux** ([6.6](https://a.example/) `x`)") == "Linux (6.6 x)"

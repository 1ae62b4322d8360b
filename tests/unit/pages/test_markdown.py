from __future__ import annotations

import re
import time

import pytest
from markdown_it import MarkdownIt

from release.errors import InputError
from release.pages.markdown import BRACKET_LIMIT, CELLS_LIMIT, NOTES_LIMIT, SIGNS_LIMIT, shown, to_html
from release.pages.normalise import NESTING_LIMIT, normalise


def test_raw_html_is_shown_as_text_and_nothing_of_it_is_lost() -> None:
    html = to_html(
        "Set SELINUX=<yes|no> and <b>bold</b> <script>alert(1)</script> <!-- c --> &lt;x&gt;\n\n<div>"
    )
    assert "SELINUX=&lt;yes|no&gt;" in html
    assert "&lt;b&gt;bold&lt;/b&gt; &lt;script&gt;alert(1)&lt;/script&gt; &lt;!-- c --&gt; &lt;x&gt;" in html
    assert "<p>&lt;div&gt;</p>" in html


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#115;cript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/\\evil.example",
        "https:evil",
        "http:///evil.example",
        "vbscript:x",
        "relative.html",
        "#anchor",
        "tel:1",
        "mailto:",
    ],
)
def test_a_link_that_leads_elsewhere_than_to_web_or_mail_is_none(target: str) -> None:
    for text in (f"[x]({target})", f"[x](<{target}>)", f"[x][y]\n\n[y]: {target}", f"![x]({target})"):
        assert "href" not in to_html(text)
        assert "x" in to_html(text)


def test_links_to_web_and_mail_work_without_titles() -> None:
    html = to_html(
        '[a](https://a.example/b_(c)?d=1&e "title") <https://f.example>'
        ' [m](mailto:a@b.example) [r]\n\n[r]: http://r.example "t"'
    )
    assert html == (
        '<p><a href="https://a.example/b_(c)?d=1&amp;e">a</a> <a href="https://f.example">https://f.example</a>'
        ' <a href="mailto:a@b.example">m</a> <a href="http://r.example">r</a></p>'
    )


def test_a_picture_becomes_a_link_to_it() -> None:
    assert to_html("![alt](https://a.example/b.png)") == '<p>!<a href="https://a.example/b.png">alt</a></p>'


def test_headings_are_moved_below_the_section_without_gaps_and_named_once() -> None:
    html = to_html("# A `b`\n\n#### C & d\n\n#### C & d\n\n## E\n\n####### seven\n\n# ü\n")
    assert [line for line in html.split("\n") if line.startswith("<h")] == [
        '<h3 id="rn-a-b">A <code>b</code></h3>',
        '<h4 id="rn-c-d">C &amp; d</h4>',
        '<h4 id="rn-c-d-2">C &amp; d</h4>',
        '<h4 id="rn-e">E</h4>',
        '<h3 id="rn-section">ü</h3>',
    ]


def test_no_heading_is_named_as_another_by_its_text() -> None:
    for text in ("# a\n# a\n# a 2\n# a\n", "# a 2\n# a\n# a\n# a 2\n", "# section 2\n# ü\n# ß\n"):
        names = re.findall(r' id="([^"]+)"', to_html(text))
        assert len(names) == text.count("#") == len(set(names))


def test_characters_that_act_on_the_reader_are_shown_as_replaced() -> None:
    assert to_html("a\x1b[31m\x00b\u202ec\ud800") == "<p>a\ufffd[31m\ufffdb\ufffdc\ufffd</p>"


@pytest.mark.parametrize(
    "text",
    [
        "text\n- a\n- b\n",
        " #### A\n - a\n - b\n   more\n\n   second\n",
        "- a\n  - b\n    - c\n- d\n",
        "* a\n   * b\n1. c\n2. d\n",
        "1) a\n2) b\n   - c\n",
        "para\n14. no list\n1. list\n",
        "- a\n\n      code\n- b\n",
        "```sh\n- no list\n# no heading\n\n  <x>\n```\nafter\n",
        "- a\n  ```\n  code\n  ```\n  tail\n- b\n~~~\nopen\n",
        "- a\n  ```\n  code\nout\n",
        "#1 is no heading\n#\n## b\ntext\n# c #\n",
        "- a\n***\n- b\n---\nx\n---\n",
        "a\n\n- b\nlazy\n\nout\n",
        "10. a\n    - b\n11. c\n",
        "[x]: https://a.example\n[y]: https://b.example 'title'\n[x], [y]\n",
        "a\\\nb\n- c\\\n  d\n",
        "\ttab\n\n-\ta\n\t- b\n",
        "-\n- a\n",
        "> quoted\n> text\n",
        "- a\n\n  - b\n- c\n\n  para\n  - d\n- e\n\nout\n- f\n- g\n",
    ],
)
def test_structure_is_what_commonmark_reads(text: str) -> None:
    ours, theirs = to_html(text), MarkdownIt("commonmark").render(text)
    for tag in ("li", "ul", "ol", "pre", "blockquote", "a", "br", "hr"):
        assert (tag, ours.count(f"<{tag}")) == (tag, theirs.count(f"<{tag}")), ours
    assert sum(ours.count(f"<h{n}") for n in range(1, 7)) == sum(theirs.count(f"<h{n}") for n in range(1, 7))


def test_tables_are_kept() -> None:
    assert "<td>1</td>" in to_html("a | b\n:-: | -\n1 | 2\n")
    assert "style" not in to_html("a | b\n:-: | -\n1 | 2\n")


def test_too_much_is_refused() -> None:
    with pytest.raises(InputError, match="expected at most 262144 characters, found 262145"):
        to_html("x" * (NOTES_LIMIT + 1))
    with pytest.raises(InputError, match="more than 200 brackets open"):
        to_html("[" * (BRACKET_LIMIT + 1))


@pytest.mark.parametrize("sign", ["- ", "> ", "1. ", "> - "])
def test_deep_nesting_is_refused_with_the_line(sign: str) -> None:
    assert to_html(sign * 5 + "a")
    with pytest.raises(InputError, match=r"line 2: lists and quotations nested deeper than 16"):
        to_html("a\n" + sign * (NESTING_LIMIT + 2) + "a")
    steps = "\n".join("  " * depth + "- a" for depth in range(40))
    with pytest.raises(InputError, match="nested deeper"):
        to_html(steps)


@pytest.mark.parametrize(
    "part",
    ["[](a", "[a](<", '[a](" x)', "[a]:\n", "[a]: x\n", "`a``", "*a", "<a ", "&#", "[a](b 'x)", "- a\n"],
)
def test_time_grows_with_the_length_of_the_text(part: str) -> None:
    """30 kB of what once took minutes; the margin is for slow machines, not for slow code."""
    started = time.process_time()
    to_html(part * (30_000 // len(part)))
    assert time.process_time() - started < 10


def test_equal_text_gives_equal_html() -> None:
    text = "# a\n\n[x]\n\n[x]: https://a.example\n"
    assert to_html(text) == to_html(text)
    assert "href" not in to_html("[x]")


def test_a_second_number_sign_in_an_address_is_encoded() -> None:
    assert 'href="https://e.org/a.html#%231.47.0"' in to_html("[x](https://e.org/a.html##1.47.0)")


def test_headings_one_below_the_other_are_parted() -> None:
    """Python-Markdown took more than 100 s for 64 KiB of them."""
    assert normalise("a\n===\n" * 3) == "a\n===\n\n" * 3 + "\n"
    assert to_html("a\n===\n- x") == '<h3 id="rn-a">a</h3>\n<ul>\n<li>x</li>\n</ul>'
    assert to_html("a\nb\n===\nc") == "<p>a\nb\n===\nc</p>"


@pytest.mark.parametrize("sign", ["\\", "`a ", "&a; ", "*a ", "_a ", "<a ", "!"])
def test_a_paragraph_full_of_signs_that_may_begin_something_is_refused_at_once(sign: str) -> None:
    assert to_html(sign * 500)
    with pytest.raises(InputError, match="in one paragraph"):
        to_html(sign * (SIGNS_LIMIT + 1))


def table(columns: int, rows: int) -> str:
    """A head, and rows in which nothing is written."""
    return "|a" * columns + "|\n" + "|-" * columns + "|\n" + "|\n" * rows


def test_tables_that_would_fill_the_memory_are_refused_with_the_line() -> None:
    """Their cells are columns times rows: 12 kB took 2 GB."""
    assert to_html(table(100, 98)).count("<td>") == 9_800
    with pytest.raises(InputError, match=r"notes, line 3: .* more than 50,000 cells") as refused:
        to_html("a\n\n" + table(2_000, 2_000))
    assert "narrower" in str(refused.value.hint)
    for text in (
        "> " + table(2_000, 2_000).replace("\n", "\n> "),
        "- " + table(300, 200).replace("\n", "\n  "),
    ):
        with pytest.raises(InputError, match="notes, line 1: "):
            to_html(text)


def test_a_table_whose_line_cannot_be_told_is_named_by_its_head() -> None:
    """A small table of the same head is not blamed, nor the end of the text for a head that was rewritten."""
    big = table(300, 200)
    head = r"notes, at '\|a\|a[|a]{56}': with the table there, tables have more than 50,000 cells"
    with pytest.raises(InputError, match=head):
        to_html(table(300, 1) + "\n" + big)
    with pytest.raises(InputError, match="notes, line 4: "):
        to_html("|b|b|\n|-|-|\n\n" + big)
    with pytest.raises(InputError, match=r"notes, at '\\\\#a\|a\|a[|a]{53}': "):
        to_html("#a" + "|a" * 299 + "\n-" + "|-" * 299 + "\n" + "|\n" * 200 + "\nend\n")


def test_a_line_full_of_code_and_cells_is_refused_at_once() -> None:
    head = "|" + "`a`|" * 9_000
    with pytest.raises(InputError, match="too many '`' and '|' in one line".replace("|", "[|]")):
        to_html(head + "\n" + "-|" * 9_000 + "\n")
    assert to_html("|" + "`a`|" * 500 + "\n|" + "-|" * 500).count("<code>") == 500


def test_cells_are_counted_over_all_tables_of_a_text() -> None:
    part = table(100, 98) + "\n"
    assert to_html(part * (CELLS_LIMIT // 10_000)).count("<table>") == 5
    with pytest.raises(InputError, match="more than 50,000 cells"):
        to_html(part * (CELLS_LIMIT // 10_000 + 1))


def test_an_address_that_is_used_often_does_not_fill_the_memory() -> None:
    """12 kB made 4 MB, and 256 kB as many as 4 GB."""
    text = "[a]: https://a.example/" + "b" * 30_000 + "\n\n"
    assert to_html(text + "[a], " * 30).count("href") == 30
    with pytest.raises(InputError, match="expected at most 1,048,576 characters in addresses of links"):
        to_html(text + "[a], " * 40_000)


def test_what_is_refused_is_shown_as_it_was_written() -> None:
    text = table(2_000, 2_000)
    assert shown(text) == f"<pre>{text}</pre>"

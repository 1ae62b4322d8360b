"""No text, however it is made, comes out of the Markdown path as anything but harmless HTML."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import example, given, settings
from hypothesis import strategies as st

from release.errors import InputError
from release.pages.markdown import to_html

ELEMENTS = {"a", "blockquote", "br", "code", "em", "hr", "li", "ol", "p", "pre", "strong", "ul"}
ELEMENTS |= {"h3", "h4", "h5", "h6", "table", "tbody", "td", "th", "thead", "tr"}
ATTRIBUTES = {("a", "href"), ("ol", "start"), *((f"h{level}", "id") for level in range(3, 7))}

LINES = r"""
<script>|</script>|<style>|<img src=x onerror=alert(1)>|<svg/onload=alert(1)>|</p>|<!--|-->|]]>|<![CDATA[
<a href="javascript:x">|javascript:alert(1)|[x](javascript:y)|[x](//evil)|[x](\\evil)|![i](x)|<javascript:x>
<a@b>|<http://x>|](|[|]|(|)|&lt;script&gt;|&#106;avascript:|&#x6a;|data:text/html,x|onload=|style=|id="top"
{: onclick=x}|[r]: javascript:x|[r]|[r]: <//evil> "t"|```|~~~|- |* |1. |2) |> |  |    |# |#### |#|---|===
|a || b|-|-|\|`|``|*|**|_|__|word|SELINUX=<yes|no>
"""
SIGNS = ["\t", "\n", "\n\n", "  \n", " ", "|", "\x00", "\x02", "\x03", "\u202e", "\ud800", "\x02amp\x03"]
PLACEHOLDERS = ["\x02klzzwxh:0\x03", "\x02wzxhzdk:0\x03"]
PIECES = st.sampled_from([*LINES.replace("\n", "|").split("|"), *SIGNS, *PLACEHOLDERS])
TEXTS = st.one_of(
    st.lists(PIECES, max_size=60).map("".join),
    st.lists(PIECES, max_size=40).map("\n".join),
    st.text(max_size=300),
)


class Reader(HTMLParser):
    """Refuses what must not be there, and elements that do not end in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS
        for name, value in attrs:
            assert (tag, name) in ATTRIBUTES
            if name == "href":
                assert (value or "").lower().startswith(("http://", "https://", "mailto:"))
            if name == "id":
                assert (value or "").startswith("rn-")
                self.ids.append(value or "")
        if tag not in {"br", "hr"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


@settings(deadline=None, derandomize=True, max_examples=400)
@example("[r]\n\n[r]: javascript:x")
@example("\x02klzzwxh:0\x03 \x02amp\x03 \x02wzxhzdk:0\x03")
@example("- " * 15 + "x")
@given(TEXTS)
def test_what_comes_out_is_harmless_and_in_order(text: str) -> None:
    try:
        html = to_html(text)
    except InputError:
        return
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open
    assert len(set(reader.ids)) == len(reader.ids)
    assert len(html) <= 400 * (len(text) + 1)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(st.from_regex(r"[A-Za-z0-9=<>|&;\"]{1,12}", fullmatch=True), min_size=1, max_size=20))
def test_words_are_all_still_there(words: list[str]) -> None:
    """Angle brackets and ampersands that are no markup are read, not swallowed."""
    seen: list[str] = []

    class Text(HTMLParser):
        def handle_data(self, data: str) -> None:
            seen.append(data)

    parser = Text()
    source = "x " + " ".join(word.replace("&", "& ") for word in words)
    parser.feed(to_html(source))
    parser.close()
    got = "".join(seen)
    for word in words:
        for part in word.replace("&", " ").split():
            if not part.startswith("<"):  # an address in angle brackets loses them
                assert part in got

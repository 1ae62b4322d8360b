"""Release notes to HTML that is safe to put on a page, whoever wrote them.

Two separate problems, two layers. *Nothing is lost*: the text is normalised for Python-Markdown and its
handling of raw HTML is taken out, so that ``SELINUX=<yes|no>`` is read as text. *Nothing acts*: what comes
out goes through nh3 with a short list of elements; links lead to http, https or mail addresses or they
are no links. Pictures become links, since a page loads nothing from elsewhere.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

import nh3
from markdown import Markdown
from markdown.blockparser import BlockParser
from markdown.extensions import Extension
from markdown.extensions.tables import TableProcessor
from markdown.inlinepatterns import LinkInlineProcessor
from markdown.treeprocessors import Treeprocessor
from markupsafe import Markup

from release.errors import InputError
from release.memo import remembered
from release.notes.characters import FORBIDDEN
from release.pages.normalise import normalise

NOTES_LIMIT = 256 << 10
"""Characters of Markdown on one page. The longest of Flatcar's 540 notes has 120,693."""

BRACKET_LIMIT = 200
"""Brackets open at once in one paragraph; the time to read them grows with their square."""

SIGNS_LIMIT = 30_000
"""Of each sign that may begin something, in one paragraph: the time to read them grows with their square. In
Flatcar's 540 notes there are at most 173 of one."""

CELLS_LIMIT = 50_000
"""In all tables of a text. Every row gets as many cells as the head has, whether they were written or not, so
that a text of some kB could fill all memory."""

ADDRESSES_LIMIT = 1 << 20
"""Characters in the addresses of all links. One that is written once, ``[a]: https://...``, is on the page as
often as ``[a]`` is."""

CODE_AND_CELLS_LIMIT = 1_000_000
"""The product of the "`" and the "|" in one line: each of these is sought in each span of code there."""

TOP_HEADING = 3
"""The level that the outermost heading of the notes gets: below the page's and the section's."""

ID_PREFIX = "rn-"
"""What ids that come from notes begin with, so that they meet none of the page's own."""

_TAGS = {
    "a",
    "blockquote",
    "br",
    "code",
    "em",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
}
_HEADING = re.compile(r"h([1-6])")
_LINK = re.compile(r"(?:https?://[^/\\\s]|mailto:[^/\\\s])\S*", re.IGNORECASE | re.ASCII)
_ADDRESS = re.compile(
    r"""\(\s*+
    (?:<([^<>\n]{0,2000}+)>|((?:[^()\s<]|\([^()\s]{0,2000}+\)){0,2000}+))
    (?:\s++(?:"[^"]{0,500}+"|'[^']{0,500}+'))?+
    \s*+\)""",
    re.VERBOSE,
)
_SIGNS = "\\`&*_<!"
_PLACEHOLDER = re.compile("\x02[^\x03]*\x03")


def to_html(text: str) -> Markup:
    """Render Markdown. Headings are moved to ``TOP_HEADING`` and below and get ids with ``ID_PREFIX``.

    The same text gives the same HTML. Characters that act on the reader are shown as U+FFFD. Links are
    not followed and not checked to exist.

    Raises:
        InputError: longer than ``NOTES_LIMIT``, nested deeper than can be rendered, or so many signs or cells
            of tables that it would take too long; the message says which, and where that has a place.
    """
    return Markup(convert(text))  # noqa: S704  # the one place that vouches for HTML, after nh3


def shown(text: str) -> Markup:
    """Any text: as ``to_html``, or, where that refuses it, as it was written.

    Notes that were published stay; that they cannot be rendered must not keep what else there is to say from
    being said.
    """
    try:
        return to_html(text)
    except InputError:
        return Markup("<pre>{}</pre>").format(FORBIDDEN.sub("\ufffd", text))


@remembered
def convert(text: str) -> str:
    """The HTML of ``to_html``; safe. It is remembered where there is a memo."""
    if len(text) > NOTES_LIMIT:
        raise InputError(f"notes: expected at most {NOTES_LIMIT} characters, found {len(text)}")
    text = FORBIDDEN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    source = normalise(text)
    _check_paragraphs(source)
    try:
        html = _converter().convert(source)
    except _TooManyCellsError as error:
        raise _too_many_cells(text, error.head) from error
    except (RecursionError, ValueError, IndexError, KeyError, AttributeError) as error:
        raise InputError(f"notes: cannot be rendered as Markdown: {error}") from error
    return _clean(html)


def _converter() -> Markdown:
    """A fresh converter; one keeps references and ids from text to text."""
    converter = Markdown(extensions=["fenced_code", "sane_lists", "tables", _Safe()], output_format="html")
    converter.preprocessors.deregister("html_block")
    converter.inlinePatterns.register(_Links(r"\[", converter), "link", 160)
    for name in ("html", "image_link", "image_reference", "short_image_ref"):
        converter.inlinePatterns.deregister(name)
    return converter


def _clean(html: str) -> str:
    return nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=set(),
        attributes={"*": set(), "a": {"href"}, "ol": {"start"}, **{f"h{n}": {"id"} for n in range(3, 7)}},
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
        link_rel=None,
        id_prefix=ID_PREFIX,
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    """Keep what is known to be harmless; ammonia has already refused other URL schemes."""
    if (tag, name) == ("a", "href"):
        return _one_fragment(value) if _LINK.fullmatch(value) else None
    if (tag, name) == ("ol", "start"):
        return value if value.isdecimal() and len(value) < 10 else None
    return value


def _one_fragment(address: str) -> str:
    """A fragment holds no further ``#`` (RFC 3986, 3.5); real notes have such addresses."""
    rest, sign, fragment = address.partition("#")
    return rest + sign + fragment.replace("#", "%23")


class _Safe(Extension):
    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  # Python-Markdown's name
        md.treeprocessors.register(_Headings(md), "headings", 5)
        md.parser.blockprocessors.register(_Tables(md.parser), "table", 75)


def _check_addresses(root: Element) -> None:
    size = sum(len(value) for link in root.iter("a") for value in link.attrib.values())
    if size > ADDRESSES_LIMIT:
        raise InputError(
            f"notes: expected at most {ADDRESSES_LIMIT:,} characters in addresses of links, found {size:,}",
            hint="an address that is written once counts wherever it is used",
        )


class _TooManyCellsError(Exception):
    """``head`` is the first line of the table that is one too many."""

    def __init__(self, head: str) -> None:
        super().__init__(head)
        self.head = head


class _Tables(TableProcessor):
    """Makes no more than ``CELLS_LIMIT`` cells, in all tables of a text."""

    def __init__(self, parser: BlockParser) -> None:
        super().__init__(parser, {"use_align_attribute": False})
        self._cells = 0

    def run(self, parent: Element, blocks: list[str]) -> None:
        lines = blocks[0].split("\n")
        self._cells += len(self.separator) * len(lines)
        if self._cells > CELLS_LIMIT:
            raise _TooManyCellsError(lines[0])
        super().run(parent, blocks)


def _too_many_cells(text: str, head: str) -> InputError:
    """Names the table by its line; by its head, where that is not in the text just once, as it was read."""
    written = text.expandtabs(4)
    line = written.count("\n", 0, written.find(head)) + 1
    where = f"line {line}" if written.count(head) == 1 else f"at {head[:60]!r}"
    return InputError(
        f"notes, {where}: with the table there, tables have more than {CELLS_LIMIT:,} cells",
        hint="every row gets as many cells as the head has: make it narrower or shorter, or write a list",
    )


class _Links(LinkInlineProcessor):
    """Reads ``(address "title")`` as CommonMark 6.3 does, in linear time.

    The inherited scan goes on to the end of the paragraph for every address that is not ended, which
    takes minutes for a text of 150 kB that is made for it (measured).
    """

    def getLink(self, data: str, index: int) -> tuple[str, str | None, int, bool]:  # noqa: N802  # inherited
        match = _ADDRESS.match(data, index)
        if match is None:
            return "", None, index, False
        return self.unescape(match.group(1) or match.group(2) or "").strip(), None, match.end(), True


class _Headings(Treeprocessor):
    """Renumbers headings by their place in the outline, without gaps, and names them."""

    def run(self, root: Element) -> None:
        _check_addresses(root)
        open_levels: list[int] = []
        used: dict[str, int] = {}
        for element in root.iter():
            match = _HEADING.fullmatch(element.tag)
            if match is None:
                continue
            level = int(match.group(1))
            while open_levels and open_levels[-1] >= level:
                open_levels.pop()
            open_levels.append(level)
            element.tag = f"h{min(6, TOP_HEADING - 1 + len(open_levels))}"
            element.set("id", _name(element, used))


def _name(element: Element, used: dict[str, int]) -> str:
    text = _PLACEHOLDER.sub(" ", "".join(element.itertext())).lower()
    slug = "-".join(re.findall(r"[a-z0-9]+", text))[:60].strip("-") or "section"
    count = used.get(slug, 0) + 1
    while (name := slug if count == 1 else f"{slug}-{count}") in used:  # another one's text may say just that
        count += 1
    used[name] = 1
    used[slug] = count
    return name


def _check_paragraphs(source: str) -> None:
    for paragraph in source.split("\n\n"):
        for sign in _SIGNS:
            if paragraph.count(sign) > SIGNS_LIMIT:
                raise InputError(f"notes: more than {SIGNS_LIMIT} of {sign!r} in one paragraph")
        for line in paragraph.split("\n"):
            if line.count("`") * line.count("|") > CODE_AND_CELLS_LIMIT:
                raise InputError(f"notes: too many '`' and '|' in one line at {line[:60]!r}")
        depth = 0
        for sign in re.findall(r"[][]", paragraph):
            depth = depth + 1 if sign == "[" else max(0, depth - 1)
            if depth > BRACKET_LIMIT:
                raise InputError(f"notes: more than {BRACKET_LIMIT} brackets open at {paragraph[:60]!r}")

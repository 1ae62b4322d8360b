"""List items in notes that anybody wrote, and the section that each is in.

Measured on Flatcar's 540 published notes: sections are headings of any level, bold lines, or just
"Updates:"; items begin with ``-``, ``*`` or ``+``, indented by nothing or one space in the same list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from release.bundle.change import ChangeKind

_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(?P<title>.+?)[ \t#]*")
_BOLD = re.compile(r" {0,3}(?P<mark>\*\*|__)(?P<title>[^*_\n]{1,60})(?P=mark):?[ \t]*")
_PLAIN = re.compile(r" {0,3}(?P<title>[A-Za-z]+(?: [A-Za-z]+)?):[ \t]*")
_SINCE = re.compile(r"[ \t*_]*(?:[A-Za-z]+ )?changes (?:since|compared to)\b.*", re.IGNORECASE)
_ITEM = re.compile(r"(?P<indent> *)[-*+](?P<space> +)(?=\S)")
_FENCE = re.compile(r" *(?:```|~~~)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")

_SECTIONS = (
    (re.compile(r"breaking( changes)?"), ChangeKind.BREAKING),
    (re.compile(r"actions? required"), ChangeKind.ACTION_REQUIRED),
    (re.compile(r"security( (fix(es)?|updates?))?"), ChangeKind.SECURITY),
    (re.compile(r"(bug|bux) ?fix(es)?"), ChangeKind.BUGFIXES),
    (re.compile(r"changes"), ChangeKind.CHANGES),
    (re.compile(r"(.* )?updates"), ChangeKind.UPDATES),
)
_TITLE = 400
"""Characters in a line that can be a heading."""
_SEEN = 2048
"""Notes whose passages are kept in memory: more than any site has."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A list item with everything below it, or lines that are in no list.

    ``section`` is what the last heading says, in lower case, without marks; empty when there was none since
    the notes, or their next part ("Changes since ..."), began. ``text`` of an item begins with ``- ``.
    """

    section: str
    text: str
    is_item: bool

    @property
    def kind(self) -> ChangeKind | None:
        """The kind of change that the section is for, if it is for one."""
        return _kind(self.section)


@lru_cache(maxsize=_SEEN)
def passages(notes: str) -> tuple[Passage, ...]:
    """Everything that is said in Markdown notes, in order, without headings. Takes any text."""
    return tuple(_passages(notes))


def _passages(notes: str) -> Iterator[Passage]:
    section, lines, edge, fenced = "", list[str](), 0, False
    for raw in notes.replace("\r\n", "\n").split("\n"):
        line = raw.rstrip().expandtabs(4)
        fenced ^= _FENCE.match(line) is not None
        title = None if fenced else _title(line)
        mark = None if fenced else _ITEM.match(line)
        begins = mark is not None and len(mark["indent"]) < (edge or len(line))
        leaves = edge and not fenced and not lines[-1] and line[:edge].strip()
        if title is not None or begins or leaves:
            yield from _passage(section, lines, edge)
            lines, edge = [], 0
        if title is not None:
            section = title
        elif mark is not None and begins:
            lines, edge = ["- " + line[mark.end() :]], mark.end()
        else:
            lines.append(_dedent(line, edge) if edge else line.lstrip())
    yield from _passage(section, lines, edge)


def _passage(section: str, lines: list[str], edge: int) -> Iterator[Passage]:
    text = "\n".join(lines).strip()
    if text:
        yield Passage(section, text, bool(edge))


def _dedent(line: str, edge: int) -> str:
    """A further line of an item, as if its text began in the third column."""
    indent = len(line) - len(line.lstrip())
    return " " * min(indent, max(2, indent - edge + 2)) + line.lstrip()


def _kind(section: str) -> ChangeKind | None:
    return next((kind for form, kind in _SECTIONS if form.fullmatch(section)), None)


def _title(line: str) -> str | None:
    """What a heading says; empty for one that begins another part of the notes; None for other lines."""
    if len(line) > _TITLE:
        return None
    if _SINCE.fullmatch(line):
        return ""
    plain = _PLAIN.fullmatch(line)
    if plain is not None and _kind(plain["title"].lower()) is not None:
        return plain["title"].lower()
    match = _HEADING.fullmatch(line) or _BOLD.fullmatch(line)
    if match is None:
        return None
    title = _LINK.sub(r"\1", match["title"])
    return "" if _SINCE.fullmatch(title) else " ".join(re.sub(r"[*_`:]+", " ", title).split()).lower()

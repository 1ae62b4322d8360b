"""Links in Markdown text, and what was to be one and is none. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

_TICKS = re.compile(r"`+")
_NO_LINE_END = re.compile(r"[^\n]")
_ESCAPED = re.compile(r"\\[\\\[\]()]")
_AUTO = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{0,30}:[^<>\s]*)>")
_REVERSED = re.compile(r"\(([^()\n]{0,200})\)\[(https?://[^\[\]\s]*)\]")
_BRACKET = re.compile(r"[\[\]]")
_ADDRESS = re.compile(
    r"""\([ \t]*+([^()\s]*+(?:\([^()\s]*+\)[^()\s]*+)*+)(?:[ \t]++"[^"\n]{0,200}")?+[ \t]*+\)"""
)
_DETACHED = re.compile(r"[ \t]+\(https?:")
_BOX = re.compile(r"[ xX]?|!?\^\S+")
_WORDS = 500
"""Characters of a link's words that are read: links inside each other have those of all inner ones."""


class Malformation(StrEnum):
    """What can be wrong with a link's form."""

    UNCLOSED = "unclosed"
    """A ``[`` without its ``]``."""
    UNOPENED = "unopened"
    """A ``]`` without its ``[``."""
    NO_ADDRESS = "no-address"
    """Words in brackets, and no address."""
    DETACHED = "detached"
    """A space between the words and the address."""
    BROKEN_ADDRESS = "broken-address"
    """An address with a space in it, or without its ``)``."""
    REVERSED = "reversed"
    """The words in round brackets and the address in square ones."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link: its words or their beginning, where it leads, and the place in the text where it begins."""

    words: str
    address: str
    at: int


@dataclass(frozen=True, slots=True)
class Malformed:
    """What was to be a link, how it begins, and the place in the text."""

    what: Malformation
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Linked:
    """What links a text has. ``rest`` is the text, blank where links and code are; as long as it was."""

    links: tuple[Link, ...]
    malformed: tuple[Malformed, ...]
    rest: str


def read_links(text: str) -> Linked:
    """The links of a Markdown text, in order. What is in code, or escaped, is none."""
    plain = _ESCAPED.sub(_blank, _without_code(text))
    links = [Link(match[1], match[1], match.start()) for match in _AUTO.finditer(plain)]
    malformed = [
        Malformed(Malformation.REVERSED, match[0][:80], match.start()) for match in _REVERSED.finditer(plain)
    ]
    plain = _REVERSED.sub(_blank, _AUTO.sub(_blank, plain))
    spans = []
    for begin, found, end in _brackets(plain):
        if isinstance(found, Link):
            links.append(found)
            spans.append((begin, end))
        else:
            malformed.append(found)
    return Linked(
        links=tuple(sorted(links, key=lambda one: one.at)),
        malformed=tuple(sorted(malformed, key=lambda one: (one.at, one.what))),
        rest=_without(plain, sorted(spans)),
    )


def _without_code(text: str) -> str:
    """Code is between two rows of equally many backticks (CommonMark 6.1), as soon as there are two."""
    rows = [match.span() for match in _TICKS.finditer(text)]
    last: dict[int, int] = {}
    partners: list[int | None] = [None] * len(rows)
    for index in reversed(range(len(rows))):
        length = rows[index][1] - rows[index][0]
        partners[index] = last.get(length)
        last[length] = index
    spans, index = [], 0
    while index < len(rows):
        partner = partners[index]
        if partner is not None:
            spans.append((rows[index][0], rows[partner][1]))
            index = partner
        index += 1
    return _without(text, spans)


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text, blank where these are; they are in order of where they begin."""
    kept, place = [], 0
    for begin, end in spans:
        if end > place:
            kept += [text[place:begin], _NO_LINE_END.sub(" ", text[max(place, begin) : end])]
            place = end
    return "".join([*kept, text[place:]])


def _brackets(plain: str) -> Iterator[tuple[int, Link | Malformed, int]]:
    opened: list[int] = []
    for match in _BRACKET.finditer(plain):
        at = match.start()
        if match[0] == "[":
            opened.append(at)
        elif not opened:
            yield at, Malformed(Malformation.UNOPENED, plain[max(0, at - 40) : at + 1], at), at + 1
        else:
            begin = opened.pop()
            yield from _pair(plain, begin, at)
    for begin in opened:
        yield begin, Malformed(Malformation.UNCLOSED, plain[begin : begin + 40], begin), begin + 1


def _pair(plain: str, begin: int, end: int) -> Iterator[tuple[int, Link | Malformed, int]]:
    """What a pair of square brackets is."""
    words, after = plain[begin + 1 : min(end, begin + 1 + _WORDS)], end + 1
    address = _ADDRESS.match(plain, after)
    shown = plain[begin : begin + 80]
    if address is not None:
        yield begin, Link(" ".join(words.split()), address[1], begin), address.end()
    elif plain.startswith("(", after):
        yield begin, Malformed(Malformation.BROKEN_ADDRESS, shown, begin), after
    elif _DETACHED.match(plain, after):
        yield begin, Malformed(Malformation.DETACHED, shown, begin), after
    elif not _BOX.fullmatch(words):
        yield begin, Malformed(Malformation.NO_ADDRESS, plain[begin:after][:80], begin), after


def _blank(match: re.Match[str]) -> str:
    """As many spaces, and the line ends where they were."""
    return _NO_LINE_END.sub(" ", match[0])

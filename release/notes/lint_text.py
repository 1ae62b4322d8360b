"""What is wrong with the text of a changelog fragment. Pure; see ``release.notes.lint``."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from release.notes.characters import FORBIDDEN
from release.notes.cves import cve_ids, malformed_cve_ids
from release.notes.fault import Fault
from release.notes.links import Link, Linked, read_links
from release.notes.markers import PLACEHOLDER

_ITEM = re.compile(r"(?P<mark>[-*+])[ \t]+(?P<text>\S.*)")
_INDENT = re.compile(r" {0,3}(?=[-*+][ \t])")
_FENCE = re.compile(r"[ \t]*(?:```|~~~)")
_WEB = re.compile(r"https?://[^/\s]", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LOWER = re.compile(r"\b(?!CVE)[Cc][Vv][Ee]-[0-9]{4}-[0-9]{4,}")
_EXACT = re.compile(r"\bCVE-[0-9]{4}-[0-9]{4,19}", re.IGNORECASE)
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class WrittenItem:
    """A list item as it is written: the line that it begins in, from 1, and its text without the mark."""

    line: int
    text: str


def written_items(text: str) -> tuple[WrittenItem, ...]:
    """The list items of a fragment. Lines that are in none are left out."""
    items: list[tuple[int, list[str]]] = []
    edge, fenced = 0, False
    for number, raw in enumerate(text.split("\n"), start=1):
        indent = _INDENT.match(raw)
        edge = indent.end() if indent and not items else edge
        line = raw[edge:] if not raw[:edge].strip() else raw
        item = None if fenced else _ITEM.fullmatch(line)
        fenced ^= _FENCE.match(line) is not None
        if item is not None:
            items.append((number, [item["text"]]))
        elif items:
            items[-1][1].append(line)
    return tuple(WrittenItem(number, "\n".join(lines).rstrip()) for number, lines in items)


def check_text(path: str, text: str, items: tuple[WrittenItem, ...]) -> Iterator[Fault]:
    """What is wrong with a fragment's lines, whatever they say."""
    if not items:
        yield Fault(path, 1, "empty", "no list item" if text.strip() else "nothing")
    fence = 0
    for number, line in enumerate(text.split("\n"), start=1):
        match = FORBIDDEN.search(line)
        if match is not None:
            yield Fault(path, number, "character", f"U+{ord(match[0]):04X}")
        if _FENCE.match(line):
            fence = 0 if fence else number
        elif not fence:
            yield from _check_line(path, number, line)
    if fence:
        yield Fault(path, fence, "fence", "code that never ends")


def _check_line(path: str, number: int, line: str) -> Iterator[Fault]:
    indent, item = _INDENT.match(line), _ITEM.fullmatch(line)
    if item is not None and item["mark"] != "-":
        yield Fault(path, number, "mark", repr(item["mark"]))
    elif number == 1 and indent is not None and indent.end():
        yield Fault(path, number, "indent", "spaces before the item")
    elif item is None and line.strip() and line[0] not in " \t":
        yield Fault(path, number, "item", repr(line[:_SHOWN]))
    identifiers = malformed_cve_ids(line)
    for found in dict.fromkeys(PLACEHOLDER.findall(line)):
        if not any(found in one for one in identifiers):
            yield Fault(path, number, "marker", repr(found))


def check_item(path: str, item: WrittenItem) -> Iterator[Fault]:
    """What is wrong with what an item says: its links, its identifiers, its brackets."""
    linked = read_links(item.text)
    found = [
        *(fault for link in linked.links for fault in _check_link(link)),
        *((bad.at, f"link-{bad.what}", repr(bad.text)) for bad in linked.malformed),
        *_check_identifiers(item.text, linked),
    ]
    opened, closed = linked.rest.count("("), linked.rest.count(")")
    if opened != closed:
        found.append((0, "brackets", f"{opened} '(' and {closed} ')'"))
    ends = [match.start() for match in re.finditer("\n", item.text)]
    for at, rule, said in found:
        yield Fault(path, item.line + bisect_left(ends, at), rule, said)


def _check_link(link: Link) -> Iterator[tuple[int, str, str]]:
    shown = f"[{link.words[:_SHOWN]}]({link.address[:_SHOWN]})"
    if not link.words:
        yield link.at, "link-words", shown
    if not _WEB.match(link.address):
        yield link.at, "link-address", f"{_wrong_address(link.address)} in {shown}"
    said, meant = cve_ids(link.words), cve_ids(link.address)
    if len(said) == 1 and meant and said != meant:
        yield link.at, "cve-address", f"{said[0]} that leads to {meant[0]}"


def _wrong_address(address: str) -> str:
    if not address:
        return "no address"
    if address.startswith("//"):
        return "an address without a scheme, which is of another site"
    scheme = _SCHEME.match(address)
    return "an address that depends on the page" if scheme is None else f"the scheme {scheme[0]!r}"


def _check_identifiers(text: str, linked: Linked) -> Iterator[tuple[int, str, str]]:
    at = 0
    for found in malformed_cve_ids(text):  # in the order in which they begin
        at = text.find(found, at)
        yield at, "cve", repr(found)
    said = "\n".join([*(link.words for link in linked.links), linked.rest])
    places = _places(_LOWER, text)
    for small in dict.fromkeys(_LOWER.findall(said)):
        yield places.get(small, 0), "cve-case", repr(small)
    places = _places(_EXACT, text, str.upper)
    for name, count in sorted(Counter(one.upper() for one in _EXACT.findall(said)).items()):
        if count > 1:
            yield places.get(name, 0), "cve-twice", f"{name} {count} times"


def _places(form: re.Pattern[str], text: str, fold: Callable[[str], str] = str) -> dict[str, int]:
    """Where everything of that form is first; ``fold`` tells what counts as the same."""
    return {fold(match[0]): match.start() for match in reversed([*form.finditer(text)])}

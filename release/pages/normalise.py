"""Rewrites Markdown as people write it into the narrower form that Python-Markdown reads the same way.

Python-Markdown wants a blank line before a list, four columns for each level of nesting, ``#`` at the
left edge, and takes ``#123`` for a heading. CommonMark, which authors see on code hosts, does not.
This module tracks list items as CommonMark section 5.2 does (a line belongs to an item when it is
indented to where the item's text began) and writes every line out where Python-Markdown expects it.
"""

from __future__ import annotations

import re

from release.errors import InputError

NESTING_LIMIT = 16
"""Lists and quotations inside each other. Real notes have at most 4."""

_TAB = "    "
_MARKER = re.compile(r"(?:([-*+])|(\d{1,9})[.)])(?:( {1,4})(?=\S)| +(?=\S)|$)", re.ASCII)
_CONTAINERS = re.compile(r"(?:>|(?:[-*+]|\d{1,9}[.)])(?= )| )*", re.ASCII)
_HEADING = re.compile(r"#{1,6}(?: |$)")
_DEFINITION = re.compile(r"\[[^][]+\]: *\S+(?: +(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))? *$")
_NO_DEFINITION = re.compile(r"\[[^][]*\]: *")
_RULE = re.compile(r"([-*_])(?: *\1){2,} *")
_SETEXT = re.compile(r"(?:=+|-+) *")
_FENCE = re.compile(r"(`{3,})[^`]*|(~{3,}).*")


def normalise(text: str) -> str:
    """Rewrite ``text`` for Python-Markdown with ``fenced_code`` and ``sane_lists``.

    Raises:
        InputError: lists and quotations are nested deeper than ``NESTING_LIMIT``; names the line.
    """
    writer = _Writer()
    for number, line in enumerate(text.expandtabs(4).split("\n"), start=1):
        if writer.fence is None:
            _check_nesting(number, line, len(writer.offsets))
        writer.line(line)
    writer.end()
    return "\n".join(writer.out) + "\n"


class _Writer:
    """State while walking down the lines."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.offsets: list[int] = []
        """The column where the text of each open list item begins, outermost first."""
        self.kind: str | None = None
        """Whether the last item had a bullet or a number."""
        self.loose = False
        """An item of the open list goes on after a blank line; then every item needs one before it."""
        self.fence: str | None = None
        self.blank = True
        """The line before was blank (or there is none)."""
        self.paragraph = False
        """The line before can go on as a paragraph."""
        self.single = False
        """The line before is a paragraph's only one."""

    def line(self, line: str) -> None:
        body = line.lstrip(" ")
        indent = len(line) - len(body)
        if self.fence is not None:
            self._code(line, body, indent)
        elif not body:
            self._write("", blank=True)
        else:
            self._text(body, indent)

    def _text(self, body: str, indent: int) -> None:
        marker = _MARKER.match(body)
        before = self.kind if self.offsets else None
        self._leave(body, indent, before if marker else None)
        inner = indent - (self.offsets[-1] if self.offsets else 0)
        if inner >= 4 and not self.paragraph:
            self._write(_TAB * len(self.offsets) + " " * inner + body)
        elif fence := _FENCE.fullmatch(body):
            self.fence = fence.group(1) or fence.group(2)
            self._separate()
            if not self.offsets:
                self._write(self.fence)
        elif _HEADING.match(body):
            self._separate()
            self._write(_TAB * len(self.offsets) + body)
            self._separate()
        elif _RULE.fullmatch(body) and not (self.paragraph and _SETEXT.fullmatch(body)):
            self._separate()
            self._write(_TAB * len(self.offsets) + body)
        elif marker and inner < 4 and self._may_begin(marker, before):
            self._item(body, indent, marker, before)
        elif _DEFINITION.match(body):
            self._write(_TAB * len(self.offsets) + body)
            self._separate()
        else:
            text = "\\" + body if body.startswith("#") or _NO_DEFINITION.match(body) else body
            ends = self.single and not self.offsets and _SETEXT.fullmatch(body)
            self._write(_TAB * len(self.offsets) + _hard_break(text), paragraph=True)
            if ends:  # the time to read headings that nothing parts grows with their square, at least
                self._separate()

    def _leave(self, body: str, indent: int, before: str | None) -> None:
        """Close the items that a line does not belong to. ``before``: it may go on with a list."""
        if not self.paragraph or _starts_block(body):
            while self.offsets and indent < self.offsets[-1]:
                self.offsets.pop()
                if not _MARKER.match(body):
                    self._separate()
        if self.blank and self.offsets:
            self.loose = True
        elif not self.offsets and not before:
            self.loose = False

    def _item(self, body: str, indent: int, marker: re.Match[str], before: str | None) -> None:
        """Write a list item: the number as ``1.``, the text one tab further in than the item."""
        kind = "bullet" if marker.group(1) else "number"
        if self.loose or (self.paragraph and before != kind and not (before and self.offsets)):
            self._separate()
        sign = marker.group(1) or f"{marker.group(2)}."
        width = marker.end() if marker.group(3) else len(marker.group().rstrip()) + 1
        prefix = _TAB * len(self.offsets)
        self.offsets.append(indent + width)
        self.kind = kind
        self._write(f"{prefix}{sign} {_hard_break(body[marker.end() :])}", paragraph=True)

    def _may_begin(self, marker: re.Match[str], before: str | None) -> bool:
        """CommonMark 5.2: in the middle of a paragraph only a bullet or number 1 begins a list."""
        if not self.paragraph or before:
            return True
        return marker.group(3) is not None and marker.group(2) in {None, "1"}

    def end(self) -> None:
        """Close a fence that the text leaves open: CommonMark ends it with the text."""
        if self.fence is not None and not self.offsets:
            self._write(self.fence)

    def _code(self, line: str, body: str, indent: int) -> None:
        """Write a line of fenced code. Inside a list Python-Markdown reads indented code only."""
        fence, edge = self.fence or "", self.offsets[-1] if self.offsets else 0
        if body and indent < edge:
            self.fence = None
            self._separate()
            self.line(line)
        elif indent - edge < 4 and _closes(fence, body):
            if not self.offsets:
                self._write(fence)
            self.fence = None
            self._separate()
        elif body:
            self._write(_TAB * (len(self.offsets) + 1) + line[edge:] if self.offsets else line)
        else:
            self._write("", blank=True)

    def _separate(self) -> None:
        if not self.blank:
            self._write("", blank=True)

    def _write(self, line: str, *, blank: bool = False, paragraph: bool = False) -> None:
        self.out.append(line)
        self.single = paragraph and not self.paragraph
        self.blank = blank
        self.paragraph = paragraph


def _starts_block(body: str) -> bool:
    """Whether ``body`` ends a paragraph by itself, so that it is not a lazy continuation of one."""
    return bool(
        _MARKER.match(body) or _HEADING.match(body) or _RULE.fullmatch(body) or _FENCE.fullmatch(body)
    )


def _hard_break(text: str) -> str:
    """CommonMark 6.7: a backslash at the end of a line breaks it, as two spaces do."""
    return text[:-1] + "  " if text.endswith("\\") and not text.endswith("\\\\") else text


def _closes(fence: str, body: str) -> bool:
    rest = body.rstrip(" ")
    return len(rest) >= len(fence) and rest == fence[0] * len(rest)


def _check_nesting(number: int, line: str, depth: int) -> None:
    match = _CONTAINERS.match(line)
    signs = len(re.findall(r"[^ \d]", match.group())) if match else 0
    if depth + signs > NESTING_LIMIT + 1:
        raise InputError(f"notes, line {number}: lists and quotations nested deeper than {NESTING_LIMIT}")

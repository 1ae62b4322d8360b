"""The rules that changelog fragments are to keep, and how they are broken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from release.bundle.change import ChangeKind
from release.notes.fragments import FRAGMENT_LIMIT


class Level(StrEnum):
    """Whether something must be mended."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is expected, and what to do where it is not so."""

    level: Level
    expected: str
    mend: str


def _must(expected: str, mend: str) -> Rule:
    return Rule(Level.ERROR, expected, mend)


def _should(expected: str, mend: str) -> Rule:
    return Rule(Level.WARNING, expected, mend)


_NAME = "a name like 2026-08-07-few-words.md"
_LINK = "a link like [words](https://example.org/)"

RULES = {
    "kind": _must(f"one of the directories {', '.join(ChangeKind)}", "move it into that of its kind"),
    "name": _must(_NAME, "rename it"),
    "suffix": _must("a name that ends in .md", "add .md to the name"),
    "day": _must(_NAME, "put the day into the name"),
    "date": _must("a date that exists", "put the date of the change into the name"),
    "future": _must("a date that has come", "put the date of the change into the name"),
    "digits": _should("month and day with two digits", "put a 0 before"),
    "size": _must(f"at most {FRAGMENT_LIMIT:,} bytes", "shorten it: a fragment tells one change"),
    "encoding": _must("UTF-8", "save the file as UTF-8"),
    "empty": _must("at least one item ('- ...')", "write one, or remove the file"),
    "character": _must("text that is what it looks like", "remove it: it acts on terminals or reverses text"),
    "fence": _must("the end of the code", "add a line with ``` below"),
    "item": _must(
        "an item ('- ...'), or an indented line that continues one",
        "begin every change with '- ' and indent its further lines by two spaces",
    ),
    "indent": _should("'- ' at the margin", "take the spaces off"),
    "mark": _should("items that begin with '- '", "use '-'"),
    "marker": _must("finished text", "write what is missing"),
    "brackets": _should("as many '(' as ')'", "close what was opened"),
    "duplicate": _should("each change told once", "remove one of them"),
    "link-words": _must("words to click on", "say what the link leads to"),
    "link-address": _must("http:// or https://", "give the whole address"),
    "link-unclosed": _must(_LINK, "add the ']', or write \\["),
    "link-unopened": _must(_LINK, "add the '[', or write \\]"),
    "link-no-address": _should(_LINK, "add the address, or take the brackets off"),
    "link-detached": _must(_LINK, "take the space before the address out"),
    "link-broken-address": _must(_LINK, "give it one address, without spaces, and its ')'"),
    "link-reversed": _must(_LINK, "put the words into [] and the address into ()"),
    "cve": _must("an identifier like CVE-2026-12345", "put the identifier there, or leave it out"),
    "cve-case": _should("capital letters", "write CVE"),
    "cve-address": _must("the same identifier in words and address", "correct the wrong one"),
    "cve-twice": _should("each identifier once in an item", "take one of them out"),
}
"""By name. Errors are what no notes should have, or what ``release.notes.fragments`` refuses; warnings are
what readers stumble over."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that is broken, and where. ``line`` counts from 1; ``found`` may be anybody's text."""

    path: str
    line: int
    rule: str
    found: str

    @property
    def level(self) -> Level:
        """How bad it is."""
        return RULES[self.rule].level

    def __str__(self) -> str:
        rule = RULES[self.rule]
        said = f"found {self.found}, expected {rule.expected}; {rule.mend}"
        return f"{self.path}:{self.line}: {rule.level}: {self.rule}: {said}"

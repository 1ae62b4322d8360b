"""What an item for updates says, word by word: names, and the versions said of them. Pure.

Forms that people use, counted in Flatcar's fragments and published notes, and others that render alike:
``NAME ([VERSION](...) (includes ...))``, ``NAME VERSION``, ``NAME: VERSION``, ``base: NAME (A), NAME (B)``,
``NAME (A, OTHER B)``, ``NAME (A) (only in SDK)``, with or without links, emphasis and code marks.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_BULLETS = re.compile(r"(?:(?:>|(?:[-*+]|[0-9]{1,9}[.)]|\[[ xX]\])(?=\s))\s*)*", re.ASCII)
_BELOW = re.compile(r"\n[ \t]*+(?=>|[-*+]\s|[0-9]{1,9}[.)]\s)", re.ASCII)
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)")
_ADDRESS = re.compile(r"<?https?://[^\s()]*|<[^<>]{0,200}>", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_MARKS = re.compile(r"[*`\[\]]+|~~+|(?<![0-9A-Za-z])_+|_+(?![0-9A-Za-z])")
_WORD = re.compile(r"[(),;:]|[^\s(),;:]+")
_VERSION = re.compile(r"[vV]?[0-9][0-9A-Za-z._+~-]*", re.ASCII)
_NAME_VERSION = re.compile(r"(?P<name>.*[A-Za-z0-9])-(?P<version>[vV]?[0-9]+\.[0-9A-Za-z._+~-]*)", re.ASCII)
_FILLERS = frozenset({"version", "release", "to", "now", "update", "updated", "upgrade", "upgraded"})
_AND = frozenset({",", ";", "and", "&"})
_BEFORE = "from"
"""What a package had before: no promise."""
_LISTING = frozenset({"includes", "include", "contains", "with"})
_NAME_LENGTH, _VERSION_LENGTH = 120, 60
_NAME_WORDS = 40
_SHORT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A name, what it is prefixed with, and all versions said of it: none, where no form was understood."""

    name: str
    versions: tuple[str, ...] = ()
    prefix: str = ""


def split_item(text: str) -> tuple[str, ...]:
    """An item and those in it, each without its bullet, number, quotation mark or box."""
    found = []
    for part in _BELOW.split(text):
        words = _BULLETS.sub("", " ".join(part.split()), count=1)
        if words:
            found.append(words)
    return tuple(found)


def read_item(text: str) -> tuple[Said, ...]:
    """What a list item says: one at least of each item in it. Any text is read, in time linear to it."""
    return tuple(said for part in split_item(text) or (text,) for said in _read_line(part))


def _read_line(line: str) -> tuple[Said, ...]:
    plain = _plain(line)
    found = tuple(_Reader().read(plain))
    return found or (Said(name=(plain or line)[:_NAME_LENGTH]),)


def _plain(line: str) -> str:
    """What a reader sees of a line, without addresses and marks."""
    shown = html.unescape(_ADDRESS.sub(" ", _LINK.sub(r"\1", line)))
    return " ".join(_MARKS.sub("", _ESCAPE.sub("", shown)).split())


def _is_version(word: str) -> bool:
    return _VERSION.fullmatch(word) is not None


def _is_long(version: str) -> bool:
    """Whether it can hardly be anything but a version, as ``12`` can: ``1.2``, ``20260812``."""
    return "." in version or len(version) > _SHORT


def _attached(word: str) -> re.Match[str] | None:
    """A name and the version after it; None for what is long: the time to read it grows with its square."""
    return _NAME_VERSION.fullmatch(word) if len(word) <= _NAME_LENGTH + _VERSION_LENGTH else None


@dataclass(slots=True)
class _Reader:
    """Reads words from left to right. What is said of a name ends where the next name begins."""

    prefix: str = ""
    labelled: str = ""
    """Words before a colon: a prefix, if a name follows; else the name."""
    names: list[str] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    loose: bool = False
    """Whether the version may be a number in a sentence: short, not in brackets, and nothing follows yet."""
    only: str = ""
    asides: list[Said] = field(default_factory=list)

    def read(self, line: str) -> Iterator[Said]:
        depth, inner = 0, list[str]()
        for match in _WORD.finditer(line):
            word = match.group().rstrip(".") or "."
            if word in "()":
                self._close(inner)
                inner = []
                depth = depth + 1 if word == "(" else max(0, depth - 1)
            elif depth:
                if word in _AND or word == ":":
                    self._close(inner)
                    inner = []
                else:
                    inner.append(word)
            else:
                yield from self._outer(word)
        self._close(inner)
        yield from self._end()

    def _outer(self, word: str) -> Iterator[Said]:
        """Take in a word, or a mark, that is not in brackets."""
        if word == ":" and not self.versions and self.head:
            self.prefix = self.labelled or self.prefix
            self.labelled = ", ".join((*self.names, " ".join(self.head)))[:_NAME_LENGTH]
            self.names, self.head = [], []
        elif word == ":" or word.lower() in _AND:
            self.loose = False
            if self.head and not self.versions:
                self.names.append(self._name())
                self.head = []
        elif _is_version(word) and (_is_long(word) or self._awaits_version()):
            self.loose = not _is_long(word)
            self.versions.append(word)
        elif any(letter.isalnum() for letter in word) or not word.isascii():
            if self.loose:
                for number in self.versions:
                    self._add(number)
                self.versions, self.loose = [], False
            elif self.versions:
                yield from self._end()
            self._add(word)

    def _add(self, word: str) -> None:
        if len(self.head) < _NAME_WORDS:
            self.head.append(word[:_NAME_LENGTH])

    def _awaits_version(self) -> bool:
        return not self.versions and bool(self.head or self.names or self.labelled)

    def _close(self, words: list[str]) -> None:
        """Take in what is in brackets, up to a comma or further brackets."""
        told = words[: words.index(_BEFORE)] if _BEFORE in words else words
        if not told:
            return
        passed = {*_FILLERS, *_LISTING, *self._name().lower().split()}
        told = told[next((at for at, word in enumerate(told) if word.lower() not in passed), -1) :]
        self.loose = False
        attached = _attached(told[0])
        if _is_version(told[0]):
            self.versions += [told[0], *(word for word in told[1:] if _is_version(word) and _is_long(word))]
        elif attached is not None and attached["name"].lower() == self._name().lower():
            self.versions.append(attached["version"])
        elif len(told) > 1 and _is_version(told[-1]) and (len(told) == 2 or _is_long(told[-1])):
            self.asides.append(Said(name=" ".join(told[:-1]), versions=(told[-1],)))
        elif [word.lower() for word in told[:2]] == ["only", "in"]:
            self.only = " ".join(told[2:])
        elif not self.versions:
            self._add(f"({' '.join(told)})")
        elif not "".join(told).isascii():
            self.asides.append(Said(name=" ".join(told)))

    def _named(self) -> list[str]:
        """The words of a name that were read; none where it is the one before the colon."""
        least = 0 if self.labelled else 1
        start, end = 0, len(self.head)
        while end - start > least and self.head[start].lower() in _FILLERS:
            start += 1
        while end - start > least and self.head[end - 1].lower() in _FILLERS:
            end -= 1
        return self.head[start:end]

    def _name(self) -> str:
        return " ".join(self._named()) or (self.labelled if not self.names else "")

    def _end(self) -> Iterator[Said]:
        """What was said up to here, if it has a version; and begin anew."""
        names = [name for name in (*self.names, self._name()) if name]
        prefix = self.labelled if self.labelled and (self._named() or self.names) else self.prefix
        attached = _attached(names[-1]) if names and not self.versions else None
        if attached is not None:
            names[-1], self.versions = attached["name"], [attached["version"]]
        if self.versions:
            versions = tuple(one[:_VERSION_LENGTH] for one in self.versions)
            yield from (_said(name, versions, self.only or prefix) for name in names)
        yield from (_said(one.name, one.versions, self.only or prefix) for one in self.asides)
        self.prefix, self.labelled, self.only, self.loose = prefix, "", "", False
        self.names, self.head, self.versions, self.asides = [], [], [], []


def _said(name: str, versions: tuple[str, ...], prefix: str) -> Said:
    return Said(name=name[:_NAME_LENGTH], versions=versions, prefix=prefix[:_NAME_LENGTH])

"""Changelog fragments: one small Markdown file per change. ``release.notes.compose`` makes notes of them.

The layout is Flatcar's (flatcar/scripts ``changelog/``) and two kinds more: a directory per kind, holding
files called ``YYYY-MM-DD-some-words.md`` with list items in them. Files whose name begins with a dot are
not fragments (``.gitkeep``). Of Flatcar's 791 real ones, four have no exact date or no ``.md``, and one
indents its items; all of them are read, since the date only orders what is told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from release.bundle.change import ChangeKind
from release.errors import InputError, storage_errors
from release.notes.characters import FORBIDDEN

FRAGMENT_LIMIT = 256 << 10
"""Bytes in one fragment. The largest of 791 real ones has 13 KiB."""

_NAME = re.compile(r"([0-9]{4})-([0-9]{1,2})(?:-([0-9]{1,2}))?-\S+", re.ASCII)
_ITEM = re.compile(r"[-*+][ \t]+\S")
_INDENT = re.compile(r" {0,3}(?=[-*+][ \t])")
_FENCE = re.compile(r"[ \t]*(?:```|~~~)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """One fragment.

    ``day`` is year, month and day as its name states them (0 for a missing day); they order fragments
    and need not be a date that exists. ``items`` are Markdown list items that begin with ``- ``,
    without a line end.
    """

    kind: ChangeKind
    day: tuple[int, int, int]
    name: str
    items: tuple[str, ...]


def read_fragments(directory: Path) -> tuple[Fragment, ...]:
    """Read ``directory/KIND/*.md`` for every ``ChangeKind``, ordered by kind, day and name.

    A kind without a directory has no fragments; a directory that is no kind is an error, because what
    lies in it would be told to nobody. What links point to and whether CVE ids exist is not checked.

    Raises:
        InputError: ``directory`` is missing, holds an unknown kind, or a fragment is wrong
            (see ``parse_fragment``).
        UnavailableError: a file cannot be read now.
    """
    with storage_errors(directory):
        children = sorted(path for path in directory.iterdir() if not path.name.startswith("."))
        kinds = [(path, _kind(path)) for path in children if path.is_dir()]
        paths = [(kind, path) for folder, kind in kinds for path in sorted(folder.iterdir())]
    return tuple(
        sorted(
            (_read(kind, path) for kind, path in paths if not path.name.startswith(".")),
            key=lambda fragment: (fragment.kind.rank, fragment.day, fragment.name),
        )
    )


def changelog_files(directory: Path) -> tuple[tuple[str, bytes], ...]:
    """Path and content of every file that is to be a fragment, read no further than is needed to refuse it.

    Files that lie beside the directories of kinds, and those whose name begins with a dot, are none. Raises
    InputError, UnavailableError.
    """
    with storage_errors(directory):
        folders = sorted(path for path in directory.iterdir() if path.is_dir() and path.name[0] != ".")
        paths = [path for folder in folders for path in sorted(folder.iterdir()) if path.name[0] != "."]
    return tuple((str(path), _content(path)) for path in paths)


def parse_fragment(kind: ChangeKind, where: str, data: bytes) -> Fragment:
    """Read one fragment from its bytes.

    Args:
        kind: which section it belongs to.
        where: its path; the last part is its name, the whole is used in messages.
        data: UTF-8 Markdown: list items, each continued by lines that are further to the right.

    Raises:
        InputError: a name without a date, not UTF-8, too long, a forbidden character, text outside of
            a list item, a code fence left open, or nothing at all. The message names file and line.
    """
    name = where.rpartition("/")[2]
    day = _day(name, where)
    if len(data) > FRAGMENT_LIMIT:
        raise InputError(f"{where}: expected at most {FRAGMENT_LIMIT} bytes, found {len(data)}")
    items = _items(where, data)
    if not items:
        raise InputError(f"{where}:1: expected at least one list item ('- ...'), found none")
    for lines in items:
        if sum(1 for line in lines if _FENCE.match(line)) % 2:
            raise InputError(f"{where}: the code fence in {lines[0][:60]!r} is never closed")
    return Fragment(kind=kind, day=day, name=name, items=tuple("\n".join(x).rstrip() for x in items))


def _kind(folder: Path) -> ChangeKind:
    try:
        return ChangeKind(folder.name)
    except ValueError:
        known = ", ".join(ChangeKind)
        raise InputError(
            f"{folder}: not a kind of change; expected one of {known}",
            hint="move the fragments into one of these directories",
        ) from None


def _read(kind: ChangeKind, path: Path) -> Fragment:
    return parse_fragment(kind, str(path), _content(path))


def _content(path: Path) -> bytes:
    with storage_errors(path), path.open("rb") as source:
        return source.read(FRAGMENT_LIMIT + 1)


def _day(name: str, where: str) -> tuple[int, int, int]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputError(f"{where}: expected a name like 2026-08-07-what-changed.md, found {name!r}")
    year, month, day = match.groups(default="0")
    return int(year), int(month), int(day)


def _items(where: str, data: bytes) -> list[list[str]]:
    """The lines of every list item; the first one's indentation is taken off all."""
    items: list[list[str]] = []
    edge = 0
    for number, raw in enumerate(_lines(where, data), start=1):
        indent = _INDENT.match(raw)
        if not items and indent:
            edge = indent.end()
        line = raw[edge:] if not raw[:edge].strip() else raw
        if _ITEM.match(line):
            items.append(["- " + line[1:].lstrip()])
        elif items and (not line or line[0] in " \t"):
            items[-1].append(line)
        elif line:
            raise InputError(
                f"{where}:{number}: expected a list item ('- ...') or an indented line that continues one,"
                f" found {line[:60]!r}",
                hint="begin every change with '- ' and indent its further lines by two spaces",
            )
    return items


def _lines(where: str, data: bytes) -> list[str]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{where}:{line}: expected UTF-8, found byte 0x{data[error.start]:02x}") from error
    text = text.replace("\r\n", "\n")
    match = FORBIDDEN.search(text)
    if match:
        line = text.count("\n", 0, match.start()) + 1
        raise InputError(
            f"{where}:{line}: the character U+{ord(match.group()):04X} acts on terminals or reverses text;"
            " notes may not hold it"
        )
    return [line.rstrip() for line in text.split("\n")]

"""File lists of an image: what ``find -printf`` said of every file in its tree.

Two forms are read, told apart line by line. Source: flatcar/scripts ``build_library/reports_util.sh``:

- ``contents.txt``, as people read it: mode, links, user, group, size, date, time, ``./path`` and, of a
  symbolic link, `` -> target``.
- ``contents_wtd.txt``, with technical details: mode, device, inode, links, size, ``./path``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from release.errors import InputError, storage_errors

LONGEST_LIST = 64 << 20
"""Bytes that a list may have: some 600,000 files."""
_MODE = r"(?P<kind>[-dlbcpsD])(?P<mode>[r-][w-][xsS-][r-][w-][xsS-][r-][w-][xtT-])"
_LINE = re.compile(
    rf"{_MODE} "
    r"(?:[0-9]+ [0-9]+ [0-9]+ (?P<detailed>[0-9]+)"
    r"| ?[0-9]+ [^ ]+ +[^ ]+ +(?P<size>[0-9]+) [0-9]{4,}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2})"
    r" \./(?P<path>.*)",
    re.ASCII | re.DOTALL,
)
_ARROW = " -> "
_BITS = (0o400, 0o200, 0o100, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001)
_SPECIAL = {2: 0o4000, 5: 0o2000, 8: 0o1000}
"""By the place of the letter that shows it: set-user-id, set-group-id, sticky."""


class FileKind(StrEnum):
    """What a file is."""

    REGULAR = "file"
    DIRECTORY = "directory"
    LINK = "link"
    """A symbolic link."""
    SPECIAL = "special"
    """A device, a pipe or a socket."""


_KINDS = {"-": FileKind.REGULAR, "d": FileKind.DIRECTORY, "l": FileKind.LINK}


class FileEntry(NamedTuple):
    r"""One file of an image.

    ``path`` is relative to the root of its tree; it is what somebody called the file, bytes that are not
    UTF-8 as ``\xff``: take control characters out before showing it. ``mode`` are the permission bits,
    ``size`` bytes of a regular file and 0 of others, ``target`` what a symbolic link says (empty in a list
    with technical details, which does not tell).
    """

    path: str
    kind: FileKind
    mode: int
    size: int
    target: str = ""


def read_contents(path: Path) -> Mapping[str, FileEntry]:
    """The files of a list by their path, sorted.

    Raises:
        InputError: unreadable, too long, empty, a line of another form, or a path twice.
    """
    with storage_errors(path), path.open("rb") as source:
        data = source.read(LONGEST_LIST + 1)
    return parse_contents(data, str(path))


def parse_contents(data: bytes, where: str) -> Mapping[str, FileEntry]:
    """The files of the list that ``data`` is, by their path, sorted; ``where`` is for messages.

    The root of the tree is left out. A name with a line feed in it cannot be told from two lines: such a
    list is refused. Of a symbolic link whose own name has an arrow in it, the first arrow counts.

    Raises:
        InputError: as ``read_contents``.
    """
    if len(data) > LONGEST_LIST:
        raise InputError(f"{where}: expected at most {LONGEST_LIST} bytes")
    entries: dict[str, FileEntry] = {}
    for entry, number in _entries(data, where):
        if entry.path in entries:
            raise InputError(f"{where}:{number}: {entry.path[:200]!r} is there twice")
        entries[entry.path] = entry
    if not entries:
        raise InputError(f"{where}: expected at least one file, found none")
    return dict(sorted(entries.items()))


def _entries(data: bytes, where: str) -> Iterator[tuple[FileEntry, int]]:
    for number, line in enumerate(data.decode("utf-8", "backslashreplace").split("\n"), start=1):
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError(
                f"{where}:{number}: expected MODE LINKS USER GROUP SIZE DATE TIME ./PATH, or"
                f" MODE DEVICE INODE LINKS SIZE ./PATH, found {line[:80]!r}"
            )
        if match["path"]:
            yield _entry(match, f"{where}:{number}"), number


def _entry(match: re.Match[str], where: str) -> FileEntry:
    kind = _KINDS.get(match["kind"], FileKind.SPECIAL)
    path, target = match["path"], ""
    if kind is FileKind.LINK:
        path, _, target = path.partition(_ARROW)
    size = 0
    if kind is FileKind.REGULAR:
        digits = match["size"] or match["detailed"]
        if len(digits) > 18:
            raise InputError(f"{where}: size {digits[:30]}: expected at most 18 digits")
        size = int(digits)
    return FileEntry(path, kind, _MODES.get(match["mode"]) or _bits(match["mode"]), size, target)


def _bits(letters: str) -> int:
    """``rwsr-x--t`` as a number."""
    mode = 0
    for at, letter in enumerate(letters):
        if letter not in "-ST":
            mode |= _BITS[at]
        if letter in "sStT":
            mode |= _SPECIAL[at]
    return mode


_MODES = {letters: _bits(letters) for letters in ("rw-r--r--", "rwxr-xr-x", "rwxrwxrwx")}
"""Those of nearly all files."""

"""Checking changelog fragments as they are written: what is wrong, where, and how to mend it. Pure.

Most rules (``release.notes.fault.RULES``) were found broken in Flatcar's 791 real fragments; see
``docs/notes.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import PurePath

from release.bundle.change import ChangeKind, change_id
from release.notes.fault import Fault
from release.notes.fragments import FRAGMENT_LIMIT
from release.notes.lint_text import WrittenItem, check_item, check_text, written_items

_NAME = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2})(?!\d))?(?:-(?P<words>.+?))?(?P<suffix>\.md)?",
    re.ASCII,
)
_AHEAD = timedelta(days=1)
"""It may be tomorrow already where somebody writes."""


def lint_changelog(files: Iterable[tuple[str, bytes]], today: date) -> tuple[Fault, ...]:
    """Everything that is wrong with these fragments, by path and line.

    Args:
        files: path and content of every file in the directories of kinds, ``security/2026-...md`` say.
        today: names with a later date are wrong.

    What links lead to, and whether CVE identifiers exist, is not checked.
    """
    faults: list[Fault] = []
    items: list[tuple[str, WrittenItem]] = []
    for path, data in sorted(files):
        faults += _check_name(path, today)
        text, wrong = _text(path, data)
        faults += wrong
        if text is not None:
            written = written_items(text)
            faults += check_text(path, text, written)
            items += [(path, item) for item in written]
    faults += [fault for path, item in items for fault in check_item(path, item)]
    faults += _duplicates(items)
    return tuple(sorted(faults, key=lambda fault: (fault.path, fault.line, fault.rule, fault.found)))


def _check_name(path: str, today: date) -> Iterator[Fault]:
    folder, name = PurePath(path).parent.name, PurePath(path).name
    if folder not in set(ChangeKind):
        yield Fault(path, 1, "kind", f"the directory {folder!r}")
    match = _NAME.fullmatch(name)
    if match is None or match["words"] is None or re.search(r"\s", name):
        yield Fault(path, 1, "name", repr(name))
        return
    if match["suffix"] is None:
        yield Fault(path, 1, "suffix", repr(name))
    if match["day"] is None:
        yield Fault(path, 1, "day", "a date without a day")
        return
    stated = f"{match['year']}-{match['month']}-{match['day']}"
    try:
        day = date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        yield Fault(path, 1, "date", stated)
        return
    if day > today + _AHEAD:
        yield Fault(path, 1, "future", stated)
    if stated != str(day):
        yield Fault(path, 1, "digits", stated)


def _text(path: str, data: bytes) -> tuple[str | None, list[Fault]]:
    if len(data) > FRAGMENT_LIMIT:
        return None, [Fault(path, 1, "size", f"{len(data):,} bytes")]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, [Fault(path, line, "encoding", f"the byte 0x{data[error.start]:02x}")]
    return text.replace("\r\n", "\n"), []


def _duplicates(items: Iterable[tuple[str, WrittenItem]]) -> Iterator[Fault]:
    """Items that say the same as one before, in this or in another fragment."""
    first: dict[str, tuple[str, int]] = {}
    for path, item in items:
        place = first.setdefault(change_id(f"- {item.text}"), (path, item.line))
        if place != (path, item.line):
            yield Fault(path, item.line, "duplicate", f"what {place[0]}:{place[1]} says, too")

"""Why a mirror was behind when this machine last looked. For people who ask; nothing depends on it.

One small file per mirror in the yard's work directory: losing it loses an explanation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from release import canonical
from release.errors import InputError
from release.ledger.fields import format_time, parse_time
from release.line.workspace import read_record, write_file
from release.line.yard import Yard

_LONGEST = 2000
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """The trouble of one mirror, and when it was first and last met (aware, UTC)."""

    reason: str
    since: datetime
    last: datetime


def take_note(yard: Yard, mirror: str, reason: str | None) -> None:
    """Remember why a mirror is behind; None: it is not."""
    path = _path(yard, mirror)
    if reason is None:
        path.unlink(missing_ok=True)
        return
    now = yard.clock()
    before = read_note(yard, mirror)
    note = Note(reason=reason[:_LONGEST], since=now if before is None else before.since, last=now)
    write_file(
        path,
        canonical.dump(
            {"reason": note.reason, "since": format_time(note.since), "last": format_time(note.last)}
        ),
    )


def read_note(yard: Yard, mirror: str) -> Note | None:
    """What was noted, None when nothing was, or it cannot be read."""
    try:
        found = read_record(_path(yard, mirror))
        if found is None:
            return None
        return Note(
            reason=str(found["reason"]),
            since=parse_time(str(found["since"])),
            last=parse_time(str(found["last"])),
        )
    except (InputError, KeyError, ValueError):
        return None


def _path(yard: Yard, mirror: str) -> Path:
    return yard.work / "mirrors" / f"{mirror}.json"

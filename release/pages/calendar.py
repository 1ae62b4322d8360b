"""iCalendar (RFC 5545) of whole days. Pure.

Written by hand: what it needs of the standard is folding and escaping. No time of making is in it, an event's
stamp is the caller's, so that the same data gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from release.notes.characters import FORBIDDEN

_OCTETS = 75
"""The most in one line, the line break not counted (section 3.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something on one whole day. ``uid`` never changes, or readers have it twice.

    ``stamp`` is when it was first or last said (aware, UTC), ``alarm`` how long before the day a reminder
    comes. ``url`` is absolute.
    """

    uid: str
    stamp: datetime
    day: date
    summary: str
    description: str
    url: str | None = None
    alarm: timedelta | None = None


def calendar(name: str, events: Iterable[Event]) -> bytes:
    """A calendar of that name with the events in their order; UTF-8, lines end in CRLF and are folded."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//humpyard//release pages//EN",
        f"NAME:{_escaped(name)}",
        f"X-WR-CALNAME:{_escaped(name)}",
        *(line for event in events for line in _event(event)),
        "END:VCALENDAR",
    ]
    return b"".join(_folded(line) + b"\r\n" for line in lines)


def _event(event: Event) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{_escaped(event.uid)}"
    yield f"DTSTAMP:{event.stamp:%Y%m%dT%H%M%SZ}"
    yield f"DTSTART;VALUE=DATE:{event.day:%Y%m%d}"
    yield f"SUMMARY:{_escaped(event.summary)}"
    yield f"DESCRIPTION:{_escaped(event.description)}"
    if event.url is not None:
        yield f"URL:{event.url}"
    yield "TRANSP:TRANSPARENT"
    if event.alarm is not None:
        yield "BEGIN:VALARM"
        yield "ACTION:DISPLAY"
        yield f"TRIGGER:-P{event.alarm.days}D"
        yield f"DESCRIPTION:{_escaped(event.summary)}"
        yield "END:VALARM"
    yield "END:VEVENT"


def _escaped(text: str) -> str:
    """A TEXT value (section 3.3.11). Characters that act on the reader are shown as U+FFFD."""
    plain = FORBIDDEN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    for letter in "\\;,":
        plain = plain.replace(letter, f"\\{letter}")
    return plain.replace("\n", "\\n")


def _folded(line: str) -> bytes:
    """The line in pieces of at most 75 octets, none of which ends within a character."""
    pieces, piece = [], b""
    for letter in line:
        data = letter.encode()
        if len(piece) + len(data) > _OCTETS:
            pieces.append(piece)
            piece = b" "
        piece += data
    return b"\r\n".join([*pieces, piece])

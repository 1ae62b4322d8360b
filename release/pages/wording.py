"""How values are worded for people: times, sizes, shares, channel names. Pure.

A number and its unit are joined by a no-break space.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from release.pages.records import utc

_T = TypeVar("_T")
_TIMES = 4096
"""Times that are kept in memory: a site has some for each release, and tells each of them on many pages."""


@dataclass(frozen=True, slots=True)
class Time:
    """A time for people (``text``, ``YYYY-MM-DD HH:MM UTC``) and for machines (``iso``, RFC 3339)."""

    iso: str
    text: str
    day: str


@lru_cache(maxsize=_TIMES)
def rfc3339(time: datetime) -> str:
    """``2026-08-13T15:48:35Z``."""
    return utc(time).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=_TIMES)
def time_of(time: datetime) -> Time:
    """A time ready to print. All times on the pages are UTC and say so."""
    moment = utc(time)
    return Time(rfc3339(time), moment.strftime("%Y-%m-%d %H:%M UTC"), moment.strftime("%Y-%m-%d"))


def size(count: int) -> str:
    """Bytes in binary units with three digits: ``999 B``, ``4.30 MiB``, ``128 MiB``."""
    value, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 999.5 and len(units) > 1:
        value, units = value / 1024, units[1:]
    if units[0] == "B":
        return f"{count}\xa0B"
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f}\xa0{units[0]}"


def share(part: int, whole: int) -> str:
    """``part`` of ``whole`` in percent: ``8.2 %``, ``43 %``; less than a tenth reads ``<0.1 %``."""
    percent = 100 * part / whole
    if percent < 0.1:
        return "<0.1\xa0%"
    return f"{percent:.1f}\xa0%" if percent < 9.95 else f"{percent:.0f}\xa0%"


def span(texts: list[str]) -> str:
    """From the first of ``texts`` to the last: ``122 to 131 MiB``."""
    first, last = texts[0], texts[-1]
    if first == last:
        return first
    number, _, unit = first.partition("\xa0")
    return f"{number} to {last}" if last.endswith(f"\xa0{unit}") else f"{first} to {last}"


def channel_title(name: str) -> str:
    """``Stable``, ``LTS``, ``LTS 2024``."""
    first, *rest = name.split("-")
    return " ".join([first.upper() if first == "lts" else first.capitalize(), *rest])


def listing(words: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def counted(count: int, word: str) -> str:
    """``1 payload``, ``2 payloads``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def numbered(labelled: list[tuple[str, _T]]) -> tuple[tuple[str, _T], ...]:
    """The same with ``Key 1``, ``Key 2`` where several have the label ``Key``: no label is there twice."""
    labels = [label for label, _ in labelled]
    return tuple(
        (label if labels.count(label) == 1 else f"{label} {labels[: place + 1].count(label)}", value)
        for place, (label, value) in enumerate(labelled)
    )

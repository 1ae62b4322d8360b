"""One thing that a person should know."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Loudness(IntEnum):
    """How much a person should mind."""

    ALARM = 3
    WARNING = 2
    NOTE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing to know. ``text`` is one line."""

    loudness: Loudness
    about: str
    """A word to filter by: stop, head, document, mirror, floor, key, support, window, hurry, request."""
    text: str

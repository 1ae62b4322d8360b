"""A clock that is moved on. It begins at the real time, which OpenPGP signatures carry whatever we say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MONDAY = 0
_TYPING = timedelta(minutes=2)
"""How long a command takes people."""


@dataclass(slots=True)
class SimulatedClock:
    """Calling it gives the time, aware, UTC: the real one until the first move, then one standing still."""

    tell: Callable[[str], None]
    _now: datetime | None = None

    def __call__(self) -> datetime:
        """The time."""
        return datetime.now(UTC) if self._now is None else self._now

    def tick(self) -> None:
        """A command was typed."""
        if self._now is not None:
            self._now += _TYPING

    def next_monday(self, hour: int) -> None:
        """Go to the next Monday, that hour."""
        days = (_MONDAY - self().weekday()) % 7 or 7
        self._go(_at(self() + timedelta(days=days), hour, 0))

    def later(self, days: int, hour: int, minute: int = 0) -> None:
        """Go to that time of a day, so many days from today. Raises ValueError for a time before now."""
        self._go(_at(self() + timedelta(days=days), hour, minute))

    def _go(self, to: datetime) -> None:
        if to < self():
            raise ValueError(f"the clock is at {self()}, and does not go back to {to}")
        passed, self._now = to - self(), to
        days, hours = passed.days, round(passed.seconds / 3600)
        spans = [f"{days} days" if days > 1 else "1 day"] if days else []
        spans += [f"{hours} hours" if hours != 1 else "1 hour"] if hours else []
        self.tell(f"{' and '.join(spans) or 'some minutes'} later: it is {to:%A, %Y-%m-%d %H:%M} UTC")


def _at(day: datetime, hour: int, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)

"""The server's log: one JSON object a line, ASCII, short, whatever text gets into it."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

_TEXT = 300
"""Characters of one field."""
_FRAMES = 8
"""Of a fault: the innermost of its stack, without values."""

Field = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class EventLog:
    """Writes lines. ``write`` takes one, without its end; ``clock`` gives aware times."""

    write: Callable[[str], None]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def say(self, event: str, **fields: Field) -> None:
        """Write one line; what is no plain character is escaped, and long text is cut."""
        said = {name: _cut(value) for name, value in fields.items() if value is not None}
        time = self.clock().isoformat(timespec="milliseconds")
        self.write(json.dumps({"time": time, "event": event, **said}))

    def fault(self, event: str, error: BaseException, **fields: Field) -> None:
        """Tell of a mistake in the program: where it was, never the values, which may be a client's."""
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        places = [f"{frame.name} {frame.filename[-40:]}:{frame.lineno}" for frame in reversed(frames)]
        where = " < ".join(places)
        self.say(event, error=type(error).__name__, where=where, **fields)


def _cut(value: Field) -> Field:
    return f"{value[:_TEXT]}..." if isinstance(value, str) and len(value) > _TEXT else value


@dataclass(slots=True)
class Changes:
    """Says what is so when it begins to be so, and not again while it lasts."""

    log: EventLog
    _known: dict[str, str] = field(default_factory=dict)

    def tell(self, subject: str, state: str, event: str, **fields: Field) -> bool:
        """Log ``event`` if ``subject`` was in another ``state`` before; whether that was so."""
        if self._known.get(subject) == state:
            return False
        self._known[subject] = state
        self.log.say(event, **fields)
        return True

    def settle(self, subject: str, state: str) -> bool:
        """Take note of a state without a word; whether it is another one."""
        changed = self._known.get(subject) not in {None, state}
        self._known[subject] = state
        return changed


@dataclass(slots=True)
class Bucket:
    """Lets ``most`` things through in a ``period`` of seconds, and counts the others."""

    most: int
    period: float
    clock: Callable[[], float]
    _left: int = 0
    _until: float = float("-inf")
    held_back: int = 0

    def take(self) -> bool:
        """Whether one more may pass."""
        now = self.clock()
        if now >= self._until:
            self._left, self._until = self.most, now + self.period
        if not self._left:
            self.held_back += 1
            return False
        self._left -= 1
        return True


class LibraryLines(logging.Handler):
    """What libraries log, as lines of ours: their message, cut, without a stack."""

    def __init__(self, log: EventLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        self._log.say("library", logger=record.name, level=record.levelname.lower(), message=message)

"""Freeze windows: times in which nothing is promoted. Pure, in the time zone that people named.

A window is one stretch of local time, or recurs by an RFC 5545 rule (``FREQ=WEEKLY;BYDAY=FR``). Local
times are wall-clock times, so a window ends at the hour people wrote, across clock changes, too. One that
the clock skips or shows twice is read so that the window is the longer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from release.errors import InputError

_LONGEST = timedelta(days=366)
_DAY = timedelta(days=1)
_YEARS = range(1970, 9000)
"""What every time zone can be asked about."""
_RULE = re.compile(
    r"FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;("
    r"INTERVAL=[1-9][0-9]{0,2}|COUNT=[1-9][0-9]{0,3}|UNTIL=[0-9]{8}T[0-9]{6}"
    r"|(BYDAY|BYMONTH|BYMONTHDAY|BYSETPOS|WKST)=[A-Z0-9,+-]+))*",
    re.ASCII,
)
"""Daily or rarer, and nothing that ``dateutil`` would guess at, or look for without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeWindow:
    """Nothing moves in ``channels`` (all when empty) from ``begins`` for ``lasts``, and again by ``every``.

    ``begins`` has no time zone of its own: it is local time in ``zone``. ``every`` is the text of an
    RFC 5545 recurrence rule whose first occurrence is ``begins``; None for once.
    """

    name: str
    zone: ZoneInfo
    begins: datetime
    lasts: timedelta
    every: str | None = None
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.begins.tzinfo is not None:
            raise InputError(f"freeze {self.name!r}: expected a local time, found {self.begins.isoformat()}")
        if self.begins.year not in _YEARS:
            raise InputError(
                f"freeze {self.name!r}: expected a year from {_YEARS[0]} to {_YEARS[-1]},"
                f" found {self.begins.year}"
            )
        if not timedelta() < self.lasts <= _LONGEST:
            raise InputError(f"freeze {self.name!r}: expected a length of up to a year, found {self.lasts}")
        if self.every is not None and next(iter(self._rule()), None) != self.begins:
            raise InputError(
                f"freeze {self.name!r}: every {self.every!r}: expected it to begin with"
                f" {self.begins.isoformat()}"
            )

    def until(self, now: datetime) -> datetime | None:
        """When the window that is open at ``now`` (aware) closes, UTC; None when none is open."""
        for start in self._starts(now):
            if min(self._instants(start)) <= now:
                ends = max(self._instants(start + self.lasts))
                return ends if now < ends else None
        return None

    def concerns(self, names: Collection[str | None]) -> bool:
        """Whether it holds for a channel of these names: its own, and of what it is a stream of."""
        return not self.channels or any(name in names for name in self.channels)

    def _starts(self, now: datetime) -> Iterator[datetime]:
        """Local times, latest first, at which it begins; from some that are still to come on."""
        if self.every is None:
            yield self.begins
            return
        latest = now.astimezone(self.zone).replace(tzinfo=None) + _DAY
        rule = self._rule()
        start: datetime | None = rule.before(latest, inc=True)
        while start is not None:
            yield start
            start = rule.before(start)

    def _instants(self, local: datetime) -> set[datetime]:
        """The moments, UTC, that a local time may mean: two where the clock is changed (PEP 495)."""
        return {local.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)}

    def _rule(self) -> rrule:
        text = str(self.every)
        if not _RULE.fullmatch(text):
            raise InputError(
                f"freeze {self.name!r}: every {text!r}: expected an RFC 5545 rule, daily or rarer",
                hint='for example "FREQ=WEEKLY;BYDAY=FR"',
            )
        try:
            rule = rrulestr(text, dtstart=self.begins)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"freeze {self.name!r}: every {text!r}: {error}") from error
        if not isinstance(rule, rrule):
            raise InputError(f"freeze {self.name!r}: every {text!r}: expected one rule")
        return rule

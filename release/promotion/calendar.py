"""Freeze windows: times in which nothing is promoted. Pure, in the time zone that people named.

A window is one stretch of local time, or recurs by an RFC 5545 rule (``FREQ=WEEKLY;BYDAY=FR``). Local
times are wall-clock times: one that the clock skips, or shows twice, is read as the earlier instant
(PEP 495, ``fold=0``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from release.errors import InputError

_LONGEST = timedelta(days=366)
_RULE = re.compile(r"FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;[A-Z]+=[A-Z0-9,+-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeWindow:
    """Nothing moves in ``channels`` (all when empty) from ``begins`` for ``lasts``, and again by ``every``.

    ``begins`` has no time zone of its own: it is local time in ``zone``. ``every`` is the text of an
    RFC 5545 recurrence rule whose first possible occurrence is ``begins``; None for once.
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
        if not timedelta() < self.lasts <= _LONGEST:
            raise InputError(f"freeze {self.name!r}: expected a length of up to a year, found {self.lasts}")
        if self.every is not None:
            self._rule()

    def until(self, now: datetime) -> datetime | None:
        """When the window that is open at ``now`` (aware) closes, UTC; None when none is open."""
        start = self._start_before(now.astimezone(self.zone).replace(tzinfo=None))
        if start is None:
            return None
        # Wall-clock arithmetic, so that a window ends at the hour people wrote, across clock changes, too.
        begins, ends = (
            moment.replace(tzinfo=self.zone).astimezone(UTC) for moment in (start, start + self.lasts)
        )
        return ends if begins <= now < ends else None

    def concerns(self, channel: str) -> bool:
        """Whether it holds for the channel, or for a stream of one that it names."""
        named = self.channels
        return not named or any(channel == one or channel.startswith(f"{one}-") for one in named)

    def _start_before(self, local: datetime) -> datetime | None:
        if self.every is None:
            return self.begins if self.begins <= local else None
        found: datetime | None = self._rule().before(local, inc=True)
        return found

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

"""Who may have a release now: a share that grows with time, and a place in the queue for each machine.

Pure. A machine's place depends on its id and the release alone: every update server gives it the same,
it stays as the share grows, and with the next release others come first. Time is given by the caller, and
does not run while a rollout is stopped.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from release.digests import Digest
from release.promotion.delivery import OfferWindow, RolloutRules, RolloutStep

BUCKETS = 1 << 32
"""Places in the queue. More machines than that share some."""

_DOMAIN = b"humpyard rollout 1\0"
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_AHEAD = 15
"""Days looked ahead for an opening: a window of one day a week that a clock change skips, once."""


def bucket(machine_id: str, release: Digest) -> int:
    """The machine's place in the queue for a release, from 0 to ``BUCKETS`` - 1.

    The first 32 bits of a SHA-256 over both. ``machine_id`` is untrusted text of any length and content.
    Nobody can choose to be early without knowing the release; who does can try ids until one is, and
    gains only that: a rollout protects machines, it hides nothing.
    """
    said = str(release).encode() + b"\0" + machine_id.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(_DOMAIN + said).digest()[:4], "big")


def share(rules: RolloutRules, active: timedelta) -> Fraction:
    """The share of machines, 0 to 1 and exact, after so much active time; it never falls with time.

    Stepped: that of the last step that was reached; 0 before the first. Linear: on the straight line
    between the steps around ``active``, which begins with 0 at 0 where the first step comes later.
    """
    if active < timedelta():
        return Fraction(0)
    reached, coming = _around(rules, active)
    if reached is None:
        begin, low = timedelta(), Fraction(0)
    else:
        begin, low = reached.after, Fraction(reached.share)
    if coming is None or not rules.linear:
        return low
    passed = Fraction(
        (active - begin) // timedelta.resolution, (coming.after - begin) // timedelta.resolution
    )
    return low + (Fraction(coming.share) - low) * passed


def threshold(rules: RolloutRules, active: timedelta) -> int:
    """Places below this number are admitted: all of them at share 1, none at share 0."""
    return math.ceil(share(rules, active) * BUCKETS)


def admits(rules: RolloutRules, active: timedelta, place: int) -> bool:
    """Whether the machine at ``place`` may have the release after so much active time.

    Exact: at a share of n machines in 2**32, n places are admitted. Once admitted, always admitted.
    """
    return place < threshold(rules, active)


def next_step(rules: RolloutRules, active: timedelta) -> RolloutStep | None:
    """The step that comes next, None when the last was reached."""
    return _around(rules, active)[1]


def in_window(windows: tuple[OfferWindow, ...], now: datetime) -> bool:
    """Whether updates are offered at ``now`` (aware): always where there are no windows.

    A window is open while the clock on the wall, there, shows a time of it. So a time that a clock
    change skips is not in it, and one that it shows twice is in it twice.
    """
    return not windows or any(_is_open(window, now) for window in windows)


def next_opening(windows: tuple[OfferWindow, ...], now: datetime) -> datetime | None:
    """The first moment from ``now`` (aware) on that is in a window, UTC; ``now`` itself when it is.

    None when none opens in the next fifteen days, as where no window has a day.
    """
    if in_window(windows, now):
        return now.astimezone(UTC)
    openings = (moment for window in windows for moment in _openings(window, now))
    return min((moment for moment in openings if moment >= now), default=None)


def _around(rules: RolloutRules, active: timedelta) -> tuple[RolloutStep | None, RolloutStep | None]:
    """The last step that was reached, and the first that was not."""
    reached = None
    for step in rules.steps:
        if step.after > active:
            return reached, step
        reached = step
    return reached, None


def _is_open(window: OfferWindow, now: datetime) -> bool:
    local = now.astimezone(window.zone)
    at, today = local.time(), local.weekday()
    if window.begins < window.ends:
        return today in window.days and window.begins <= at < window.ends
    since_today = today in window.days and at >= window.begins
    return since_today or ((today - 1) % 7 in window.days and at < window.ends)


def _openings(window: OfferWindow, now: datetime) -> Iterator[datetime]:
    """Moments, UTC, at which it may open: its beginnings, and where the clock jumps into it."""
    today = now.astimezone(window.zone).date()
    for day in (today + number * _DAY for number in range(-1, _AHEAD)):
        for fold in (0, 1):
            moment = _instant(day, window.begins, window.zone, fold)
            if _is_open(window, moment):
                yield moment
        change = _clock_change(day, window.zone)
        if change is not None and _is_open(window, change):
            yield change


def _clock_change(day: date, zone: ZoneInfo) -> datetime | None:
    """When, in UTC, the clock is changed between noon of ``day`` and the next; None when it is not."""
    low, high = _instant(day, time(12), zone, 0), _instant(day + _DAY, time(12), zone, 0)
    offset = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() == offset:
        return None
    while high - low > _SECOND:
        middle = low + (high - low) // (2 * _SECOND) * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high


def _instant(day: date, at: time, zone: ZoneInfo, fold: int) -> datetime:
    return datetime.combine(day, at.replace(fold=fold), zone).astimezone(UTC)

"""How fast one may be: so many requests, or bytes, in a second, for all threads together.

A bucket of credit that time fills and use empties. Use may run into debt, which the user waits off, so that
what is asked for in one piece is never refused for being larger than the bucket.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import BinaryIO

_BURST = 1.0
"""Seconds of credit that a bucket holds at the most."""


class Throttle:
    """At most ``rate`` units a second, after a first burst of one second's worth. For several threads."""

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``rate`` is above 0. ``clock`` gives seconds that never go back."""
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._credit = rate * _BURST
        self._then = clock()
        self._lock = Lock()

    def take(self, units: float) -> None:
        """Take ``units``, and wait until the rate allows them."""
        wait = self._owe(units)
        if wait > 0:
            self._sleep(wait)

    def _owe(self, units: float) -> float:
        """Seconds to wait. Who comes later waits for the debt of those before, too."""
        with self._lock:
            now = self._clock()
            grown = self._credit + (now - self._then) * self._rate
            self._credit = min(grown, self._rate * _BURST) - units
            self._then = now
            return -self._credit / self._rate


class ThrottledBody:
    """A request's body that is read no faster than ``throttle`` allows."""

    def __init__(self, body: BinaryIO, throttle: Throttle) -> None:
        self._body = body
        self._throttle = throttle

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, when they may be sent."""
        data = self._body.read(size)
        if data:
            self._throttle.take(len(data))
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go elsewhere: a further try begins at the beginning."""
        return self._body.seek(offset, whence)

    def tell(self) -> int:
        """Where one is."""
        return self._body.tell()

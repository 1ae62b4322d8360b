"""What is made of a whole site and asked for by many of its pages: made once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from release.pages.site import Site

T = TypeVar("T")


class Once(Generic[T]):
    """Remembers what a pure function made of the last site it was asked for; other sites are made anew.

    It goes by identity: sites are values that nobody changes, and to compare two takes as long as to read
    them. Threads may share it; two that ask for different sites at once make more work, no wrong answers.
    """

    def __init__(self, make: Callable[[Site], T]) -> None:
        self._make = make
        self._last: tuple[Site, T] | None = None

    def __call__(self, site: Site) -> T:
        """What the function makes of ``site``."""
        last = self._last
        if last is None or last[0] is not site:
            last = self._last = (site, self._make(site))
        return last[1]

"""The order of versions of software that is not ours: only as far as it is certain. Pure."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"v?([0-9]{1,9}(?:\.[0-9]{1,9}){0,5})", re.ASCII)


def is_lower(version: str, than: str) -> bool | None:
    """Whether a version is lower than another; None unless both are numbers joined by dots, and differ."""
    left, right = _NUMBERS.fullmatch(version), _NUMBERS.fullmatch(than)
    if left is None or right is None:
        return None
    numbers = [[int(part) for part in match[1].split(".")] for match in (left, right)]
    return None if numbers[0] == numbers[1] else numbers[0] < numbers[1]

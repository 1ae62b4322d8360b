"""OS versions: ``MAJOR.BRANCH.PATCH``, compared as numbers, never as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from release.errors import InputError

_PATTERN = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """One version. BRANCH is the digit of the channel it was built for (0 alpha, 1 beta, ...)."""

    major: int
    branch: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"4593.2.0"``. Raises InputError for anything else, leading zeros included."""
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise InputError(
                f"version {text!r}: expected MAJOR.BRANCH.PATCH in decimal digits, for example 4593.2.0"
            )
        return cls(*(int(part) for part in match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.branch}.{self.patch}"

"""Boards: what hardware and partition set a build is for, for example ``amd64-usr``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from release.errors import InputError

_PATTERN = re.compile(r"([a-z][a-z0-9]{1,15})-([a-z]{2,15})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Board:
    """An architecture and the partition it updates."""

    architecture: str
    partition: str = "usr"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"amd64-usr"``. Raises InputError for anything else."""
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise InputError(f"board {text!r}: expected ARCHITECTURE-PARTITION, for example amd64-usr")
        return cls(*match.groups())

    def __str__(self) -> str:
        return f"{self.architecture}-{self.partition}"

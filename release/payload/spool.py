"""Patches that wait for their place in the payload, in a scratch file rather than in memory."""

from __future__ import annotations

import os
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from release.errors import storage_errors


@dataclass(frozen=True, slots=True)
class Spooled:
    """Where some bytes lie in a spool."""

    offset: int
    size: int


class Spool:
    """An unnamed scratch file beside ``out``. Threads may share it; where something lies in it varies."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._size = 0
        with storage_errors(out):
            self._file = tempfile.TemporaryFile(dir=out.parent)  # noqa: SIM115  closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, data: bytes) -> Spooled:
        """Keep ``data``. Raises StorageFullError or UnavailableError."""
        with self._lock:
            place = Spooled(self._size, len(data))
            self._size += len(data)
        with storage_errors(self._out):
            written = 0
            while written < len(data):
                written += os.pwrite(self._file.fileno(), data[written:], place.offset + written)
        return place

    def read(self, place: Spooled) -> bytes:
        """The bytes that ``add`` kept at ``place``."""
        with storage_errors(self._out):
            return os.pread(self._file.fileno(), place.size, place.offset)

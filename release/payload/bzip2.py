"""Making bzip2 streams. The same input gives the same bytes everywhere."""

from __future__ import annotations

import bz2


def compress(data: bytes | memoryview, level: int = 9) -> bytes:
    """One bzip2 stream of ``data`` in blocks of ``level`` times 100,000 bytes."""
    return bz2.compress(data, level)

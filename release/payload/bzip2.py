"""Making bzip2 streams. The same input gives the same bytes everywhere: the encoder is our own."""

from __future__ import annotations

from release.payload import native


def compress(data: bytes | memoryview | native.Bytes, level: int = 9) -> bytes:
    """One bzip2 stream of ``data`` in blocks of up to ``level`` times 100,000 bytes, for any decoder."""
    return native.bzip2_compress(data, level)

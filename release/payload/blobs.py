"""REPLACE_BZ blobs: exactly one bzip2 stream, unpacked in bounded pieces."""

from __future__ import annotations

import bz2
from collections.abc import Iterable, Iterator

from release.payload.rules import PayloadFormatError, Rule

_PIECE = 1 << 20


def compress(data: bytes | memoryview) -> bytes:
    """One bzip2 stream of ``data`` at level 9. The same input gives the same bytes everywhere."""
    return bz2.compress(data, 9)


def unpack(pieces: Iterable[bytes], limit: int, where: str) -> Iterator[bytes]:
    """The content of the one bzip2 stream in ``pieces``, at most 1 MiB at a time.

    The client aborts on a second stream and on trailing bytes, and takes a truncated stream for a
    short one; each is refused here.

    Raises:
        PayloadFormatError: rule ``bzip2``, or rule ``blob-length`` for more than ``limit`` bytes.
    """
    decoder = bz2.BZ2Decompressor()
    total = 0
    for piece in pieces:
        data = piece
        while data or not decoder.needs_input:
            if decoder.eof:
                break
            try:
                unpacked = decoder.decompress(data, _PIECE)
            except OSError as error:
                raise PayloadFormatError(Rule.BZIP2, f"{where}: {error}") from error
            data = b""
            total += len(unpacked)
            if total > limit:
                raise PayloadFormatError(Rule.BLOB_LENGTH, f"{where}: unpacks to more than {limit} bytes")
            if unpacked:
                yield unpacked
        if decoder.eof and (data or decoder.unused_data):
            raise PayloadFormatError(Rule.BZIP2, f"{where}: bytes follow the end of the bzip2 stream")
    if not decoder.eof:
        raise PayloadFormatError(Rule.BZIP2, f"{where}: the bzip2 stream is truncated")

"""Where the files of an image lie: what every reader of a filesystem finds, and how content is read back."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import zstandard

from release.errors import InputError

Flat = npt.NDArray[np.uint8]
"""The bytes of an image, mapped."""


class UnreadableError(InputError):
    """A filesystem is not as its reader expects. Its image is then explained by regions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a file, and the run of the image that holds it. All sizes and offsets are bytes.

    Attributes:
        at: where the part begins in the file.
        length: of the part in the file.
        start: where the run begins in the image.
        stored: of the run, as it is stored.
        skip: where the part begins in the run's unpacked bytes.
        unpacked: what the whole run unpacks to.
        codec: how the run is packed; empty if it is not.
    """

    at: int
    length: int
    start: int
    stored: int
    skip: int = 0
    unpacked: int = 0
    codec: str = ""

    def span(self) -> tuple[int, int]:
        """First byte of the image that counts as this part's, and the one behind its last.

        Of a packed run that several files share each has a share in proportion to unpacked bytes.
        """
        whole = max(self.unpacked, self.skip + self.length, 1)
        if not self.codec and self.skip + self.length >= whole:
            return self.start + min(self.skip, self.stored), self.start + self.stored
        low = self.start + self.stored * self.skip // whole
        return low, self.start + self.stored * (self.skip + self.length) // whole


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file by its path from the root of the filesystem, without a leading slash; ``size`` in bytes."""

    path: str
    size: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMap:
    """What a reader found in an image.

    Attributes:
        kind: the filesystem.
        size: bytes of the image that it takes up.
        files: in no order; several names of one file are listed once each.
        free: runs of bytes (first, behind the last) that hold nothing.
        packed: data are packed by the filesystem itself.
        facts: what else the superblock told, for advice.
    """

    kind: str
    size: int
    files: tuple[StoredFile, ...]
    free: tuple[tuple[int, int], ...] = ()
    packed: bool = False
    facts: Mapping[str, int] = field(default_factory=dict)


def _inflate(data: bytes, limit: int) -> bytes:
    return zlib.decompressobj().decompress(data, limit)


def _unxz(data: bytes, limit: int) -> bytes:
    return lzma.LZMADecompressor(memlimit=256 << 20).decompress(data, limit)


def _unzstd(data: bytes, limit: int) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(data) as stream:
        return stream.read(limit)


CODECS: Mapping[str, Callable[[bytes, int], bytes]] = MappingProxyType(
    {"": lambda data, limit: data[:limit], "zlib": _inflate, "xz": _unxz, "zstd": _unzstd}
)
"""``CODECS[name](data, limit)``: at most ``limit`` bytes of what ``data`` unpacks to."""


def unpack(data: bytes, codec: str, limit: int) -> bytes:
    """At most ``limit`` bytes that ``data`` unpacks to. Raises UnreadableError."""
    reader = CODECS.get(codec)
    if reader is None:
        raise UnreadableError(f"packed with {codec}, which is not unpacked here")
    try:
        return reader(data, limit)
    except (zlib.error, lzma.LZMAError, zstandard.ZstdError, EOFError) as error:
        raise UnreadableError(f"damaged {codec} data: {error}") from error


def content(image: Flat, file: StoredFile, limit: int) -> bytes:
    """The first ``limit`` bytes of a file at most. Holes read as zeros.

    Raises:
        UnreadableError: packed in a way that is not read here, or damaged.
    """
    size = min(file.size, limit)
    data = bytearray(size)
    for piece in file.pieces:
        if piece.at >= size:
            continue
        wanted = min(piece.length, size - piece.at)
        if piece.start + piece.stored > len(image):
            raise UnreadableError(f"{file.path}: lies behind the end of the image")
        needed = piece.stored if piece.codec else min(piece.stored, piece.skip + wanted)
        run = image[piece.start : piece.start + needed].tobytes()
        part = unpack(run, piece.codec, piece.skip + wanted)[piece.skip :]
        data[piece.at : piece.at + len(part)] = part
    return bytes(data)


def by_path(files: Iterable[StoredFile]) -> dict[str, StoredFile]:
    """Files by their path."""
    return {file.path: file for file in files}

"""The container: twenty bytes of header, the manifest behind it, and where everything else lies.

Layout: ``CrAU``, format version and manifest size as big-endian 64-bit integers, manifest, blobs,
Signatures message. All offsets in the manifest count from the end of the manifest.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO

from release.payload import manifest as manifest_wire
from release.payload.operations import Manifest
from release.payload.rules import PayloadFormatError, Rule

MAGIC = b"CrAU"
FORMAT_VERSION = 1
MANIFEST_LIMIT = 64 << 20
"""Bytes a manifest may have. Parsed protobuf takes up to twenty times its bytes in memory; a delta of
a 448 MiB image has 0.4 MiB."""

SIGNATURES_LIMIT = 1 << 20
"""Bytes a Signatures message may have; two RSA-4096 signatures have 1040."""

BLOBS_LIMIT = 1 << 32
"""Blobs end below this offset: ``data_offset`` and ``data_length`` are 32-bit integers."""

_HEADER = struct.Struct(">4sQQ")
HEADER_SIZE = _HEADER.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the parts of one payload file lie, in bytes from its start."""

    file_size: int
    metadata_size: int
    """Header and manifest; the first blob follows."""


def encode_header(manifest_size: int) -> bytes:
    """The header in front of a manifest of ``manifest_size`` bytes."""
    return _HEADER.pack(MAGIC, FORMAT_VERSION, manifest_size)


def read_metadata(source: IO[bytes], file_size: int) -> tuple[Layout, Manifest]:
    """Read header and manifest from the start of ``source``, a file of ``file_size`` bytes.

    The client does not look at the format version; ue-rs insists on 1, and so do we.

    Raises:
        PayloadFormatError: rules ``header``, ``manifest-size`` and ``manifest``.
    """
    source.seek(0)
    header = source.read(HEADER_SIZE)
    if len(header) != HEADER_SIZE:
        raise PayloadFormatError(Rule.HEADER, f"expected {HEADER_SIZE} bytes, the file has {len(header)}")
    magic, version, size = _HEADER.unpack(header)
    if magic != MAGIC:
        raise PayloadFormatError(Rule.HEADER, f"expected the magic {MAGIC!r}, found {magic!r}")
    if version != FORMAT_VERSION:
        raise PayloadFormatError(Rule.HEADER, f"expected format version {FORMAT_VERSION}, found {version}")
    room = min(file_size - HEADER_SIZE, MANIFEST_LIMIT)
    if size > room:
        raise PayloadFormatError(Rule.MANIFEST_SIZE, f"expected at most {room} bytes, the header says {size}")
    data = source.read(size)
    if len(data) != size:
        raise PayloadFormatError(Rule.MANIFEST_SIZE, f"expected {size} bytes, the file has {len(data)}")
    layout = Layout(file_size=file_size, metadata_size=HEADER_SIZE + size)
    return layout, manifest_wire.decode(data)

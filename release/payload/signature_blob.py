"""The Signatures message at the end of a payload, and the hole that waits for it. Knows no keys."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from release.errors import InputError, storage_errors
from release.payload import structure
from release.payload import update_metadata_pb2 as wire
from release.payload.container import SIGNATURES_LIMIT, read_metadata
from release.payload.rules import PayloadFormatError, Rule

CLIENT_VERSION = 2
"""The signature version that update_engine looks for; the last signature always has it."""

MOST_SIGNATURES = 3
"""More would need versions below zero."""


@dataclass(frozen=True, slots=True)
class SignatureEntry:
    """One signature: ``version`` is the slot (``None``: the field is absent), ``data`` the raw bytes."""

    version: int | None
    data: bytes


def encode(signatures: Sequence[bytes]) -> bytes:
    """The Signatures message of ``signatures``, which are numbered 3-n … 2 as the reference does.

    Raises:
        InputError: none, more than ``MOST_SIGNATURES``, or an empty one.
    """
    count = len(signatures)
    if not 1 <= count <= MOST_SIGNATURES:
        raise InputError(f"payload signatures: expected 1 to {MOST_SIGNATURES}, found {count}")
    if not all(signatures):
        raise InputError("payload signatures: one of them is empty")
    message = wire.Signatures()
    for version, data in enumerate(signatures, CLIENT_VERSION + 1 - count):
        message.signatures.add(version=version, data=data)
    return message.SerializeToString(deterministic=True)


def blob_size(rsa_sizes: Sequence[int]) -> int:
    """Bytes of the message that holds one signature of each of these sizes (bytes of the modulus)."""
    if any(not 0 < size <= SIGNATURES_LIMIT for size in rsa_sizes):
        raise InputError(f"payload signature sizes: expected bytes of RSA keys, found {list(rsa_sizes)}")
    return len(encode([bytes(size) for size in rsa_sizes]))


def decode(data: bytes) -> tuple[SignatureEntry, ...]:
    """The entries of a Signatures message, in its order.

    Raises:
        PayloadFormatError: rule ``signatures``, for anything but a message with entries.
    """
    message = wire.Signatures()
    try:
        message.ParseFromString(data)
    except (DecodeError, ValueError) as error:
        raise PayloadFormatError(Rule.SIGNATURES, f"not a readable Signatures message: {error}") from error
    if not message.signatures:
        raise PayloadFormatError(Rule.SIGNATURES, "the Signatures message holds no signature")
    return tuple(
        SignatureEntry(entry.version if entry.HasField("version") else None, entry.data)
        for entry in message.signatures
    )


def attach(path: Path, signatures: Sequence[bytes]) -> None:
    """Write ``signatures`` into the hole that the payload at ``path`` was built with.

    Writes in place and to disk (fsync); the signed bytes are not touched, so a repetition after a
    kill completes it. Does not check that the signatures verify.

    Raises:
        InputError: the payload has no hole, or the signatures do not fill it exactly.
        PayloadFormatError: the payload is not well formed.
    """
    blob = encode(signatures)
    with storage_errors(path), path.open("r+b") as file:
        layout, manifest = read_metadata(file, os.fstat(file.fileno()).st_size)
        structure.check_layout(manifest, layout)
        if manifest.signatures_offset is None or manifest.signatures_size is None:
            raise InputError(f"{path}: the payload was built unsigned, there is no place for a signature")
        if len(blob) != manifest.signatures_size:
            raise InputError(
                f"{path}: expected signatures of {manifest.signatures_size} bytes together, "
                f"found {len(blob)}",
                hint="sign with keys of the sizes, and in the order, that the payload was built for",
            )
        file.seek(layout.metadata_size + manifest.signatures_offset)
        file.write(blob)
        file.flush()
        os.fsync(file.fileno())

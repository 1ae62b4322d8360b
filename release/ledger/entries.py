"""One entry: the sealed object in the store, and the body inside it.

The object is canonical JSON ``{"body": TEXT, "signature": ARMORED}``. The signature is over exactly
the UTF-8 bytes of TEXT, which are never re-encoded. The body is read strictly before the signature is
checked, because it says at what time the key must have been valid; nothing in it is believed before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import with_config

from release import canonical
from release.errors import InputError, NotVerifiedError
from release.ledger.fields import Count, Line, Reader, Sha256, Utc
from release.ledger.sealed import Sealed, seal, signed_fields, unseal

FORMAT = "humpyard-ledger-1"
ENTRY_LIMIT = 1 << 20
"""Bytes of one object. A longer one is refused unread."""
CLOCK_SKEW = timedelta(minutes=5)
"""How far the clocks of two machines may be apart."""


class LedgerBrokenError(NotVerifiedError):
    """The ledger is not what it should be: altered, reordered, forged, incomplete or not understood."""


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The body of an entry. ``data`` is not read yet: see ``release.ledger.kinds``."""

    sequence: Count
    previous: Sha256 | None
    """SHA-256 of the object before, as stored; None for the first."""
    time: Utc
    """When the writer said it was, UTC. Signatures are judged at this time; see ``release.ledger.fold``."""
    kind: Line
    data: Mapping[str, Any]


_ENTRY = Reader(Entry)


def write_body(entry: Entry) -> str:
    """The canonical text of an entry, to be signed."""
    return canonical.dump({"format": FORMAT, **_ENTRY.write(entry)}).decode()


def read_body(text: str, where: str) -> Entry:
    """Read the signed text of an entry. Raises LedgerBrokenError for any other format or form."""
    try:
        return _ENTRY.read(signed_fields(text, FORMAT, where, ENTRY_LIMIT), where)
    except InputError as error:
        raise LedgerBrokenError(error.message, hint=error.hint) from error


def write_sealed(sealed: Sealed) -> bytes:
    """The object to store. Raises InputError when it is longer than ``ENTRY_LIMIT``."""
    return seal(sealed, ENTRY_LIMIT, "ledger entry")


def read_sealed(data: bytes, where: str) -> Sealed:
    """Open a stored object. Raises LedgerBrokenError when it is not one."""
    try:
        return unseal(data, where, ENTRY_LIMIT)
    except InputError as error:
        raise LedgerBrokenError(f"{where}: not a ledger entry: {error}") from error

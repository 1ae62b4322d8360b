"""An entry whose signatures hold: what the fold is made of."""

from __future__ import annotations

from dataclasses import dataclass

from release.digests import Digest
from release.ledger.entries import Entry

REVOKED = "revoked:"
"""What the name of a signer begins with whose key was revoked, before or since. It is nobody's key: what it
said stands in the ledger and counts for nothing. Otherwise one person's lost key would silence everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedEntry:
    """An entry whose signatures hold.

    ``signer`` signed the body; ``statement_signer`` the statement inside, where the kind has one.
    Both are OpenPGP primary fingerprints, or ``REVOKED`` and one.
    """

    entry: Entry
    digest: Digest
    """SHA-256 of the stored object."""
    signer: str
    statement_signer: str | None = None

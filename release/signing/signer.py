"""What every payload signer offers, whatever holds its key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from release.digests import Digest
from release.errors import InputError
from release.signing.trusted_keys import PayloadKey


class KeyUriError(InputError):
    """What names a key is no URI of a kind that is known here."""


SecretsHandler = Callable[[str], str]
"""Gives a passphrase or PIN at the moment of use. It is called with the name that the key's URI gives
its secret (``?secret=NAME``), or with the URI itself."""

SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""What comes before a SHA-256 value in a DigestInfo (RFC 8017, section 9.2, note 1)."""


def check_sha256(digest: Digest, uri: str) -> Digest:
    """Return ``digest`` if it is a SHA-256. Raises InputError for other algorithms."""
    if digest.algorithm != "sha256":
        raise InputError(f"{uri}: expected a sha256 digest to sign, found {digest.algorithm}")
    return digest


class DigestSigner(Protocol):
    """Holds, or reaches, one private RSA key."""

    @property
    def uri(self) -> str:
        """What the key was opened with."""
        ...

    @property
    def key(self) -> PayloadKey:
        """The public half, as the signer tells it. Trust the trusted keys instead."""
        ...

    def sign_digest(self, digest: Digest) -> bytes:
        """RSASSA-PKCS1-v1_5 over a SHA-256 ``digest``, ``key.size`` bytes; the same each time."""
        ...

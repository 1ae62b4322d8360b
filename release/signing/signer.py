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
"""Gives the passphrase or PIN for the key URI it is called with, at the moment of use."""


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

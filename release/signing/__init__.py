"""Signatures: RSA keys by URI, payload signatures, OpenPGP signatures, trusted keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from release.signing.rsa_file import open_rsa_file
from release.signing.signer import DigestSigner, KeyUriError, SecretsHandler

SCHEMES: Mapping[str, Callable[[str, SecretsHandler | None], DigestSigner]] = {
    "file": open_rsa_file,
}
"""Every kind of key that can be opened, by the scheme of its URI."""

NOT_AVAILABLE = frozenset({"pkcs11", "awskms", "offline", "gnupg"})
"""Schemes that are spoken for, but not built into this version."""


def open_signer(uri: str, secrets: SecretsHandler | None = None) -> DigestSigner:
    """Open the payload key that ``uri`` names, for example ``file:/keys/payload.pem``.

    Args:
        uri: scheme, colon, and what the scheme needs.
        secrets: asked with ``uri`` for a passphrase or PIN; nobody is asked when None.

    Raises:
        KeyUriError: an unknown scheme, or one not built in.
        InputError: a key that cannot be opened.
    """
    scheme, colon, _ = uri.partition(":")
    opener = SCHEMES.get(scheme) if colon else None
    if opener is None:
        reason = "is not available in this version" if scheme in NOT_AVAILABLE and colon else "is not known"
        raise KeyUriError(
            f"key URI {uri!r}: the scheme {scheme!r} {reason}; available: {', '.join(SCHEMES)}",
            hint="a private key in a PEM file is named file:/path/to/key.pem",
        )
    return opener(uri, secrets)

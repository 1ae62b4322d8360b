"""Signatures: RSA keys by URI, payload signatures, OpenPGP signatures, trusted keys.

Light on purpose: a machine without a network that signs imports this, and what it lacks (boto3, say) is
missed only when a key is opened that needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from release.errors import ToolMissingError
from release.signing.offline import open_offline
from release.signing.rsa_file import open_rsa_file
from release.signing.signer import DigestSigner, KeyUriError, SecretsHandler


def _open_token_key(uri: str, secrets: SecretsHandler | None) -> DigestSigner:
    with _needs("python-pkcs11"):
        from release.signing.pkcs11 import open_token_key  # noqa: PLC0415  # see above
    return open_token_key(uri, secrets)


def _open_kms_key(uri: str, secrets: SecretsHandler | None) -> DigestSigner:
    with _needs("boto3"):
        from release.signing.awskms import open_kms_key  # noqa: PLC0415  # see above
    return open_kms_key(uri, secrets)


def _open_agent_key(uri: str, secrets: SecretsHandler | None) -> DigestSigner:
    with _needs("python-gnupg"):
        from release.signing.gnupg_key import open_agent_key  # noqa: PLC0415  # see above
    return open_agent_key(uri, secrets)


SCHEMES: Mapping[str, Callable[[str, SecretsHandler | None], DigestSigner]] = {
    "file": open_rsa_file,
    "pkcs11": _open_token_key,
    "awskms": _open_kms_key,
    "gnupg": _open_agent_key,
    "offline": open_offline,
}
"""Every kind of key that can be opened, by the scheme of its URI."""


def open_signer(uri: str, secrets: SecretsHandler | None = None) -> DigestSigner:
    """Open the payload key that ``uri`` names, for example ``file:/keys/payload.pem``.

    Args:
        uri: scheme, colon, and what the scheme needs.
        secrets: asked for a passphrase or PIN, by its name; nobody is asked when None.

    Raises:
        KeyUriError: an unknown scheme, or not what the scheme needs.
        InputError, RefusedError, UnavailableError: a key that cannot be opened, or not now.
        ToolMissingError: what the scheme needs is not installed.
    """
    scheme, colon, _ = uri.partition(":")
    opener = SCHEMES.get(scheme) if colon else None
    if opener is None:
        raise KeyUriError(
            f"key URI {uri.partition('?')[0]!r}: the scheme {scheme!r} is not known;"
            f" available: {', '.join(SCHEMES)}",
            hint="a private key in a PEM file is named file:/path/to/key.pem",
        )
    return opener(uri, secrets)


@contextmanager
def _needs(package: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("release"):
            raise
        raise ToolMissingError(
            f"{error.name}: this Python module is not installed, and such keys need it",
            hint=f"install it: pip install {package}",
        ) from error

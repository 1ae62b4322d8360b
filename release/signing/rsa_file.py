"""``file:`` keys: a private RSA key in a PEM file, for development and small set-ups."""

from __future__ import annotations

import logging
import stat
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from release.digests import Digest
from release.errors import InputError, storage_errors
from release.signing.signer import KeyUriError, SecretsHandler
from release.signing.trusted_keys import PayloadKey

_LOG = logging.getLogger(__name__)
_LONGEST_PEM = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RsaFileSigner:
    """Signs with a key that was read from a file and is held in memory."""

    uri: str
    key: PayloadKey
    _private: RSAPrivateKey = field(repr=False, compare=False)

    def sign_digest(self, digest: Digest) -> bytes:
        """RSASSA-PKCS1-v1_5 over a SHA-256 ``digest``. Raises InputError for other algorithms."""
        if digest.algorithm != "sha256":
            raise InputError(f"{self.uri}: expected a sha256 digest to sign, found {digest.algorithm}")
        return self._private.sign(digest.value, PKCS1v15(), Prehashed(SHA256()))


def open_rsa_file(uri: str, secrets: SecretsHandler | None = None) -> RsaFileSigner:
    """Open ``file:/path/key.pem`` (PKCS#8 or PKCS#1, 2048 bits or more).

    A file that others may read is reported to the log, not refused.

    Args:
        uri: a ``file:`` URI without host, query or fragment; other characters percent-encoded.
        secrets: asked with ``uri`` for the passphrase when the key is encrypted.

    Raises:
        InputError: a malformed URI, an unreadable file, not a private RSA key, no or a wrong
            passphrase.
    """
    path = _path_of(uri)
    with storage_errors(path), path.open("rb") as source:
        mode = path.stat().st_mode
        pem = source.read(_LONGEST_PEM)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        _LOG.warning("%s: others may read this private key; chmod 600 it", path)
    private = _load(pem, uri, secrets)
    return RsaFileSigner(uri=uri, key=PayloadKey.of(private.public_key(), path.name), _private=private)


def _path_of(uri: str) -> Path:
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise KeyUriError(f"key URI {uri!r}: {error}") from error
    path = unquote(parts.path)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or parts.query or parts.fragment:
        raise KeyUriError(f"key URI {uri!r}: expected file:/path/to/key.pem")
    if not path or "\0" in path:
        raise KeyUriError(f"key URI {uri!r}: expected file:/path/to/key.pem, found no path")
    return Path(path)


def _load(pem: bytes, uri: str, secrets: SecretsHandler | None) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem, _passphrase(pem, uri, secrets))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{uri}: not a private key that can be read: {error}",
            hint="expected a PEM file; if it is encrypted, the passphrase may be wrong",
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise InputError(f"{uri}: expected an RSA key, found another kind")
    return key


def _passphrase(pem: bytes, uri: str, secrets: SecretsHandler | None) -> bytes | None:
    if b"ENCRYPTED" not in pem:
        return None
    if secrets is None:
        raise InputError(f"{uri}: the key is encrypted, and there is nobody to ask for its passphrase")
    return secrets(uri).encode()

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
from release.signing.key_uri import KeyUri, split_key_uri
from release.signing.signer import KeyUriError, SecretsHandler, check_sha256
from release.signing.trusted_keys import PayloadKey

_LOG = logging.getLogger(__name__)
_LONGEST_PEM = 64 << 10
_FORM = "file:/path/to/key.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class RsaFileSigner:
    """Signs with a key that was read from a file and is held in memory."""

    uri: str
    key: PayloadKey
    _private: RSAPrivateKey = field(repr=False, compare=False)

    def sign_digest(self, digest: Digest) -> bytes:
        """RSASSA-PKCS1-v1_5 over a SHA-256 ``digest``. Raises InputError for other algorithms."""
        value = check_sha256(digest, self.uri).value
        return self._private.sign(value, PKCS1v15(), Prehashed(SHA256()))


def open_rsa_file(uri: str, secrets: SecretsHandler | None = None) -> RsaFileSigner:
    """Open ``file:/path/key.pem`` (PKCS#8 or PKCS#1, 2048 bits or more).

    A file that others may read is reported to the log, not refused.

    Args:
        uri: a ``file:`` URI without host or fragment; other characters percent-encoded. Options:
            ``secret`` or ``pin-source``, see ``release.signing.key_uri``.
        secrets: asked for the passphrase when the key is encrypted.

    Raises:
        InputError: a malformed URI, an unreadable file, not a private RSA key, no or a wrong
            passphrase.
    """
    named = split_key_uri(uri, "file", _FORM)
    path = _path_of(named)
    with storage_errors(path), path.open("rb") as source:
        mode = path.stat().st_mode
        pem = source.read(_LONGEST_PEM)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        _LOG.warning("%s: others may read this private key; chmod 600 it", path)
    private = _load(pem, named, secrets)
    return RsaFileSigner(uri=uri, key=PayloadKey.of(private.public_key(), path.name), _private=private)


def _path_of(uri: KeyUri) -> Path:
    try:
        parts = urlsplit(f"file:{uri.path}")
    except ValueError as error:
        raise KeyUriError(f"key URI {uri.text!r}: {error}") from error
    path = unquote(parts.path)
    if parts.netloc not in {"", "localhost"} or not path or "\0" in path:
        raise KeyUriError(f"key URI {uri.text!r}: expected {_FORM}")
    return Path(path)


def _load(pem: bytes, uri: KeyUri, secrets: SecretsHandler | None) -> RSAPrivateKey:
    passphrase = uri.ask(secrets).encode() if b"ENCRYPTED" in pem else None
    try:
        key = load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{uri.text}: not a private key that can be read: {error}",
            hint="expected a PEM file; if it is encrypted, the passphrase may be wrong",
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise InputError(f"{uri.text}: expected an RSA key, found another kind")
    return key

"""Public RSA keys that payload signatures are checked with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from release.digests import Digest
from release.errors import InputError, storage_errors

SMALLEST_KEY = 2048
"""Bits. Clients check with whatever they are given; shorter keys are refused here."""

_LONGEST_PEM = 64 << 10
_SPKI = b"-----BEGIN PUBLIC KEY-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadKey:
    """A public RSA key.

    ``fingerprint`` is the SHA-256 of its DER SubjectPublicKeyInfo, in hexadecimal digits, and all that
    two keys are compared by; ``size`` the bytes of its modulus and so of a signature; ``pem`` its
    SubjectPublicKeyInfo as clients read it; ``name`` is for people.
    """

    name: str = field(compare=False)
    fingerprint: str
    size: int
    pem: bytes = field(repr=False)

    @classmethod
    def of(cls, key: RSAPublicKey, name: str) -> PayloadKey:
        """Describe ``key``. Raises InputError when it is too short or no whole number of bytes."""
        if key.key_size < SMALLEST_KEY or key.key_size % 8:
            raise InputError(
                f"{name}: expected an RSA key of at least {SMALLEST_KEY} bits, found {key.key_size}"
            )
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(
            name=name,
            fingerprint=Digest.sha256(der).hex,
            size=key.key_size // 8,
            pem=key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        )

    def verifies(self, digest: Digest, signature: bytes) -> bool:
        """Whether ``signature`` is this key's RSASSA-PKCS1-v1_5 over the SHA-256 ``digest``."""
        if digest.algorithm != "sha256":
            raise InputError(f"payload signature: expected a sha256 digest, found {digest.algorithm}")
        if len(signature) != self.size:
            return False
        try:
            _parse(self.pem, self.name).verify(signature, digest.value, PKCS1v15(), Prehashed(SHA256()))
        except InvalidSignature:
            return False
        return True

    def __str__(self) -> str:
        return f"{self.name} (RSA-{self.size * 8}, {self.fingerprint[:16]})"


def load_payload_key(path: Path) -> PayloadKey:
    """Read a public key file as clients have it: one PEM SubjectPublicKeyInfo, RSA, 2048 bits or more.

    Raises:
        InputError: unreadable, or anything else; a private key, too.
    """
    with storage_errors(path), path.open("rb") as source:
        data = source.read(_LONGEST_PEM + 1)
    if len(data) > _LONGEST_PEM or data.count(b"-----BEGIN ") != 1 or _SPKI not in data:
        raise InputError(
            f"{path}: expected one PEM public key (BEGIN PUBLIC KEY)",
            hint="openssl rsa -in KEY.pem -pubout writes one from a private key",
        )
    return PayloadKey.of(_parse(data, str(path)), path.name)


def _parse(pem: bytes, where: str) -> RSAPublicKey:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{where}: not a readable public key: {error}") from error
    if not isinstance(key, RSAPublicKey):
        raise InputError(f"{where}: expected an RSA key, found another kind")
    return key

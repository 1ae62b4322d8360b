"""Keys for trying things out and for tests. They lie in plain files and are not for production."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from release.errors import storage_errors


def make_rsa_key(private: Path, public: Path, bits: int) -> None:
    """Write a new RSA key: PKCS#8 PEM without a passphrase (mode 0600), and its SPKI PEM.

    Raises InputError when ``private`` exists already: keys are never overwritten.
    """
    key = generate_private_key(public_exponent=65537, key_size=bits)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with storage_errors(private):
        handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as target:
            target.write(secret)
    with storage_errors(public):
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

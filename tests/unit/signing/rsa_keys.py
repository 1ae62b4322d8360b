"""RSA keys for tests, made once a session, and a payload small enough to see through."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from release.digests import Digest
from release.payload import update_metadata_pb2 as wire
from release.payload.signature_blob import blob_size


@functools.cache
def private_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The key called ``name``; the same one in the whole run."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def write_private(
    path: Path,
    key: rsa.RSAPrivateKey,
    passphrase: bytes | None = None,
    form: PrivateFormat = PrivateFormat.PKCS8,
) -> str:
    """Write a key file only its owner may read; returns its URI."""
    protection: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        protection = BestAvailableEncryption(passphrase)
    path.write_bytes(key.private_bytes(Encoding.PEM, form, protection))
    path.chmod(0o600)
    return f"file:{path}"


def write_public(path: Path, key: rsa.RSAPrivateKey) -> Path:
    """Write the public half as clients read it."""
    public = key.public_key()
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def write_payload(path: Path, rsa_sizes: Sequence[int]) -> bytes:
    """A payload of one block with an empty hole for signatures of these sizes; returns what is signed."""
    block = bytes(range(256)) * 16
    manifest = wire.DeltaArchiveManifest()
    operation = manifest.partition_operations.add(
        type=wire.InstallOperation.REPLACE,
        data_offset=0,
        data_length=len(block),
        data_sha256_hash=Digest.sha256(block).value,
    )
    operation.dst_extents.add(start_block=0, num_blocks=1)
    manifest.new_partition_info.size = len(block)
    manifest.new_partition_info.hash = Digest.sha256(block).value
    hole = blob_size(rsa_sizes) if rsa_sizes else 0
    if rsa_sizes:
        manifest.signatures_offset = len(block)
        manifest.signatures_size = hole
    metadata = manifest.SerializeToString(deterministic=True)
    signed = b"CrAU" + struct.pack(">QQ", 1, len(metadata)) + metadata + block
    path.write_bytes(signed + bytes(hole))
    return signed

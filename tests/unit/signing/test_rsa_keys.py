"""Trusted public keys and ``file:`` signers."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from release.digests import Digest
from release.errors import InputError
from release.process import run
from release.signing import open_signer
from release.signing.trusted_keys import PayloadKey, load_payload_key
from tests.unit.signing.rsa_keys import private_key, write_private, write_public

DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


@pytest.mark.parametrize("bits", [2048, 4096])
def test_a_signature_is_the_reference_construction_bit_for_bit(tmp_path: Path, bits: int) -> None:
    key = private_key("one", bits)
    signer = open_signer(write_private(tmp_path / "key.pem", key))
    message = b"what is signed"
    signature = signer.sign_digest(Digest.sha256(message))
    numbers = key.private_numbers()
    modulus, size = numbers.public_numbers.n, bits // 8
    tail = DIGEST_INFO + hashlib.sha256(message).digest()
    padded = b"\x00\x01" + b"\xff" * (size - 3 - len(tail)) + b"\x00" + tail
    assert signature == pow(int.from_bytes(padded), numbers.d, modulus).to_bytes(size)
    assert signature == key.sign(message, PKCS1v15(), SHA256())
    assert signature == signer.sign_digest(Digest.sha256(message)), "the same each time"
    assert signer.key.size == size


def test_openssl_verifies_our_signature(tmp_path: Path) -> None:
    key = private_key("one")
    signer = open_signer(write_private(tmp_path / "key.pem", key))
    (tmp_path / "message").write_bytes(b"hello")
    (tmp_path / "signature").write_bytes(signer.sign_digest(Digest.sha256(b"hello")))
    public = write_public(tmp_path / "pub.pem", key)
    files = ("-signature", tmp_path / "signature", tmp_path / "message")
    done = run(["openssl", "dgst", "-sha256", "-verify", public, *files])
    assert b"Verified OK" in done.stdout


def test_a_public_key_is_known_by_the_hash_of_its_spki(tmp_path: Path) -> None:
    key = private_key("one")
    loaded = load_payload_key(write_public(tmp_path / "k1.pub.pem", key))
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert loaded.fingerprint == hashlib.sha256(der).hexdigest()
    assert (loaded.name, loaded.size, loaded.pem) == (
        "k1.pub.pem",
        256,
        (tmp_path / "k1.pub.pem").read_bytes(),
    )
    assert str(loaded) == f"k1.pub.pem (RSA-2048, {loaded.fingerprint[:16]})"
    signer = open_signer(write_private(tmp_path / "key.pem", key))
    assert signer.key == loaded, "names are for people"


@settings(derandomize=True, deadline=None, max_examples=30)
@given(position=st.integers(0, 255), flip=st.integers(1, 255))
def test_any_changed_byte_makes_a_signature_invalid(position: int, flip: int) -> None:
    private = private_key("one")
    key = PayloadKey.of(private.public_key(), "k")
    digest = Digest.sha256(b"message")
    signature = bytearray(private.sign(b"message", PKCS1v15(), SHA256()))
    assert key.verifies(digest, bytes(signature))
    signature[position] ^= flip
    assert not key.verifies(digest, bytes(signature))


def test_a_signature_of_another_length_key_or_digest_does_not_verify() -> None:
    private, other = private_key("one"), private_key("two")
    key = PayloadKey.of(private.public_key(), "k")
    signature = private.sign(b"message", PKCS1v15(), SHA256())
    digest = Digest.sha256(b"message")
    for bad in (b"", signature[:-1], b"\0" + signature, signature + b"\0"):
        assert not key.verifies(digest, bad)
    assert not key.verifies(digest, other.sign(b"message", PKCS1v15(), SHA256()))
    assert not key.verifies(Digest.sha256(b"other"), signature)
    with pytest.raises(InputError, match="expected a sha256 digest, found sha512"):
        key.verifies(Digest("sha512", bytes(64)), signature)


def test_other_public_key_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    rsa_public = private_key("one").public_key()
    short = private_key("short", 1024).public_key()
    edwards = ed25519.Ed25519PrivateKey.generate().public_key()
    spki = PublicFormat.SubjectPublicKeyInfo
    good = rsa_public.public_bytes(Encoding.PEM, spki)
    cases = [
        (b"", "expected one PEM public key"),
        (good + good, "expected one PEM public key"),
        (good + bytes(1 << 17), "expected one PEM public key"),
        (rsa_public.public_bytes(Encoding.PEM, PublicFormat.PKCS1), "expected one PEM public key"),
        (rsa_public.public_bytes(Encoding.DER, spki), "expected one PEM public key"),
        (good[:80] + good[90:], "not a readable public key"),
        (edwards.public_bytes(Encoding.PEM, spki), "expected an RSA key"),
        (short.public_bytes(Encoding.PEM, spki), "at least 2048 bits, found 1024"),
    ]
    for content, message in cases:
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            load_payload_key(path)
    write_private(path, private_key("one"))
    with pytest.raises(InputError, match="expected one PEM public key"):
        load_payload_key(path)
    with pytest.raises(InputError, match="No such file"):
        load_payload_key(tmp_path / "gone")


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_asks_for_its_passphrase_by_its_uri(tmp_path: Path, form: PrivateFormat) -> None:
    uri = write_private(tmp_path / "key.pem", private_key("one"), b"open sesame", form)
    asked: list[str] = []

    def secrets(name: str) -> str:
        asked.append(name)
        return "open sesame"

    assert open_signer(uri, secrets).key.size == 256
    assert asked == [uri]
    with pytest.raises(InputError, match="nobody to ask"):
        open_signer(uri)
    with pytest.raises(InputError, match="not a private key that can be read") as caught:
        open_signer(uri, lambda _: "wrong")
    assert caught.value.hint is not None
    assert "passphrase may be wrong" in caught.value.hint
    with pytest.raises(InputError, match="not a private key that can be read"):
        open_signer(uri, lambda _: "")


def test_a_plain_key_asks_nobody(tmp_path: Path) -> None:
    uri = write_private(tmp_path / "key.pem", private_key("one"))

    def secrets(name: str) -> str:
        raise AssertionError(name)

    assert open_signer(uri, secrets).uri == uri


def test_bad_private_key_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    for content in (b"", b"nothing", write_public(tmp_path / "p", private_key("one")).read_bytes()):
        path.write_bytes(content)
        with pytest.raises(InputError, match="not a private key that can be read"):
            open_signer(f"file:{path}")
    edwards = ed25519.Ed25519PrivateKey.generate()
    path.write_bytes(edwards.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(InputError, match="expected an RSA key"):
        open_signer(f"file:{path}")
    with pytest.raises(InputError, match="at least 2048 bits, found 1024"):
        open_signer(write_private(path, private_key("short", 1024)))


def test_a_private_key_that_others_may_read_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uri = write_private(tmp_path / "key.pem", private_key("one"))
    with caplog.at_level(logging.WARNING):
        open_signer(uri)
        assert not caplog.messages
        (tmp_path / "key.pem").chmod(0o640)
        open_signer(uri)
    assert caplog.messages == [f"{tmp_path}/key.pem: others may read this private key; chmod 600 it"]


def test_file_uris_come_in_three_spellings_and_percent_encoded(tmp_path: Path) -> None:
    path = tmp_path / "my key?.pem"
    write_private(path, private_key("one"))
    encoded = str(path).replace(" ", "%20").replace("?", "%3F")
    for uri in (f"file:{encoded}", f"file://{encoded}", f"file://localhost{encoded}"):
        assert open_signer(uri).key.name == "my key?.pem"


@pytest.mark.parametrize(
    "uri",
    ["file:", "file://", "file://elsewhere/key", "file:/a?b=c", "file:/a#b", "file:/a%00b", "file://[x"],
)
def test_other_file_uris_are_refused(uri: str) -> None:
    with pytest.raises(InputError, match="key URI"):
        open_signer(uri)


@pytest.mark.parametrize("uri", ["", "key.pem", "/key.pem", "pkcs11", "FILE:/x", "http://x/y", ":x", "file"])
def test_unknown_schemes_are_refused(uri: str) -> None:
    with pytest.raises(InputError, match="is not known; available: file"):
        open_signer(uri)


def test_a_signer_signs_sha256_only_and_shows_no_secret(tmp_path: Path) -> None:
    signer = open_signer(write_private(tmp_path / "key.pem", private_key("one")))
    with pytest.raises(InputError, match="expected a sha256 digest to sign, found md5"):
        signer.sign_digest(Digest("md5", bytes(16)))
    assert "rivate" not in repr(signer)

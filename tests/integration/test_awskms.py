"""``awskms:`` keys, with a real service and with bad ones."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from flows.rehearsal.s3_server import free_port
from release.digests import Digest
from release.errors import (
    HumpyardError,
    InputError,
    NotVerifiedError,
    RefusedError,
    ToolError,
    UnavailableError,
)
from release.payload.profile import FLATCAR
from release.signing import open_signer
from release.signing.payload_signature import sign_payload, verify_payload
from release.signing.trusted_keys import PayloadKey
from tests.canned_server import Answer, Canned, canned_server
from tests.ministack import Kms, kms
from tests.unit.signing.rsa_keys import private_key, write_payload

__all__ = ["kms"]

DIGEST = Digest.sha256(b"what is signed")
SECRET = "canary/wJalrXUtnFEMI"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """boto3's own chain finds these, and nothing of this machine."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.mark.parametrize("kind", ["RSA_2048", "RSA_4096"])
def test_the_service_signs_digests(kms: Kms, tmp_path: Path, kind: str) -> None:
    key_id = kms.new_key("RSA_2048" if kind == "RSA_2048" else "RSA_4096")
    signer = open_signer(f"awskms:{key_id}?{kms.options}")
    public = load_pem_public_key(signer.key.pem)
    assert isinstance(public, RSAPublicKey)
    assert f"RSA_{public.key_size}" == kind
    public.verify(signer.sign_digest(DIGEST), DIGEST.value, PKCS1v15(), Prehashed(SHA256()))
    assert signer.sign_digest(DIGEST) == signer.sign_digest(DIGEST)
    payload = tmp_path / "payload"
    write_payload(payload, [signer.key.size])
    sign_payload(payload, [signer], [signer.key])
    assert [slot.key for slot in verify_payload(payload, [signer.key], FLATCAR)] == [signer.key]
    with pytest.raises(InputError, match="expected a sha256 digest to sign, found sha1"):
        signer.sign_digest(Digest("sha1", bytes(20)))


def test_a_key_has_three_names_and_an_alias_that_moves_changes_nothing(kms: Kms) -> None:
    first, second = kms.new_key(), kms.new_key()
    client = kms.client()
    client.create_alias(AliasName="alias/release/payload", TargetKeyId=first)
    arn = client.describe_key(KeyId=first)["KeyMetadata"]["Arn"]
    names = ("alias/release/payload", "alias%2Frelease%2Fpayload", first, arn)
    signers = [open_signer(f"awskms:{name}?{kms.options}") for name in names]
    assert len({signer.key for signer in signers}) == 1
    client.update_alias(AliasName="alias/release/payload", TargetKeyId=second)
    assert {signer.sign_digest(DIGEST) for signer in signers} == {signers[-1].sign_digest(DIGEST)}
    assert open_signer(f"awskms:{names[0]}?{kms.options}").key != signers[0].key


def test_keys_that_cannot_sign_are_refused(kms: Kms) -> None:
    for key_id, message in (
        (
            kms.new_key("ECC_NIST_P256"),
            "expected an RSA key for RSASSA_PKCS1_V1_5_SHA_256, found ECDSA_SHA_256",
        ),
        (
            kms.new_key(usage="ENCRYPT_DECRYPT"),
            "expected an RSA key for RSASSA_PKCS1_V1_5_SHA_256, found none",
        ),
        ("alias/gone", r"NotFoundException.*alias/gone"),
    ):
        with pytest.raises(InputError, match=message):
            open_signer(f"awskms:{key_id}?{kms.options}")


def test_a_disabled_key_is_a_refusal(kms: Kms) -> None:
    key_id = kms.new_key()
    signer = open_signer(f"awskms:{key_id}?{kms.options}")
    kms.client().disable_key(KeyId=key_id)
    with pytest.raises(RefusedError, match="DisabledException") as caught:
        signer.sign_digest(DIGEST)
    assert caught.value.hint is not None
    kms.client().enable_key(KeyId=key_id)
    assert signer.key.verifies(DIGEST, signer.sign_digest(DIGEST))
    kms.client().schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    with pytest.raises(RefusedError, match="KMSInvalidStateException"):
        signer.sign_digest(DIGEST)


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="Could not connect"):
        open_signer(f"awskms:alias/a?region=eu-central-1&endpoint=http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "You must specify a region"),
        ("?region=nowhere!", "doesn't match a supported format"),
        ("?region=eu-central-1&profile=gone", r"profile \(gone\) could not be found"),
    ],
)
def test_what_boto3_needs_is_said(options: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        open_signer(f"awskms:alias/a{options}")
    assert caught.value.hint is not None


def test_without_credentials_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(InputError, match="Unable to locate credentials"):
        open_signer("awskms:alias/a?region=eu-central-1&endpoint=http://127.0.0.1:1")


def of_service(*, public: bytes, signature: bytes = b"") -> Answer:
    """Answers of a service that says to hold an RSA key."""
    arn = "arn:aws:kms:eu-central-1:000000000000:key/a"
    answers: dict[str, dict[str, object]] = {
        "GetPublicKey": {
            "KeyId": arn,
            "PublicKey": base64.b64encode(public).decode(),
            "SigningAlgorithms": ["RSASSA_PKCS1_V1_5_SHA_256"],
        },
        "Sign": {"KeyId": arn, "Signature": base64.b64encode(signature).decode()},
    }
    return lambda _method, _path, headers: Canned(body=json.dumps(answers[operation(headers)]).encode())


def test_a_service_that_hashes_digests_again_is_found_out(tmp_path: Path) -> None:
    """As moto 5 does: its signature is one, but of another thing."""
    key = private_key("one")
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    payload = tmp_path / "payload"
    digest = Digest.sha256(write_payload(payload, [256]))
    hashed_twice = key.sign(digest.value, PKCS1v15(), SHA256())
    unsigned = payload.read_bytes()
    with canned_server(of_service(public=spki, signature=hashed_twice)) as url:
        signer = open_signer(f"awskms:alias/a?region=eu-central-1&endpoint={url}")
        with pytest.raises(NotVerifiedError, match="its answer does not verify with the trusted key one"):
            sign_payload(payload, [signer], [PayloadKey.of(key.public_key(), "one")])
    assert payload.read_bytes() == unsigned


def test_a_service_that_gives_no_rsa_key_is_refused() -> None:
    elliptic = generate_private_key(SECP256R1()).public_key()
    for public, message in (
        (b"nothing", "no readable public key"),
        (elliptic.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), "found another kind"),
    ):
        with canned_server(of_service(public=public)) as url, pytest.raises(InputError, match=message):
            open_signer(f"awskms:alias/a?region=eu-central-1&endpoint={url}")


def operation(headers: Mapping[str, str]) -> str:
    return headers["X-Amz-Target"].removeprefix("TrentService.")


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "AccessDeniedException", InputError),
        (400, "UnrecognizedClientException", InputError),
        (400, "ExpiredTokenException", InputError),
        (403, "InvalidSignatureException", InputError),
        (400, "InvalidKeyUsageException", InputError),
        (400, "DisabledException", RefusedError),
        (400, "ThrottlingException", UnavailableError),
        (500, "KMSInternalException", UnavailableError),
        (500, "KeyUnavailableException", UnavailableError),
        (503, "ServiceUnavailable", UnavailableError),
        (302, "Found", ToolError),
    ],
)
def test_what_the_service_refuses_becomes_our_errors(
    status: int, code: str, error: type[HumpyardError], caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    def answer(_method: str, _path: str, headers: Mapping[str, str]) -> Canned:
        asked.append(operation(headers))
        return Canned(status, json.dumps({"__type": code, "message": "no"}).encode())

    with caplog.at_level(logging.DEBUG), canned_server(answer) as url, pytest.raises(error) as caught:
        open_signer(f"awskms:alias/a?region=eu-central-1&endpoint={url}")
    assert type(caught.value) is error
    assert code in caught.value.message
    assert len(asked) == (4 if error is UnavailableError else 1), "only what may pass is tried again"
    said = "".join(traceback.format_exception(caught.value))
    assert "canary" not in said + caplog.text


@pytest.mark.parametrize(
    "canned",
    [
        Canned(body=b"<html>hello</html>"),
        Canned(body=b"{}"),
        Canned(body=b'{"KeyId": "a", "PublicKey": "!!!"}'),
        Canned(body=b'{"KeyId": "a", "PublicKey": ["AA=="]}'),
        Canned(body=b"[]"),
        Canned(body=b'{"KeyId": "a", "PublicKey": "AA==", "SigningAlgorithms": null}'),
    ],
)
def test_what_is_no_key_management_service_is_told(canned: Canned) -> None:
    with (
        canned_server(lambda _method, _path, _headers: canned) as url,
        pytest.raises(InputError, match="awskms:alias/a"),
    ):
        open_signer(f"awskms:alias/a?region=eu-central-1&endpoint={url}")

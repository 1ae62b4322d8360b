"""Signatures of the vectors: our verdict is the real client's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from release.errors import HumpyardError, NotVerifiedError
from release.payload.profile import REPLACE_ONLY
from release.signing import open_signer
from release.signing.payload_signature import sign_payload, verify_payload
from release.signing.trusted_keys import PayloadKey, load_payload_key
from tests.unit.signing.rsa_keys import private_key, write_private

pytestmark = pytest.mark.shared

KEYS = ("k1", "k2", "k4096")


@pytest.fixture(scope="module")
def keys(shared: Path) -> dict[str, PayloadKey]:
    return {name: load_payload_key(shared / "vectors" / "keys" / f"{name}.pub.pem") for name in KEYS}


@pytest.mark.parametrize(
    ("name", "accepted", "message"),
    [
        ("2-sigs-in-order-v2-v1", True, None),
        ("v1-rsa-4096-v2-rsa-2048", True, None),
        ("2-sigs-v1-ours-v2-other", False, "clients do not look at does .version 1."),
        ("2-sigs-both-v2-ours-second", False, "clients do not look at does .version 2."),
        ("one-signature-version-1", False, "no signature has version 2"),
        ("one-signature-no-version", False, "no signature has version 2"),
        ("unsigned-client-has-key", False, "the payload is not signed"),
        ("bit-flip-inside-signature-message", False, "version 2 does not verify with k1"),
        ("signatures-size-too-small", False, "payload-size"),
        ("signatures-size-too-big", False, "payload-size"),
        ("truncated-by-1-byte", False, "payload-size"),
        ("trailing-bytes-omaha-size-includes-them", False, "payload-size"),
    ],
)
def test_our_verdict_is_the_clients(
    shared: Path, keys: dict[str, PayloadKey], name: str, accepted: bool, message: str | None
) -> None:
    path = shared / "vectors" / "client" / f"{name}.payload"
    if accepted:
        assert verify_payload(path, [keys["k1"]])
    else:
        with pytest.raises(HumpyardError, match=message) as caught:
            verify_payload(path, [keys["k1"]])
        assert caught.value.exit_code == 1


def test_every_payload_the_client_accepts_with_a_key_verifies(
    shared: Path, keys: dict[str, PayloadKey]
) -> None:
    folder = shared / "vectors" / "client"
    index = json.loads((folder / "index.json").read_text())
    accepted = [case for case in index if case["client"] == "accept" and case["key"]]
    assert len(accepted) > 10
    for case in accepted:
        if case["stricter_is_fine"]:
            continue
        key = keys[case["key"].partition(".")[0]]
        slots = verify_payload(folder / f"{case['name']}.payload", [key])
        assert [slot.key for slot in slots if slot.counts] == [key], case["name"]


def test_every_payload_the_client_refuses_for_its_signature_does_not_verify(
    shared: Path, keys: dict[str, PayloadKey]
) -> None:
    folder = shared / "vectors" / "client"
    index = json.loads((folder / "index.json").read_text())
    refused = [case for case in index if case["reason"] in {"signature", "not signed"}]
    assert len(refused) >= 6
    for case in refused:
        with pytest.raises(NotVerifiedError):
            verify_payload(folder / f"{case['name']}.payload", [keys["k1"]])


@pytest.mark.parametrize("name", ["one-signature-version-1", "one-signature-no-version"])
def test_clients_that_try_all_slots_ignore_versions(
    shared: Path, keys: dict[str, PayloadKey], name: str
) -> None:
    path = shared / "vectors" / "client" / f"{name}.payload"
    (slot,) = verify_payload(path, [keys["k1"]], REPLACE_ONLY)
    assert slot.key == keys["k1"]
    with pytest.raises(NotVerifiedError, match="none of its 1 signatures"):
        verify_payload(path, [keys["k2"]], REPLACE_ONLY)


def test_each_slot_tells_which_of_our_keys_made_it(shared: Path, keys: dict[str, PayloadKey]) -> None:
    vectors = shared / "vectors"
    mixed = verify_payload(vectors / "client" / "v1-rsa-4096-v2-rsa-2048.payload", list(keys.values()))
    assert [(slot.version, slot.key) for slot in mixed] == [(1, keys["k4096"]), (2, keys["k1"])]
    real = verify_payload(vectors / "delta_generator" / "full-kernel-two-keys.payload", list(keys.values()))
    assert [(slot.version, slot.key) for slot in real] == [(1, keys["k2"]), (2, keys["k1"])]


@pytest.mark.parametrize("name", ["full", "delta", "delta-kernel", "full-kernel-two-keys"])
def test_payloads_of_the_real_generator_verify_with_the_right_key_only(
    shared: Path, keys: dict[str, PayloadKey], name: str
) -> None:
    path = shared / "vectors" / "delta_generator" / f"{name}.payload"
    assert verify_payload(path, [keys["k1"]])
    with pytest.raises(NotVerifiedError, match="does not verify with k4096"):
        verify_payload(path, [keys["k4096"]])


def test_the_real_generators_unsigned_payload_is_not_signed(
    shared: Path, keys: dict[str, PayloadKey]
) -> None:
    with pytest.raises(NotVerifiedError, match="not signed"):
        verify_payload(shared / "vectors" / "delta_generator" / "full-unsigned.payload", [keys["k1"]])


def test_the_real_generators_payload_can_be_signed_anew(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "payload"
    shutil.copyfile(shared / "vectors" / "delta_generator" / "full-kernel-two-keys.payload", path)
    signers = [
        open_signer(write_private(tmp_path / f"{name}.pem", private_key(name))) for name in ("one", "two")
    ]
    sign_payload(path, signers, [signer.key for signer in signers])
    slots = verify_payload(path, [signers[1].key])
    assert [slot.key for slot in slots] == [None, signers[1].key]

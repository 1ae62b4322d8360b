"""``pkcs11:`` keys on real SoftHSM2 tokens."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from pkcs11 import Attribute, KeyType, ObjectClass, TokenFlag
from pkcs11.util.ec import encode_named_curve_parameters

from release.digests import Digest
from release.errors import HumpyardError, InputError, RefusedError, ToolError, UnavailableError
from release.payload.profile import FLATCAR
from release.signing import open_signer
from release.signing.payload_signature import sign_payload, verify_payload
from release.signing.pkcs11 import _check_pin_state, translate
from release.signing.pkcs11_uri import TokenKey, parse_pkcs11_uri
from release.signing.trusted_keys import PayloadKey
from tests.softhsm import MODULE, PIN, SECURITY_OFFICER_PIN, SoftHsm, softhsm
from tests.unit.signing.rsa_keys import private_key, write_payload

__all__ = ["softhsm"]

DIGEST = Digest.sha256(b"what is signed")
WHERE = f"module-path={MODULE}"


def pin(_: str) -> str:
    return PIN


def token(label: str = "release") -> pkcs11.Token:
    return pkcs11.lib(str(MODULE.resolve())).get_token(token_label=label)


def certificate(key: RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "payload")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1))
        .sign(key, SHA256())
    )
    return made.public_bytes(Encoding.DER)


@pytest.mark.parametrize("bits", [2048, 4096])
def test_a_token_signs_as_a_key_in_a_file_does(softhsm: SoftHsm, bits: int) -> None:
    key = private_key("one", bits)
    softhsm.new_token("release")
    uri = softhsm.import_key("release", "payload", key)
    signer = open_signer(uri, pin)
    assert signer.uri == uri
    assert signer.key == PayloadKey.of(key.public_key(), "payload")
    expected = key.sign(b"what is signed", PKCS1v15(), SHA256())
    assert [signer.sign_digest(DIGEST) for _ in range(2)] == [expected, expected]
    with pytest.raises(InputError, match="expected a sha256 digest to sign, found sha512"):
        signer.sign_digest(Digest("sha512", bytes(64)))


def test_a_payload_is_signed_by_two_tokens_with_two_pins(softhsm: SoftHsm, tmp_path: Path) -> None:
    uris, pins = [], {"first-pin": "111111", "second-pin": "222222"}
    for label, name in (("first", "old"), ("second", "new")):
        softhsm.new_token(label, pins[f"{label}-pin"])
        made = softhsm.import_key(label, "payload", private_key(name), pin=pins[f"{label}-pin"])
        uris.append(f"{made}&secret={label}-pin")
    signers = [open_signer(uri, pins.__getitem__) for uri in uris]
    payload = tmp_path / "payload"
    write_payload(payload, [256, 256])
    trusted = [PayloadKey.of(private_key(name).public_key(), name) for name in ("old", "new")]
    sign_payload(payload, signers, trusted)
    assert [slot.key for slot in verify_payload(payload, trusted, FLATCAR)] == trusted


def test_a_wrong_pin_is_told_and_leaves_no_session_behind(softhsm: SoftHsm) -> None:
    softhsm.new_token("release")
    uri = softhsm.import_key("release", "payload", private_key("one"))
    with pytest.raises(InputError, match=r"the token refused the PIN \(PinIncorrect\)") as caught:
        open_signer(uri, lambda _: "000000")
    assert "lock themselves" in str(caught.value.hint)
    open_signer(uri, pin).sign_digest(DIGEST)
    # A security officer cannot log in while any other session is open.
    with token().open(rw=True, so_pin=SECURITY_OFFICER_PIN):
        pass
    with pytest.raises(InputError, match="nobody to ask"):
        open_signer(uri)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (f"pkcs11:token=gone;object=payload?{WHERE}", "expected one token, found none"),
        (
            f"pkcs11:object=payload?{WHERE}",
            "expected one token, found 2: '(other|release)', '(other|release)'",
        ),
        (f"pkcs11:token=release;serial=00?{WHERE}", "expected one token, found none"),
        (f"pkcs11:token=release;slot-id=12345?{WHERE}", "expected one token, found none"),
        (f"pkcs11:token=release;object=gone?{WHERE}", "expected one private key, found none"),
        (f"pkcs11:token=release;object=payload;id=%09?{WHERE}", "expected one private key, found none"),
        (f"pkcs11:token=release?{WHERE}", "expected one private key, found 3"),
        (f"pkcs11:token=release;object=twice?{WHERE}", "expected one private key, found 2"),
    ],
)
def test_what_names_no_single_key_is_refused(softhsm: SoftHsm, uri: str, message: str) -> None:
    softhsm.new_token("release")
    softhsm.new_token("other")
    softhsm.import_key("release", "payload", private_key("one"))
    softhsm.import_key("release", "twice", private_key("one"), identity="02")
    softhsm.import_key("release", "twice", private_key("two"), identity="03")
    with pytest.raises(InputError, match=message) as caught:
        open_signer(uri, pin)
    assert caught.value.hint is not None
    assert open_signer(f"pkcs11:token=release;object=twice;id=%03;type=private?{WHERE}", pin).key == (
        PayloadKey.of(private_key("two").public_key(), "two")
    )


def test_what_is_no_module_is_refused(softhsm: SoftHsm, tmp_path: Path) -> None:
    del softhsm
    (tmp_path / "text.so").write_text("text")
    for path, message in (
        (tmp_path / "gone.so", "there is no PKCS#11 module"),
        (tmp_path / "text.so", "not a PKCS#11 module"),
        (Path("/usr/lib/x86_64-linux-gnu/libz.so.1").resolve(), "not a PKCS#11 module"),
    ):
        with pytest.raises(InputError, match=message):
            open_signer(f"pkcs11:token=release?module-path={path}", pin)


def test_a_module_is_found_by_the_name_that_p11_kit_knows(softhsm: SoftHsm) -> None:
    softhsm.new_token("release")
    softhsm.import_key("release", "payload", private_key("one"))
    uri = "pkcs11:token=release;object=payload?module-name=softhsm2"
    assert parse_pkcs11_uri(uri).module == MODULE.resolve()
    by_path = open_signer(f"pkcs11:token=release;object=payload?{WHERE}", pin)
    assert open_signer(uri, pin).sign_digest(DIGEST) == by_path.sign_digest(DIGEST)
    with pytest.raises(InputError, match=r"there is no unknown\.module in /etc/pkcs11/modules"):
        open_signer("pkcs11:token=release?module-name=unknown", pin)


def test_another_kind_of_key_is_refused(softhsm: SoftHsm) -> None:
    softhsm.new_token("release")
    with token().open(rw=True, user_pin=PIN) as session:
        curve = encode_named_curve_parameters("secp256r1")
        parameters = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: curve}, local=True)
        parameters.generate_keypair(store=True, label="elliptic")
    with pytest.raises(InputError, match="expected an RSA key, found EC"):
        open_signer(f"pkcs11:token=release;object=elliptic?{WHERE}", pin)


def test_a_key_that_wants_the_pin_for_every_signature_gets_it(softhsm: SoftHsm) -> None:
    softhsm.new_token("release")
    with token().open(rw=True, user_pin=PIN) as session:
        demanding = {Attribute.ALWAYS_AUTHENTICATE: True, Attribute.EXTRACTABLE: False}
        session.generate_keypair(KeyType.RSA, 2048, store=True, label="card", private_template=demanding)
    signer = open_signer(f"pkcs11:token=release;object=card?{WHERE}", pin)
    for text in (b"one", b"two"):
        digest = Digest.sha256(text)
        assert signer.key.verifies(digest, signer.sign_digest(digest))


@pytest.mark.parametrize("told_by", ["public key", "certificate", "nobody"])
def test_the_public_half_is_read_from_what_the_token_has(softhsm: SoftHsm, told_by: str) -> None:
    """A private key object need not tell its public exponent."""
    key = private_key("one")
    numbers = key.private_numbers()
    public = numbers.public_numbers
    softhsm.new_token("release")
    modulus = public.n.to_bytes(256)
    beside = {
        "public key": {
            Attribute.CLASS: ObjectClass.PUBLIC_KEY,
            Attribute.KEY_TYPE: KeyType.RSA,
            Attribute.MODULUS: modulus,
            Attribute.PUBLIC_EXPONENT: public.e.to_bytes(3),
        },
        "certificate": {
            Attribute.CLASS: ObjectClass.CERTIFICATE,
            Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
            Attribute.SUBJECT: b"",
            Attribute.VALUE: certificate(key),
        },
        "nobody": None,
    }[told_by]
    with token().open(rw=True, user_pin=PIN) as session:
        session.create_object(
            {
                Attribute.CLASS: ObjectClass.PRIVATE_KEY,
                Attribute.KEY_TYPE: KeyType.RSA,
                Attribute.TOKEN: True,
                Attribute.LABEL: "payload",
                Attribute.ID: b"\x07",
                Attribute.SIGN: True,
                Attribute.MODULUS: modulus,
                Attribute.PRIVATE_EXPONENT: numbers.d.to_bytes(256),
                Attribute.PRIME_1: numbers.p.to_bytes(128),
                Attribute.PRIME_2: numbers.q.to_bytes(128),
                Attribute.EXPONENT_1: numbers.dmp1.to_bytes(128),
                Attribute.EXPONENT_2: numbers.dmq1.to_bytes(128),
                Attribute.COEFFICIENT: numbers.iqmp.to_bytes(128),
            }
        )
        if beside is not None:
            names = {Attribute.TOKEN: True, Attribute.LABEL: "called otherwise", Attribute.ID: b"\x07"}
            session.create_object({**beside, **names})
    uri = f"pkcs11:token=release;object=payload?{WHERE}"
    if beside is None:
        with pytest.raises(InputError, match="does not tell the public half"):
            open_signer(uri, pin)
        return
    assert open_signer(uri, pin).key == PayloadKey.of(key.public_key(), "one")


@dataclass(frozen=True, slots=True)
class TokenInState:
    """As much of a token as tells the state of its PIN. SoftHSM2 never locks one."""

    flags: TokenFlag


@pytest.mark.parametrize(
    ("flags", "error", "message"),
    [
        (TokenFlag.USER_PIN_LOCKED | TokenFlag.USER_PIN_INITIALIZED, RefusedError, "the PIN is locked"),
        (TokenFlag.USER_PIN_FINAL_TRY | TokenFlag.USER_PIN_INITIALIZED, RefusedError, "one more wrong PIN"),
        (TokenFlag.TOKEN_INITIALIZED, InputError, "the token has no user PIN yet"),
    ],
)
def test_a_pin_is_not_tried_when_that_could_lock_the_token(
    flags: TokenFlag, error: type[HumpyardError], message: str
) -> None:
    state = cast("pkcs11.Token", TokenInState(flags))
    with pytest.raises(error, match=message):
        _check_pin_state(state, place())


def place() -> TokenKey:
    return parse_pkcs11_uri(f"pkcs11:token=release;object=payload?{WHERE}")


@pytest.mark.parametrize(
    ("reported", "error", "message"),
    [
        (pkcs11.PinIncorrect(), InputError, "refused the PIN"),
        (pkcs11.PinLenRange(), InputError, "refused the PIN"),
        (pkcs11.PinLocked(), RefusedError, "the PIN is locked"),
        (pkcs11.PinExpired(), RefusedError, "the PIN has expired"),
        (pkcs11.MechanismInvalid(), InputError, r"makes no RSA PKCS#1 v1\.5 signatures"),
        (pkcs11.DeviceRemoved(), UnavailableError, "does not answer"),
        (pkcs11.SessionHandleInvalid(), UnavailableError, "does not answer"),
        (pkcs11.GeneralError(), ToolError, "reports GeneralError"),
        (pkcs11.PKCS11Error("Unknown error"), ToolError, "reports PKCS11Error: Unknown error"),
    ],
)
def test_what_modules_report_becomes_our_errors(
    reported: pkcs11.PKCS11Error, error: type[HumpyardError], message: str
) -> None:
    found = translate(reported, place())
    assert type(found) is error
    with pytest.raises(error, match=message):
        raise found


def test_the_pin_is_in_no_message_log_or_text(softhsm: SoftHsm, caplog: pytest.LogCaptureFixture) -> None:
    canary = "canary-27182818"
    softhsm.new_token("release", canary)
    uri = softhsm.import_key("release", "payload", private_key("one"), pin=canary)
    said = []
    with caplog.at_level(logging.DEBUG):
        signer = open_signer(uri, lambda _: canary)
        said += [repr(signer), str(signer), str(signer.key), signer.sign_digest(DIGEST).hex()]
        for wrong in (f"{canary}x", canary[:-1], f"{canary}\0"):
            try:
                open_signer(uri, lambda _, wrong=wrong: wrong)  # type: ignore[misc]
            except HumpyardError as error:
                said.append("".join(traceback.format_exception(error)) + str(error.hint))
    assert len(said) == 7
    assert "canary" not in "".join([*said, caplog.text])

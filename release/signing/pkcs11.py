"""``pkcs11:`` keys: the private key stays on a token (a hardware security module, a smart card, SoftHSM2).

Each use opens a session, logs in, and closes it, under one lock: python-pkcs11 initialises modules for
single-threaded use, and a login counts for all sessions of a process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import cast

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, TokenFlag
from pkcs11.types import SignMixin

from release.digests import Digest
from release.errors import HumpyardError, InputError, RefusedError, ToolError, UnavailableError
from release.signing.pkcs11_uri import TokenKey, parse_pkcs11_uri
from release.signing.signer import SHA256_INFO, SecretsHandler, check_sha256
from release.signing.trusted_keys import PayloadKey

_LOCK = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSigner:
    """Signs with a key that a token holds and does not give away."""

    uri: str
    key: PayloadKey
    _place: TokenKey = field(repr=False)
    _pin: str | None = field(repr=False, compare=False)
    """None where the token has a PIN pad of its own."""

    def sign_digest(self, digest: Digest) -> bytes:
        """RSASSA-PKCS1-v1_5 over a SHA-256 ``digest``; the token sees the digest, not what it is of.

        Raises as ``open_token_key``, which found the key before; and InputError for other algorithms.
        """
        info = SHA256_INFO + check_sha256(digest, self.uri).value
        with _session(self._place, self._pin) as session:
            key = _private_key(session, self._place)
            pin = self._pin if _get(key, Attribute.ALWAYS_AUTHENTICATE) else None
            return cast("SignMixin", key).sign(info, mechanism=Mechanism.RSA_PKCS, pin=pin)


def open_token_key(uri: str, secrets: SecretsHandler | None = None) -> TokenSigner:
    """Find the key that a ``pkcs11:`` URI names and read its public half. Logs in, and out again.

    The PIN is asked for once, used for this and for signing, and kept in memory only.

    Args:
        uri: see ``release.signing.pkcs11_uri``.
        secrets: asked for the PIN, unless the URI has a ``pin-source`` or the token a PIN pad.

    Raises:
        InputError: no such module, token or key, more than one, not RSA, or a wrong PIN.
        RefusedError: the PIN is locked, or the next wrong one would lock it.
        UnavailableError: the token does not answer.
        ToolError: anything else that the module reports.
    """
    place = parse_pkcs11_uri(uri)
    with _errors(place), _LOCK:
        token = _find_token(place)
    pad = bool(token.flags & TokenFlag.PROTECTED_AUTHENTICATION_PATH)
    pin = None if pad else place.uri.ask(secrets)
    with _session(place, pin) as session:
        public = _public_key(session, _private_key(session, place), place)
    name = place.label or place.token.get("token") or "token"
    return TokenSigner(uri=uri, key=PayloadKey.of(public, name), _place=place, _pin=pin)


@contextmanager
def _session(place: TokenKey, pin: str | None) -> Iterator[pkcs11.Session]:
    """A session in which the user is logged in. Closed in the end, whatever happens."""
    with _errors(place), _LOCK:
        token = _find_token(place)
        _check_pin_state(token, place)
        try:
            with token.open(user_pin=pkcs11.PROTECTED_AUTH if pin is None else pin) as session:
                yield session
        except pkcs11.PKCS11Error:
            with suppress(pkcs11.PKCS11Error):  # a session whose login failed is closed by this alone
                pkcs11.lib(str(place.module)).finalize()
            raise


def _find_token(place: TokenKey) -> pkcs11.Token:
    """The one token that fits. A token's state is as of now."""
    found = []
    for slot in pkcs11.lib(str(place.module)).get_slots(token_present=True):
        token = slot.get_token()
        says = {
            "token": token.label,
            "manufacturer": token.manufacturer_id,
            "model": token.model,
            "serial": token.serial.decode(errors="replace"),
        }
        fits = place.slot in {None, slot.slot_id} and all(
            says[name] == value for name, value in place.token.items()
        )
        if fits and token.flags & TokenFlag.TOKEN_INITIALIZED:
            found.append(token)
    if len(found) != 1:
        names = ", ".join(repr(token.label) for token in found)
        raise InputError(
            f"{place.text}: expected one token, found {f'{len(found)}: {names}' if found else 'none'}",
            hint="give token=, serial= or slot-id= as the module lists them"
            if found
            else "is it plugged in, and may this user reach it? pkcs11-tool --module MODULE -T lists tokens",
        )
    return found[0]


def _check_pin_state(token: pkcs11.Token, place: TokenKey) -> None:
    """Refuse what would fail, or could lock the token for good."""
    if token.flags & TokenFlag.USER_PIN_LOCKED:
        raise _locked(place)
    if token.flags & TokenFlag.USER_PIN_FINAL_TRY:
        raise RefusedError(
            f"{place.text}: one more wrong PIN locks the token, so it is not tried here",
            hint="log in by hand with the right PIN first; that sets the count back",
        )
    if not token.flags & TokenFlag.USER_PIN_INITIALIZED:
        raise InputError(f"{place.text}: the token has no user PIN yet", hint="initialise it first")


def _private_key(session: pkcs11.Session, place: TokenKey) -> pkcs11.Object:
    """The one private key that fits, which must be RSA."""
    wanted: dict[Attribute, object] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    if place.label is not None:
        wanted[Attribute.LABEL] = place.label
    if place.identity is not None:
        wanted[Attribute.ID] = place.identity
    found = list(session.get_objects(wanted))
    if len(found) != 1:
        raise InputError(
            f"{place.text}: expected one private key, found {len(found) or 'none'}",
            hint="give object= and id= as on the token; pkcs11-tool --module MODULE -l -O lists them",
        )
    kind = _get(found[0], Attribute.KEY_TYPE)
    if kind != KeyType.RSA:
        raise InputError(f"{place.text}: expected an RSA key, found {getattr(kind, 'name', kind)}")
    return found[0]


def _public_key(session: pkcs11.Session, private: pkcs11.Object, place: TokenKey) -> RSAPublicKey:
    """The public half: as the private key says, else the object or certificate of the same identity."""
    found = [private]
    identity = _get(private, Attribute.ID)
    if identity:
        for kind in (ObjectClass.PUBLIC_KEY, ObjectClass.CERTIFICATE):
            found += session.get_objects({Attribute.CLASS: kind, Attribute.ID: identity})
    for one in found:
        public = _read_public(one)
        if public is not None:
            return public
    raise InputError(
        f"{place.text}: the token does not tell the public half of this key",
        hint="put its public key or certificate on the token, with the same id",
    )


def _read_public(found: pkcs11.Object) -> RSAPublicKey | None:
    """What an object tells of an RSA public key, None if nothing."""
    try:
        if _get(found, Attribute.CLASS) == ObjectClass.CERTIFICATE:
            certified = x509.load_der_x509_certificate(found[Attribute.VALUE]).public_key()
            return certified if isinstance(certified, RSAPublicKey) else None
        modulus, exponent = _get(found, Attribute.MODULUS), _get(found, Attribute.PUBLIC_EXPONENT)
        if not isinstance(modulus, bytes) or not isinstance(exponent, bytes):
            return None
        return RSAPublicNumbers(int.from_bytes(exponent), int.from_bytes(modulus)).public_key()
    except ValueError:  # no certificate, or no RSA key
        return None


def _get(found: pkcs11.Object, attribute: Attribute) -> object:
    """An attribute's value; None when the token has none or does not tell."""
    try:
        return cast("object", found[attribute])
    except (pkcs11.AttributeTypeInvalid, pkcs11.AttributeSensitive, pkcs11.AttributeValueInvalid):
        return None


_WRONG_PIN = (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange)
_NOT_ABLE = (
    pkcs11.MechanismInvalid,
    pkcs11.MechanismParamInvalid,
    pkcs11.KeyTypeInconsistent,
    pkcs11.KeySizeRange,
    pkcs11.FunctionNotSupported,
)
_AWAY = (
    pkcs11.DeviceError,
    pkcs11.DeviceMemory,
    pkcs11.DeviceRemoved,
    pkcs11.TokenNotPresent,
    pkcs11.SessionCount,
    pkcs11.SessionClosed,
    pkcs11.SessionHandleInvalid,
)


@contextmanager
def _errors(place: TokenKey) -> Iterator[None]:
    try:
        yield
    except pkcs11.PKCS11Error as error:
        raise translate(error, place) from error


def translate(error: pkcs11.PKCS11Error, place: TokenKey) -> HumpyardError:  # noqa: PLR0911  # a table
    """Our error for what a module reports. Which is which: PKCS#11 v2.40, section 5.1."""
    where = place.text
    said = f"{type(error).__name__}{f': {error}' if str(error) else ''}"
    if isinstance(error, _WRONG_PIN):
        return InputError(
            f"{where}: the token refused the PIN ({said})",
            hint="tokens lock themselves after a few wrong PINs: make sure of it before you try again",
        )
    if isinstance(error, pkcs11.PinLocked):
        return _locked(place)
    if isinstance(error, pkcs11.PinExpired):
        return RefusedError(f"{where}: the PIN has expired", hint="set a new one, with the vendor's tool")
    if isinstance(error, _NOT_ABLE):
        return InputError(f"{where}: this key or token makes no RSA PKCS#1 v1.5 signatures ({said})")
    if isinstance(error, _AWAY):
        return UnavailableError(f"{where}: the token does not answer ({said})")
    if "while loading" in str(error):
        return InputError(f"{where}: not a PKCS#11 module: {error}")
    return ToolError(f"{where}: the PKCS#11 module reports {said}")


def _locked(place: TokenKey) -> RefusedError:
    return RefusedError(
        f"{place.text}: the PIN is locked after too many wrong ones",
        hint="the token's security officer can set a new one",
    )

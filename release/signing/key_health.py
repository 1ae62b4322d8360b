"""How long OpenPGP keys are good for: read gpg's listing, judge it at a time, decided without gpg.

A certificate is a primary key with its subkeys. What signs must be valid itself, and so must its
primary; whichever ends first ends both. Whoever verifies sees the public half only, so that is what is
judged: a secret key whose expiry was moved out of sight of its readers helps nobody.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from release.errors import RefusedError, ToolError

WARNING_DAYS = (7, 30, 90)
"""Days before the end at which warnings grow louder."""
_INVALID = frozenset("id")
"""Validity letters of keys that never sign: invalid, disabled."""
_REVOKED = "r"
_ALGORITHMS = {"1": "RSA", "17": "DSA", "19": "ECDSA", "22": "EdDSA"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentKey:
    """One key of a certificate, the primary or a subkey. Times are aware, UTC; ``expires`` None is never."""

    fingerprint: str
    created: datetime
    expires: datetime | None
    revoked: bool
    signs: bool
    """Made for signing, and neither disabled nor invalid. Whether it is revoked or expired is told apart."""
    algorithm: str = ""
    """For people: ``RSA 4096``, ``ed25519``; empty when it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A public key as gpg lists it. ``user_id`` is its first, for people; empty when there is none."""

    primary: ComponentKey
    subkeys: tuple[ComponentKey, ...] = ()
    user_id: str = ""

    @property
    def fingerprint(self) -> str:
        """The primary's fingerprint, by which its owner is known."""
        return self.primary.fingerprint

    @property
    def components(self) -> tuple[ComponentKey, ...]:
        """The primary, then the subkeys."""
        return (self.primary, *self.subkeys)


class Condition(StrEnum):
    """What to expect of a certificate that shall sign."""

    GOOD = "good"
    EXPIRING = "expiring"
    """Good, and the end is at most the longest of ``WARNING_DAYS`` away."""
    EXPIRED = "expired"
    REVOKED = "revoked"
    NOT_SIGNING = "not-signing"
    """Valid, but no key of it can sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHealth:
    """A certificate at a time.

    ``signing`` is the fingerprint of the key that signs for it; None when none can. ``until`` is when
    its signatures end, or ended, aware, UTC; None when that is never, or has another reason.
    """

    fingerprint: str
    user_id: str
    condition: Condition
    signing: str | None = None
    until: datetime | None = None
    days: int | None = None
    """Whole days left until ``until``; None when there is no ``until`` or it is past."""
    warning: int | None = None
    """The nearest of ``WARNING_DAYS`` not yet passed by; None when the end is further away or never."""

    @property
    def can_sign(self) -> bool:
        """Whether anything can be signed now."""
        return self.condition in {Condition.GOOD, Condition.EXPIRING}

    def outlives(self, moment: datetime) -> bool:
        """Whether signatures of now are still good at ``moment`` as far as the key goes."""
        return self.can_sign and (self.until is None or self.until > moment)

    def describe(self) -> str:
        """One line for people: whose, how it is, and until when."""
        who = f"{self.user_id or 'key'} ({self.fingerprint})"
        match self.condition:
            case Condition.EXPIRED:
                return f"{who} expired on {self.until:%Y-%m-%d}"
            case Condition.REVOKED:
                return f"{who} was revoked"
            case Condition.NOT_SIGNING:
                return f"{who} has no key that signs"
            case _ if self.until is None:
                return f"{who} never expires"
            case _:
                return f"{who} signs until {self.until:%Y-%m-%d}, {self.days} days more"


def health(certificate: Certificate, now: datetime, *, subkey: str | None = None) -> KeyHealth:
    """How a certificate is ``now`` (aware, UTC).

    Which key signs follows ``release.signing.secret_keys.choose``: the primary when it can, else the
    newest subkey that can. With ``subkey`` it is that one and no other.

    Not known here is which secret halves are at hand; name the ``subkey`` where that matters.
    """
    wanted = [key for key in certificate.components if subkey in {None, key.fingerprint}]
    signing = [key for key in wanted if key.signs]
    able = [key for key in signing if _lives(certificate, key, now)]
    if not able:
        return _unable(certificate, signing, now)
    primary = certificate.fingerprint
    chosen = max(able, key=lambda key: (key.fingerprint == primary, key.created, key.fingerprint))
    until = _end(certificate, chosen)
    left = None if until is None else until - now
    warning = None if left is None else _warning(left)
    return KeyHealth(
        fingerprint=primary,
        user_id=certificate.user_id,
        condition=Condition.GOOD if warning is None else Condition.EXPIRING,
        signing=chosen.fingerprint,
        until=until,
        days=None if left is None else left.days,
        warning=warning,
    )


def signer_health(certificates: Collection[Certificate], named: str, now: datetime) -> KeyHealth:
    """How the key is that signs as ``named``: a primary, or the very subkey.

    Raises:
        RefusedError: its public half is not among the certificates, so nobody could verify it.
    """
    for certificate in certificates:
        if named == certificate.fingerprint:
            return health(certificate, now)
        if any(named == key.fingerprint for key in certificate.subkeys):
            return health(certificate, now, subkey=named)
    raise RefusedError(
        f"OpenPGP key {named}: its public half is not in the keyring that readers are given",
        hint="export it, with the subkey that signs, into one of the files of openpgp.keys",
    )


def _lives(certificate: Certificate, key: ComponentKey, now: datetime) -> bool:
    """Whether ``key`` and its primary are both neither revoked, nor expired, nor from the future."""
    return all(
        not one.revoked and one.created <= now and (one.expires is None or now < one.expires)
        for one in (certificate.primary, key)
    )


def _end(certificate: Certificate, key: ComponentKey) -> datetime | None:
    ends = [one.expires for one in (certificate.primary, key) if one.expires is not None]
    return min(ends, default=None)


def _unable(certificate: Certificate, signing: Sequence[ComponentKey], now: datetime) -> KeyHealth:
    """Why nothing can be signed: revoked goes before expired, since no new expiry date mends it."""
    ends = [_end(certificate, key) for key in signing if not key.revoked]
    past = [end for end in ends if end is not None and end <= now]
    if certificate.primary.revoked or (signing and all(key.revoked for key in signing)):
        condition = Condition.REVOKED
    else:
        condition = Condition.EXPIRED if past else Condition.NOT_SIGNING
    return KeyHealth(
        fingerprint=certificate.fingerprint,
        user_id=certificate.user_id,
        condition=condition,
        until=max(past) if condition is Condition.EXPIRED else None,
    )


def _warning(left: timedelta) -> int | None:
    days = math.ceil(left / timedelta(days=1))
    return next((level for level in WARNING_DAYS if days <= level), None)


def read_certificates(listing: str) -> tuple[Certificate, ...]:
    """Read ``gpg --with-colons --list-keys``. Format: GnuPG ``doc/DETAILS``.

    Capabilities are the small letters of field 12, since capital ones already say what gpg thinks can
    be used now; expiry is field 7 and not the letter ``e``, for the same reason.

    Raises:
        ToolError: a time that cannot be read.
    """
    found: list[Certificate] = []
    keys: list[ComponentKey] = []
    pending, user_id = [""], ""
    for line in [*listing.split("\n"), "pub"]:  # a last one, to end the one before it
        fields = line.split(":")
        if fields[0] == "pub" and keys:
            found.append(Certificate(primary=keys[0], subkeys=tuple(keys[1:]), user_id=user_id))
            keys, user_id = [], ""
        if fields[0] in {"pub", "sub"}:
            pending = fields
        elif fields[0] == "fpr" and pending[0]:
            keys.append(_component(pending, fields[9]))
            pending = [""]
        elif fields[0] == "uid":
            user_id = user_id or _printable(fields[9])
    return tuple(found)


def _component(fields: list[str], fingerprint: str) -> ComponentKey:
    created = _time(fields[5])
    if created is None:
        raise ToolError(f"gpg listing: key {fingerprint} has no time of creation")
    return ComponentKey(
        fingerprint=fingerprint,
        created=created,
        expires=_time(fields[6]),
        revoked=fields[1] == _REVOKED,
        signs="s" in fields[11] and fields[1] not in _INVALID and "D" not in fields[11],
        algorithm=_algorithm(fields),
    )


def _algorithm(fields: list[str]) -> str:
    """Its curve (field 17), or its kind (field 4, numbers of RFC 4880) and bits (field 3)."""
    if len(fields) > 16 and fields[16]:
        return _printable(fields[16])
    name = _ALGORITHMS.get(fields[3], "")
    return f"{name} {fields[2]}" if name and fields[2].isdecimal() else name


def _time(text: str) -> datetime | None:
    """A time of the listing, None for an empty field. Seconds since 1970, or ISO 8601 with a ``T``."""
    if not text:
        return None
    try:
        if "T" in text:
            return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ToolError(f"gpg listing: time {text!r}: expected seconds since 1970") from error


def _printable(text: str) -> str:
    r"""A user id fit to print. What would break its own lines gpg writes as ``\xHH``."""
    return "".join(one if one.isprintable() else "?" for one in text)


def check_outlives(found: KeyHealth, moment: datetime, why: str) -> None:
    """Refuse unless what is signed now by this key is still good at ``moment``.

    Args:
        found: the key that would sign.
        moment: until when its signatures are needed, aware, UTC.
        why: what needs them until then, for the message.

    Raises:
        RefusedError: says when the key ends, what is needed, and what to do.
    """
    if found.outlives(moment):
        return
    hint = (
        f"give it more time (gpg --quick-set-expire {found.fingerprint} 2y, and the same with the"
        " subkey's fingerprint), or add a new signing subkey; then publish the public key anew and put"
        " it into the files of openpgp.keys"
    )
    if not found.can_sign:
        raise RefusedError(f"OpenPGP key of the pipeline: {found.describe()}", hint=hint)
    raise RefusedError(
        f"OpenPGP key of the pipeline: {found.describe()}, but {why} until {moment:%Y-%m-%d}", hint=hint
    )


def sort_by_urgency(found: Collection[KeyHealth]) -> tuple[KeyHealth, ...]:
    """The loudest first: what cannot sign, then what ends soonest, then what never ends."""
    far = datetime.max.replace(tzinfo=UTC)
    return tuple(sorted(found, key=lambda one: (one.can_sign, one.until or far, one.fingerprint)))

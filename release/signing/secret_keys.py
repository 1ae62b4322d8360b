"""Which key signs for whom: a person is named by the primary key, any signing key of theirs may sign.

Good practice keeps a primary key that only certifies, often away from the machine, and signs with
subkeys that change. Verifying tells a subkey's primary; signing must find the subkey. gpg would
choose one by itself, but not say which rule it followed, and not stop at one person's keys.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from release.errors import RefusedError
from release.signing.openpgp import OpenPgpHome
from release.signing.openpgp_status import check_fingerprint

_INVALID = frozenset("idre")
"""Validity letters of keys that sign nothing: invalid, disabled, revoked, expired."""
_HINT = "name the home or the file that holds it, and see: gpg --list-secret-keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretKey:
    """A secret key, or subkey, of a keyring. ``created`` is in seconds since 1970, UTC."""

    primary: str
    fingerprint: str
    created: int
    signs: bool
    """Allowed to, neither expired nor revoked, and with the secret half at hand (or on a card)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The key that signs for ``primary``."""

    home: OpenPgpHome
    primary: str
    fingerprint: str

    def sign(self, data: bytes) -> str:
        """An armored detached signature of ``data``, which was verified as one of ``primary``.

        Raises as ``OpenPgpHome.sign_bytes``, and NotVerifiedError when nobody would believe it, as of
        a subkey that does not confirm its primary.
        """
        signature = self.home.sign_bytes(data, self.fingerprint)
        self.home.verify_bytes(data, signature, {self.primary})
        return signature

    def sign_file(self, data: Path, out: Path) -> None:
        """A binary detached signature of a file. Raises as ``OpenPgpHome.sign_file``."""
        self.home.sign_file(data, out, self.fingerprint)


def find_signing_key(home: OpenPgpHome, named: str, *, subkey: bool = False) -> SigningKey:
    """The key that signs for ``named``, a full primary fingerprint.

    The primary key itself when it can sign here, else the newest subkey that can (of two made in the
    same second, the one of the higher fingerprint). With ``subkey`` the name may be that of a subkey,
    which then signs and no other.

    Raises:
        InputError: not a full fingerprint.
        RefusedError: no key of that name is here, none of its keys can sign, or it names a subkey.
    """
    found = choose(read_listing(home.list_secret_keys()), check_fingerprint(named))
    if found.primary != named and not subkey:
        raise RefusedError(
            f"OpenPGP key {named} is a subkey: expected its primary, {found.primary}",
            hint="people are known by their primary keys; which subkey signs is found out",
        )
    return SigningKey(home=home, primary=found.primary, fingerprint=found.fingerprint)


def choose(keys: Collection[SecretKey], named: str) -> SecretKey:
    """The key that signs for ``named``; see ``find_signing_key``. Raises RefusedError."""
    theirs = [key for key in keys if named in {key.primary, key.fingerprint}]
    if not theirs:
        raise RefusedError(f"gpg did not sign with {named}: there is no secret key of it here", hint=_HINT)
    able = [key for key in theirs if key.signs]
    if not able:
        raise RefusedError(
            f"gpg did not sign with {named}: none of its {len(theirs)} secret keys can sign here:"
            " they may not sign, have expired, were revoked, or are kept elsewhere",
            hint="gpg --list-secret-keys shows them; # means kept elsewhere",
        )
    return max(able, key=lambda key: (key.fingerprint == named, key.created, key.fingerprint))


def read_listing(listing: str) -> tuple[SecretKey, ...]:
    """Read ``gpg --with-colons --list-secret-keys``. Format: GnuPG ``doc/DETAILS``.

    Capabilities are the small letters of field 12 (capital ones tell of the whole key); ``#`` in field
    15 means that the secret half is not here. Subkeys of a primary that is not valid sign nothing.
    """
    found: list[SecretKey] = []
    primary, valid, pending = "", False, None
    for line in listing.split("\n"):
        fields = line.split(":")
        if fields[0] in {"sec", "ssb"} and len(fields) > 14:
            if fields[0] == "sec":
                primary, valid = "", fields[1] not in _INVALID
            pending = fields
        elif fields[0] == "fpr" and pending is not None:
            primary = primary or fields[9]
            able = valid and pending[1] not in _INVALID and "s" in pending[11] and pending[14] != "#"
            created = int(pending[5]) if pending[5].isdecimal() else 0
            found.append(SecretKey(primary=primary, fingerprint=fields[9], created=created, signs=able))
            pending = None
    return tuple(found)

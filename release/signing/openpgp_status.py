"""What gpg's machine-readable status lines mean, decided without gpg.

Source of the line formats: GnuPG ``doc/DETAILS``. Only lines that gpg itself ends with a line feed
count: python-gnupg also splits at U+0085 and others, so a user id could forge a status line there.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from release.errors import InputError, NotVerifiedError

_PREFIX = "[GNUPG:] "
_FINGERPRINT = re.compile(r"[0-9A-F]{40}", re.ASCII)
_BINARY_DOCUMENT = "00"
_HASHES = {"8": "SHA-256", "9": "SHA-384", "10": "SHA-512"}
_VALIDSIG_FIELDS = 10

_REFUSALS = {
    "NO_PUBKEY": "made by a key that is not in the keyring given",
    "BADSIG": "the signature does not fit the data",
    "REVKEYSIG": "made by a key that was revoked",
    "EXPKEYSIG": "made by a key that has expired",
    "EXPSIG": "the signature itself has expired",
    "NODATA": "no OpenPGP signature found",
    "PLAINTEXT": "a whole signed message, not a detached signature",
    "UNEXPECTED": "not an OpenPGP signature",
    "ERRSIG": "the signature could not be checked",
    "FAILURE": "gpg could not finish the check",
}
"""Statuses that mean no, the most telling first."""


class RevokedKeyError(NotVerifiedError):
    """The signature fits the data, and the key that made it was revoked, before or since.

    ``fingerprint`` is the primary's; empty when gpg does not say it.
    """

    def __init__(self, message: str, fingerprint: str) -> None:
        super().__init__(message)
        self.fingerprint = fingerprint


@dataclass(frozen=True, slots=True)
class Status:
    """One status line: its keyword and its blank-separated arguments."""

    keyword: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPgpSignature:
    """A signature that holds. ``created`` (UTC) is the signer's own claim."""

    primary_fingerprint: str
    signing_fingerprint: str
    created: datetime


def check_fingerprint(text: str) -> str:
    """Return ``text`` if it is a full version 4 fingerprint: 40 upper-case hexadecimal digits.

    Raises:
        InputError: anything else, key ids included. They can be made to collide.
    """
    if not _FINGERPRINT.fullmatch(text):
        raise InputError(
            f"OpenPGP fingerprint {text!r}: expected 40 upper-case hexadecimal digits",
            hint="gpg --list-keys --with-colons shows it in the line 'fpr', field 10",
        )
    return text


def statuses(stderr: str) -> tuple[Status, ...]:
    """The status lines among what gpg wrote to the descriptor it shares with its messages."""
    found = []
    for line in stderr.split("\n"):
        words = line.removeprefix(_PREFIX).split(" ") if line.startswith(_PREFIX) else [""]
        if words[0]:
            found.append(Status(words[0], tuple(words[1:])))
    return tuple(found)


def judge(
    lines: Collection[Status], exit_code: int | None, allowed: Collection[str], where: str
) -> OpenPgpSignature:
    """Decide whether a verification succeeded. Neither GOODSIG nor the exit code alone is enough.

    Yes means all of: exit code 0; one signature, which is both GOODSIG and VALIDSIG; over a binary
    document (text signatures do not tell line endings apart); with SHA-256, -384 or -512; by a key
    whose *primary* fingerprint is in ``allowed``; and none of the statuses that mean no.

    Args:
        lines: the status lines of ``gpg --verify``.
        exit_code: gpg's exit code; None when it is unknown.
        allowed: full primary fingerprints. Empty means nobody.
        where: what is being verified, for messages.

    Raises:
        RevokedKeyError: the answer is no, for that reason alone.
        NotVerifiedError: the answer is no.
        InputError: an entry of ``allowed`` is not a fingerprint.
    """
    permitted = {check_fingerprint(fingerprint) for fingerprint in allowed}
    by_keyword: dict[str, list[tuple[str, ...]]] = {}
    for line in lines:
        by_keyword.setdefault(line.keyword, []).append(line.arguments)
    found = [keyword for keyword in _REFUSALS if keyword in by_keyword]
    if found:
        message = f"{where}: {_REFUSALS[found[0]]}{_key_of(by_keyword)}"
        if found == ["REVKEYSIG"]:
            raise RevokedKeyError(message, _primary_of(by_keyword))
        raise NotVerifiedError(message)
    for keyword in ("NEWSIG", "GOODSIG", "VALIDSIG"):
        count = len(by_keyword.get(keyword, ()))
        if count != 1:
            raise NotVerifiedError(f"{where}: expected one good signature, found {keyword} {count} times")
    if exit_code != 0:
        raise NotVerifiedError(f"{where}: gpg ended with exit code {exit_code}")
    signature = _read_validsig(by_keyword["VALIDSIG"][0], where)
    if signature.primary_fingerprint not in permitted:
        raise NotVerifiedError(
            f"{where}: signed by {signature.primary_fingerprint}, which is not on the allow-list"
            f" ({', '.join(sorted(permitted)) or 'nobody is'})"
        )
    return signature


def _read_validsig(fields: tuple[str, ...], where: str) -> OpenPgpSignature:
    if len(fields) != _VALIDSIG_FIELDS or not fields[2].isascii() or not fields[2].isdigit():
        raise NotVerifiedError(f"{where}: gpg's VALIDSIG has an unexpected form: {' '.join(fields)}")
    if fields[8] != _BINARY_DOCUMENT:
        raise NotVerifiedError(
            f"{where}: expected a signature over a binary document (class 00), found class {fields[8]}"
        )
    if fields[7] not in _HASHES:
        raise NotVerifiedError(
            f"{where}: expected a hash of {', '.join(_HASHES.values())}, found OpenPGP hash {fields[7]}"
        )
    return OpenPgpSignature(
        primary_fingerprint=fields[9],
        signing_fingerprint=fields[0],
        created=datetime.fromtimestamp(int(fields[2]), UTC),
    )


def _primary_of(by_keyword: dict[str, list[tuple[str, ...]]]) -> str:
    """Whose key it was, where gpg vouches for exactly one signature."""
    signatures = by_keyword.get("VALIDSIG", [])
    return signatures[0][-1] if len(signatures) == 1 and len(signatures[0]) == _VALIDSIG_FIELDS else ""


def _key_of(by_keyword: dict[str, list[tuple[str, ...]]]) -> str:
    for keyword in ("VALIDSIG", "ERRSIG", "BADSIG"):
        for arguments in by_keyword.get(keyword, ()):
            key = arguments[6] if keyword == "ERRSIG" and len(arguments) > 6 else arguments[0]
            return f" (key {key})"
    return ""

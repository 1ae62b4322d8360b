"""Keyrings of public keys, and whom to believe: what verifying needs, and no secret."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from release.errors import InputError
from release.signing.openpgp import OpenPgpHome
from release.signing.openpgp_status import check_fingerprint


class AllowListVerifier:
    """Checks detached signatures of files: one keyring, one allow-list of primary fingerprints."""

    def __init__(self, home: OpenPgpHome, allowed: Collection[str], *, at: datetime | None = None) -> None:
        """``home`` stays the caller's to close. Keys are judged ``at`` a time (UTC), now when None.

        Raises InputError for what is not a fingerprint.
        """
        self._home = home
        self._allowed = frozenset(check_fingerprint(fingerprint) for fingerprint in allowed)
        self._at = at

    def verify_file(self, data: Path, signature: Path) -> str:
        """The primary fingerprint that signed. Raises as ``OpenPgpHome.verify_file``."""
        found = self._home.verify_file(data, signature, self._allowed, at=self._at)
        return found.primary_fingerprint

    def at(self, moment: datetime) -> AllowListVerifier:
        """The same keys, judged as they were at ``moment`` (aware, UTC)."""
        return AllowListVerifier(self._home, self._allowed, at=moment)


def verifier_from_keys(files: Sequence[Path]) -> tuple[OpenPgpHome, tuple[str, ...]]:
    """A temporary keyring that holds the keys of these files and no others.

    Returns:
        The home, which the caller closes, and the primary fingerprints of all keys in the files.

    Raises:
        InputError: no files, an unreadable file, or one without usable keys.
    """
    if not files:
        raise InputError("OpenPGP keys: expected at least one file, found none")
    home = OpenPgpHome()
    try:
        found: list[str] = []
        for path in files:
            found += home.import_file(path)
    except BaseException:
        home.close()
        raise
    return home, tuple(dict.fromkeys(found))

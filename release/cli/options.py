"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from release.catalog.board import Board
from release.catalog.version import Version
from release.errors import InputError
from release.ledger.fields import plain_fingerprint
from release.payload.profile import Profile, get_profile
from release.signing.gnupg_key import own_gnupg_home
from release.signing.openpgp_status import check_fingerprint
from release.wiring import SecretKeySource

SettingsFile = Annotated[
    Path,
    typer.Option("--settings", envvar="HUMPYARD_SETTINGS", help="The yard's settings file."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]
As = Annotated[
    str, typer.Option("--as", metavar="FINGERPRINT", help="Your OpenPGP primary key, as in the policy.")
]
GnupgHome = Annotated[
    Path | None,
    typer.Option(help="GnuPG home with your secret key. [default: GNUPGHOME, else ~/.gnupg]"),
]
SecretKeys = Annotated[
    list[Path],
    typer.Option("--secret-key", help="File with a secret key instead, for trying only. Repeatable."),
]

DEFAULT_SETTINGS = Path("humpyard.toml")


def version_of(text: str) -> Version:
    """Parse a version given on the command line; a wrong one is a usage error."""
    try:
        return Version.parse(text)
    except InputError as error:
        raise typer.BadParameter(error.message) from error


def board_of(text: str) -> Board:
    """Parse a board given on the command line; a wrong one is a usage error."""
    try:
        return Board.parse(text)
    except InputError as error:
        raise typer.BadParameter(error.message, param_hint="--board") from error


def profile_of(name: str | None) -> Profile | None:
    """The client profile of that name, None for none; an unknown one is a usage error."""
    try:
        return None if name is None else get_profile(name)
    except InputError as error:
        raise typer.BadParameter(error.message, param_hint="--profile") from error


def primary_of(option: str, fingerprint: str) -> str:
    """A full fingerprint, from any of the forms that gpg shows. Raises InputError that names ``option``."""
    try:
        return check_fingerprint(plain_fingerprint(fingerprint))
    except InputError as error:
        raise InputError(f"{option} {fingerprint!r}: {error.message}", hint=error.hint) from error


def person_of(fingerprint: str, home: Path | None, files: list[Path]) -> SecretKeySource:
    """Where the secret key of the person at the keyboard is.

    Raises InputError for what is not a full fingerprint, in any of the forms that gpg shows.
    """
    primary = primary_of("--as", fingerprint)
    if files:
        return SecretKeySource(fingerprint=primary, files=tuple(files))
    return SecretKeySource(fingerprint=primary, home=home or own_gnupg_home())

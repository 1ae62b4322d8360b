"""Where passphrases and PINs come from when they are needed: the environment, a file, a terminal.

A secret is asked for by its name (``payload-2026``), or, for a key that names none, by the key's URI.
Nothing here keeps, prints or logs one, and no message holds one.
"""

from __future__ import annotations

import getpass
import logging
import os
import re
import stat
from pathlib import Path

from release.errors import InputError, storage_errors

PREFIX = "HUMPYARD_SECRET_"
"""With a secret's name in capitals, ``_`` for ``-``: the variable that holds it."""
DIRECTORY = "HUMPYARD_SECRETS"
"""The variable that names a directory of files called like secrets, as systemd's credentials are."""
UNNAMED = "HUMPYARD_KEY_PASSPHRASE"
"""The variable for the one key whose URI names no secret."""

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_LONGEST_NAME = 64
_LONGEST = 4 << 10
_TERMINAL = Path("/dev/tty")


def check_name(name: str) -> str:
    """Return ``name`` if a secret may be called so: words of ``a-z0-9`` joined by ``-``, up to 64 characters.

    Raises InputError otherwise. No two names share a variable.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise InputError(f"secret {name!r}: expected lower-case words joined by '-', as in payload-2026")
    return name


def find(name: str) -> str:
    """The secret called ``name``, or of the key with that URI, from the environment or a file.

    Raises InputError when it is not there; the hint says where it is looked for. Asks no one.
    """
    found = _look_up(name)
    if found is None:
        raise InputError(f"{name}: a secret is needed and was not found", hint=f"set {_places(name)}")
    return found


def ask(name: str) -> str:
    """The same, or else what a person types on the terminal of this process, unseen.

    Raises InputError when there is no terminal, or nothing is typed.
    """
    found = _look_up(name)
    if found is not None:
        return found
    try:
        _TERMINAL.open("rb").close()  # without one, getpass would read whatever standard input is, aloud
        typed = getpass.getpass(f"Secret for {name}: ")
    except (OSError, EOFError) as error:
        raise InputError(
            f"{name}: a secret is needed and nobody is there to give it",
            hint=f"run this on a terminal, or set {_places(name)}",
        ) from error
    if not typed:
        raise InputError(f"{name}: a secret is needed and nothing was typed")
    return typed


def read_secret(path: Path) -> str:
    """The secret that a file holds: its only line. A file that others may read is reported to the log.

    Raises InputError when it cannot be read, or holds no line, several, or more than 4 KiB.
    """
    with storage_errors(path), path.open("rb") as source:
        mode = os.fstat(source.fileno()).st_mode
        data = source.read(_LONGEST + 1)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        _LOG.warning("%s: others may read this secret; chmod 600 it", path)
    try:
        line = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        line = ""
    if not line or len(data) > _LONGEST or re.search(r"[\x00\r\n]", line):
        raise InputError(f"{path}: expected a secret: one line of text, up to {_LONGEST} bytes")
    return line


def _look_up(name: str) -> str | None:
    named = _NAME.fullmatch(name) is not None
    found = os.environ.get(_variable(name) if named else UNNAMED)
    if found is not None:
        return found
    directory = os.environ.get(DIRECTORY)
    if not named or not directory:
        return None
    path = Path(directory) / check_name(name)
    return read_secret(path) if path.exists() else None


def _places(name: str) -> str:
    if _NAME.fullmatch(name):
        return f"{_variable(name)}, or {DIRECTORY} to a directory with a file {name}"
    return f"{UNNAMED}, or give the secret a name in the key's URI: ?secret=NAME"


def _variable(name: str) -> str:
    return PREFIX + name.upper().replace("-", "_")

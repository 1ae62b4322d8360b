"""Asking for secrets: by name, at the moment of use, from the environment or the terminal."""

from __future__ import annotations

import os

import typer

from release.errors import InputError

VARIABLE = "HUMPYARD_KEY_PASSPHRASE"


def ask(name: str) -> str:
    """The secret called ``name``. Raises InputError when nobody can be asked."""
    given = os.environ.get(VARIABLE)
    if given is not None:
        return given
    try:
        return str(typer.prompt(f"Passphrase for {name}", hide_input=True, err=True))
    except typer.Abort as error:
        raise InputError(
            f"{name}: a passphrase is needed and nobody is there to give it",
            hint=f"set {VARIABLE}, or run this on a terminal",
        ) from error

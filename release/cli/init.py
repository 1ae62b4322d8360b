"""`humpyard init`: lay out a new yard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from release.cli.output import say
from release.errors import storage_errors
from release.line.laying_out import lay_out


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where to make it.")] = Path(),
    product: Annotated[str, typer.Option(help="The name of the operating system.")] = "Example OS",
    throw_away_keys: Annotated[
        bool, typer.Option("--throw-away-keys", help="Also make keys for trying, in plain files.")
    ] = False,
) -> None:
    """Make settings, a first policy, and places for keys and changelog fragments.

    Nothing is overwritten. Read both files, fill in keys and people, then run
    `humpyard ledger begin`.
    """
    with storage_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    for path in lay_out(directory, product, throw_away_keys=throw_away_keys):
        say(f"wrote {path}")
    if throw_away_keys:
        say("the keys under secret/ are for trying only, never for production")
    say("next: read both files, then: humpyard ledger begin")

"""`python -m flows.site --history DIRECTORY --changelog DIRECTORY`: what `make site` runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from flows.site.story import SiteOrder, build
from release.cli.output import complain
from release.errors import HumpyardError, InputError


def main() -> int:
    """Build the site; returns the exit code of the command line's contract."""
    parser = argparse.ArgumentParser(prog="make site", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/site"), help="where the site goes")
    parser.add_argument("--yard", type=Path, default=Path("build/site-yard"), help="where it is made")
    parser.add_argument("--history", type=Path, required=True, help="lists: releases.json and such")
    parser.add_argument("--changelog", type=Path, required=True, help="fragments: security/ and such")
    parser.add_argument("--content", type=int, default=8, help="MiB of files per image")
    options = parser.parse_args()
    try:
        build(
            SiteOrder(
                out=options.out.resolve(),
                yard=options.yard.resolve(),
                history=_directory(options.history, "HISTORY"),
                changelog=_directory(options.changelog, "CHANGELOG"),
                content=options.content,
            )
        )
    except HumpyardError as error:
        complain(error)
        return error.exit_code
    return 0


def _directory(path: Path, name: str) -> Path:
    if not path.is_dir():
        raise InputError(
            f"{path}: there is no such directory",
            hint=f"say where the data is: make site {name}=DIRECTORY",
        )
    return path.resolve()


if __name__ == "__main__":
    sys.exit(main())

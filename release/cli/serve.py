"""`humpyard serve`: the update server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from release.cli.options import DEFAULT_SETTINGS
from release.errors import InputError
from release.settings import StoreSettings
from release.settings.update_server import UpdateServerSettings
from release.wiring.update_server import ServeOptions, options_from_settings, serve

DEFAULT_DATABASE = "sqlite:///updates.sqlite"


def serve_updates(
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            envvar="HUMPYARD_SETTINGS",
            help="Settings with [update_server]. [default: humpyard.toml, if no --mirror is given]",
        ),
    ] = None,
    mirror: Annotated[
        list[str],
        typer.Option(
            metavar="MIRROR", help="Where documents are read, in order: http(s)://, s3://, or a directory."
        ),
    ] = [],
    product: Annotated[str | None, typer.Option(help="Whose machines; without settings.")] = None,
    release_key: Annotated[
        list[Path],
        typer.Option(
            exists=True, dir_okay=False, help="The pipeline's OpenPGP public keys; without settings."
        ),
    ] = [],
    application: Annotated[str | None, typer.Option(help="The application id that machines send.")] = None,
    channel: Annotated[list[str], typer.Option(help="Serve this channel only. Repeatable.")] = [],
    board: Annotated[list[str], typer.Option(help="Serve this board only. Repeatable.")] = [],
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where reports are counted: sqlite:///FILE or postgresql://USER@HOST/NAME. [default: as the"
            f" settings say; without any, {DEFAULT_DATABASE}]",
        ),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(file_okay=False, help="Directory that remembers documents.")
    ] = None,
    listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Port 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes.")] = None,
    refresh: Annotated[int | None, typer.Option(min=1, help="Seconds between looks at mirrors.")] = None,
    access_log: Annotated[bool, typer.Option("--access-log", help="A line for every request.")] = False,
) -> None:
    """Answer machines that ask for updates (Omaha 3.0), as the signed channel documents say.

    With settings, or with --mirror, --product and --release-key alone: then this machine needs nothing
    of the pipeline but its public keys. Options given here go before the settings. Relative paths given
    here count from where you are. Logs JSON lines to stderr; ends well on SIGTERM. Put a web server in
    front; see docs/update-server.md.
    """
    options = _options(settings, mirror, product, release_key)
    here = Path.cwd()
    changes = {
        "mirrors": tuple(_from(here, url) for url in mirror) or None,
        "application": application,
        "channels": tuple(channel) or None,
        "boards": tuple(board) or None,
        "state": None if state is None else here / state,
        "listen": listen,
        "workers": workers,
        "refresh": refresh,
        "access_log": access_log or None,
    }
    options = options.changed({name: value for name, value in changes.items() if value is not None})
    serve(options if database is None else replace(options, database=_database(here, database)))


def _options(
    settings: Path | None, mirrors: list[str], product: str | None, keys: list[Path]
) -> ServeOptions:
    if settings is not None or not mirrors:
        if product is not None or keys:
            raise typer.BadParameter("with settings, they say it", param_hint="--product, --release-key")
        return options_from_settings(settings or DEFAULT_SETTINGS)
    if product is None or not keys:
        raise InputError(
            "without settings: expected --product and --release-key beside --mirror",
            hint="humpyard serve --mirror URL --product NAME --release-key FILE",
        )
    return ServeOptions(
        product=product,
        keys=tuple(key.resolve() for key in keys),
        pipeline=None,
        server=UpdateServerSettings(),
        store=StoreSettings(),
        database=DEFAULT_DATABASE,
        base=Path.cwd(),
    )


def _from(here: Path, url: str) -> str:
    return url if "://" in url else str(here / url.removeprefix("file:"))


def _database(here: Path, url: str) -> str:
    file = url.removeprefix("sqlite:///")
    return url if file == url else f"sqlite:///{here / file}"

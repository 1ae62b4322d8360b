"""`humpyard release`: publish candidates, list what is published."""

from __future__ import annotations

from typing import Annotated

import typer

from release.canonical import Json
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile, version_of
from release.cli.output import emit, say, table, work
from release.ledger.state import State
from release.line.publication import PublicationOrder, publication_job
from release.wiring import open_yard

app = typer.Typer(help="Publish candidates and list releases.", no_args_is_help=True)


@app.command()
def publish(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A candidate that was built.")],
    offered_in: Annotated[
        list[str],
        typer.Option(help="For history: a channel that offered it before the ledger began. Repeatable."),
    ] = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Upload a candidate, verify it from the mirror, record it in the ledger. No channel moves.

    Published bytes never change: publishing the same again does nothing, other bytes are refused.
    """
    order = PublicationOrder(version=version_of(version), offered_in=tuple(offered_in))
    with open_yard(settings) as yard:
        outcome = work(publication_job(yard, order))
    say(f"published {version}: {outcome[-1]}")
    say(f"next: humpyard promote request {version} --to CHANNEL --as FINGERPRINT")


@app.command("list")
def list_releases(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """List the releases that the ledger knows, and which channels offer them."""
    with open_yard(settings) as yard:
        state = yard.ledger.state()
    rows = [
        (version, release.built_for, release.release, _channels(state, str(version)))
        for version, release in sorted(state.releases.items(), reverse=True)
    ]
    if as_json:
        documents: list[Json] = [
            {"version": str(version), "built_for": built_for, "release": str(digest), "channels": [*channels]}
            for version, built_for, digest, channels in rows
        ]
        emit(documents)
        return
    table(
        ("version", "built for", "offered in", "release digest"),
        [(str(row[0]), row[1], ", ".join(row[3]) or "-", str(row[2])) for row in rows],
    )


def _channels(state: State, version: str) -> list[str]:
    return [channel for channel, head in state.heads.items() if str(head.version) == version]

"""`humpyard candidate`: build releases that nobody can see yet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from release.canonical import Json
from release.catalog.board import Board
from release.catalog.lineage import Lineage
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile, version_of
from release.cli.output import emit, say, work
from release.errors import InputError
from release.line.candidate import CandidateOrder, candidate_job
from release.line.workspace import Workspace, read_text
from release.signing.secret_sources import ask
from release.wiring import open_yard

app = typer.Typer(help="Build candidates: signed, proven releases that are not published yet.")
DEFAULT_BOARD = "amd64-usr"


@app.callback()
def _noun() -> None:
    """Build candidates: signed, proven releases that are not published yet."""


@app.command()
def build(
    image_set: Annotated[
        list[str],
        typer.Argument(metavar="[BOARD=]DIRECTORY...", help=f"Image sets; for {DEFAULT_BOARD} unless said."),
    ],
    version: Annotated[str, typer.Option(help="The version; the image sets must say the same.")],
    channel: Annotated[str, typer.Option(help="The channel it is built for.")],
    source: Annotated[
        list[str],
        typer.Option("--from", metavar="VERSION", help="Also build a delta from this release. Repeatable."),
    ] = [],
    notes: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Release notes (Markdown) instead of the fragments."),
    ] = None,
    derives_from: Annotated[
        str | None, typer.Option(metavar="VERSION", help="The release this one was rebuilt from.")
    ] = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Verify image sets, build, sign, verify and prove their payloads, and assemble the release.

    System extensions in an image set get payloads, too. A delta that is hardly smaller than the full
    payload (payload.delta_threshold in the settings) is not shipped; its step says so.

    Killed or failed, run the same command again: it goes on where it was. Nothing is published.
    """
    order = CandidateOrder(
        version=version_of(version),
        channel=channel,
        image_sets=_image_sets(image_set),
        sources=tuple(version_of(text) for text in source),
        notes=None if notes is None else read_text(notes),
        lineage=Lineage.from_origin(None if derives_from is None else version_of(derives_from)),
    )
    with open_yard(settings, secrets=ask) as yard:
        job = candidate_job(yard, order)
        outcome = work(job)
        staging = Workspace.of(yard.work, order.version).staging
    if as_json:
        steps: dict[str, Json] = {step.name: line for step, line in zip(job, outcome, strict=True)}
        emit({"version": version, "staging": str(staging), "outcome": outcome[-1], "steps": steps})
        return
    say(f"candidate {version} is in {staging}: {outcome[-1]}")
    say(f"next: humpyard release publish {version}")


def _image_sets(texts: list[str]) -> dict[Board, Path]:
    found: dict[Board, Path] = {}
    for board, path in map(_image_set, texts):
        if board in found:
            raise typer.BadParameter(f"two image sets for {board}: {found[board]} and {path}")
        found[board] = path
    return found


def _image_set(text: str) -> tuple[Board, Path]:
    board, equals, directory = text.rpartition("=")
    try:
        parsed = Board.parse(board if equals else DEFAULT_BOARD)
    except InputError as error:
        raise typer.BadParameter(error.message) from error
    path = Path(directory)
    if not path.is_dir():
        raise typer.BadParameter(f"{path}: there is no such directory")
    return parsed, path

"""`humpyard pages`: render the release pages."""

from __future__ import annotations

import typer

from release.cli.options import DEFAULT_SETTINGS, SettingsFile
from release.cli.output import say, work
from release.line.pages import pages_job
from release.wiring import open_yard

app = typer.Typer(help="Render the release pages, feeds and JSON files.")


@app.callback()
def _noun() -> None:
    """Render the release pages, feeds and JSON files."""


@app.command()
def render(settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Render everything from the ledger and the signed releases; write only what changed."""
    with open_yard(settings) as yard:
        (outcome,) = work(pages_job(yard))
    say(outcome)

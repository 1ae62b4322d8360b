"""`humpyard notes`: check and preview changelog fragments, correct published notes."""

from __future__ import annotations

import typer

from release.cli import corrections

app = typer.Typer(help="Check, preview and correct release notes.", no_args_is_help=True)
app.command("correct")(corrections.correct)
app.command("history")(corrections.history)
app.command("show")(corrections.show)

"""`humpyard notes`: check and preview changelog fragments, correct published notes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from release.canonical import Json
from release.catalog.lineage import Lineage
from release.cli import corrections
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile, version_of
from release.cli.output import emit, say
from release.errors import InputError
from release.line.history import imported_history
from release.line.notes import begun_notes
from release.line.notes import preview as preview_of
from release.notes.fault import RULES, Fault, Level
from release.notes.fragments import changelog_files
from release.notes.lint import lint_changelog
from release.pages.wording import counted
from release.settings import load_settings
from release.wiring import open_yard, utc_now

app = typer.Typer(help="Check, preview and correct release notes.", no_args_is_help=True)
app.command("correct")(corrections.correct)
app.command("history")(corrections.history)
app.command("show")(corrections.show)


@app.command()
def lint(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", help="A changelog: a directory for each kind. [default: that of the settings]"
        ),
    ] = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Check changelog fragments: names, list items, links, CVE identifiers, duplicates.

    Says file, line, what is there, what is expected and what to do. Fails if there is an error; warnings
    alone are told only.
    """
    chosen = directory or _changelog(settings)
    files = changelog_files(chosen)
    faults = lint_changelog(files, utc_now().date())
    counts = Counter(fault.level for fault in faults)
    errors = counted(counts[Level.ERROR], "error")
    if as_json:
        emit([_fault_json(fault) for fault in faults])
    else:
        for fault in faults:
            say(str(fault))
        say(f"{counted(len(files), 'fragment')}: {errors}, {counted(counts[Level.WARNING], 'warning')}")
    if counts[Level.ERROR]:
        raise InputError(f"{chosen}: {errors} in changelog fragments")


@app.command()
def preview(
    what: Annotated[
        str, typer.Argument(metavar="VERSION|CHANNEL", help="A candidate that was begun, or a channel.")
    ],
    derives_from: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="For a channel: the release that its next one is rebuilt from."),
    ] = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Print the notes of a candidate, or those that the next release for a channel would get, as Markdown."""
    with open_yard(settings) as yard:
        if what[:1].isdigit():
            text = begun_notes(yard, version_of(what))
        else:
            origin = None if derives_from is None else version_of(derives_from)
            history = imported_history(yard.pages)
            text = preview_of(yard, what, Lineage.from_origin(origin), history).notes
    if as_json:
        emit({"of": what, "notes": text})
        return
    for line in text.splitlines():
        say(line.expandtabs(4))


def _changelog(settings: Path) -> Path:
    found = load_settings(settings).changelog
    if found is None:
        raise InputError(f"{settings}: changelog: expected a directory, found none", hint="or name one")
    return settings.resolve().parent / found


def _fault_json(fault: Fault) -> dict[str, Json]:
    rule = RULES[fault.rule]
    return {
        "path": fault.path,
        "line": fault.line,
        "level": rule.level.value,
        "rule": fault.rule,
        "found": fault.found,
        "expected": rule.expected,
        "mend": rule.mend,
    }

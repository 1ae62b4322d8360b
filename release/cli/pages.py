"""`humpyard pages`: build the release pages, look at them, check them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from release.canonical import Json
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from release.cli.output import emit, say, table, work
from release.line.pages import pages_job, site_job
from release.pages import addresses
from release.pages.check import Checked, Finding, check_site
from release.pages.check_age import age_fault
from release.pages.directory import read_site
from release.pages.serving import serving
from release.wiring import open_yard, utc_now

app = typer.Typer(help="Build the release pages, feeds and JSON files; look at them; check them.")
_SHOWN = 50
"""Findings that are printed."""

AllowRemoval = Annotated[
    bool, typer.Option("--allow-removal", help="Let releases go that are on the pages that are there.")
]
SiteDirectory = Annotated[Path, typer.Argument(metavar="DIR", help="Where a site was built.")]


@app.callback()
def _noun() -> None:
    """Build the release pages, feeds and JSON files; look at them; check them."""


@app.command()
def build(
    out: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Write a directory instead of the store. It is replaced whole."),
    ] = None,
    allow_removal: AllowRemoval = False,
    settings: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Build everything from the ledger and the signed releases; write only what changed.

    Into the store, or into a directory, which then takes the place of the site that is there in one step.
    Releases that are on the pages that are there are never taken away unless you say so.
    """
    with open_yard(settings) as yard:
        if out is None:
            (outcome,) = work(pages_job(yard, allow_removal=allow_removal))
        else:
            (outcome,) = work(site_job(yard, out, allow_removal=allow_removal))
    say(outcome)


@app.command()
def render(settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Build everything from the ledger and the signed releases into the store; write only what changed.

    The same as `humpyard pages build` without a directory. Running it again is harmless and quick.
    """
    build(out=None, allow_removal=False, settings=settings)


@app.command()
def serve(
    directory: SiteDirectory,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for one that is free.")] = 8000,
    bind: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
) -> None:
    """Serve a directory, to look at a site in a browser, until interrupted.

    With the types, the policy and the page for lost addresses that a web server should give, too.
    """
    with serving(directory, bind=bind, port=port) as address:
        say(address)
        with suppress(KeyboardInterrupt):
            Event().wait()


@app.command()
def check(
    directory: SiteDirectory,
    not_older_than: Annotated[
        int | None,
        typer.Option(metavar="HOURS", min=1, help="Find fault with data that is older. [default: any age]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check links, ids, policies, documents and budgets of a site. Exit code 1 if something is wrong.

    With --not-older-than also that somebody still builds them: the age of a site is that of the last ledger
    entry it knows. Choose more than the longest time between two promotions.
    """
    files = read_site(directory)
    found = check_site(files)
    late = None if not_older_than is None else age_fault(files, utc_now(), timedelta(hours=not_older_than))
    if late is not None:
        found = replace(found, findings=(Finding(addresses.MACHINE_INDEX, late), *found.findings))
    if as_json:
        emit(_as_json(found))
    else:
        _print(found)
    if not found.passed:
        raise typer.Exit(1)


def _print(found: Checked) -> None:
    for finding in found.findings[:_SHOWN]:
        say(str(finding))
    if len(found.findings) > _SHOWN:
        say(f"... and {len(found.findings) - _SHOWN} more")
    table(
        ("budget, compressed", "limit", "measured", "", "largest"),
        [
            (
                budget.name,
                f"{budget.limit:,}",
                f"{budget.measured:,}",
                "ok" if budget.kept else "OVER",
                budget.path,
            )
            for budget in found.budgets
        ],
    )
    say(
        f"{found.files} files, {found.pages} pages, {found.links} links inside followed,"
        f" {len(found.findings)} faults"
    )


def _as_json(found: Checked) -> dict[str, Json]:
    return {
        "passed": found.passed,
        "files": found.files,
        "pages": found.pages,
        "links": found.links,
        "findings": [{"path": finding.path, "fault": finding.fault} for finding in found.findings],
        "budgets": [
            {
                "name": budget.name,
                "limit": budget.limit,
                "measured": budget.measured,
                "kept": budget.kept,
                "path": budget.path,
                "files": budget.files,
            }
            for budget in found.budgets
        ],
    }

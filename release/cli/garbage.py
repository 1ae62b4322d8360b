"""`humpyard garbage`: which releases nobody needs, and letting their bytes go."""

from __future__ import annotations

from typing import Annotated

import typer

from release.canonical import Json
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from release.cli.output import emit, say, table, work
from release.ledger.fields import format_time
from release.line.garbage import Plan, plan_garbage
from release.line.garbage_deleting import Deleted, Spared, Swept, sweep
from release.line.garbage_job import garbage_job
from release.line.yard import Yard
from release.wiring import open_yard

app = typer.Typer(help="Releases that nobody needs any more, by the retention of the policy.")


@app.command()
def plan(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Show what would be collected, what stays and why, and what is left of releases collected before.

    Changes nothing. Looks at the mirrors, too: what one of them still leads to would stay there for now.
    """
    with open_yard(settings) as yard:
        _show(yard, as_json=as_json)


@app.command()
def collect(
    settings: SettingsFile = DEFAULT_SETTINGS,
    really: Annotated[bool, typer.Option("--really", help="Do it. Without, this is `garbage plan`.")] = False,
    as_json: AsJson = False,
) -> None:
    """Record what nobody needs in the ledger, then delete its bytes, from the mirrors and then the origin.

    A collected version cannot come back. Its release.json stays, with its signature. What was collected
    before and is still there is deleted, too, so that a run that was killed is made up for by the next.
    """
    with open_yard(settings) as yard:
        if not really:
            _show(yard, as_json=as_json)
            if not as_json:
                say("nothing was done: say --really")
            return
        told: list[Deleted | Spared] = []
        try:
            work(garbage_job(yard, told.append if as_json else _say))
        finally:  # a mirror that was away ends it with an error, and something was done all the same
            if as_json:
                gone, stays = _parts(told)
                emit({"format": "humpyard-garbage-1", "deleted": gone, "spared": stays})


def _show(yard: Yard, *, as_json: bool) -> None:
    found = plan_garbage(yard)
    swept = sweep(yard, rehearsed=[one.version for one in found.going])
    if as_json:
        emit(_plan_json(found, swept))
        return
    if found.going:
        rows = [(str(one.version), str(one.files), f"{one.size:,}", one.why) for one in found.going]
        table(("goes", "files", "bytes", "why"), rows)
        say("")
    rows = [(str(one.version), f"{one.size:,}", one.reasons[0], _more(one.reasons)) for one in found.kept]
    table(("stays", "bytes", "because", ""), rows)
    say("")
    for gone in swept.deleted:
        _say(gone, would=True)
    for spared in swept.spared:
        _say(spared)
    size = sum(one.size for one in found.going)
    there = len(found.going) + len(found.kept)
    before = f", {len(found.collected)} were collected before" if found.collected else ""
    say(f"{len(found.going)} of {there} releases would go, {size:,} bytes{before}")


def _more(reasons: tuple[str, ...]) -> str:
    return f"and {len(reasons) - 1} more" if len(reasons) > 1 else ""


def _say(one: Deleted | Spared, *, would: bool = False) -> None:
    if isinstance(one, Spared):
        say(str(one))
    else:
        say(f"{one.place}: {one.files} files of {one.version} {'would go' if would else 'deleted'}")


def _plan_json(found: Plan, swept: Swept) -> dict[str, Json]:
    gone, stays = _parts([*swept.deleted, *swept.spared])
    return {
        "format": "humpyard-garbage-1",
        "going": [
            {"version": str(one.version), "why": one.why, "files": one.files, "size": one.size}
            for one in found.going
        ],
        "kept": [
            {"version": str(one.version), "size": one.size, "reasons": list(one.reasons)}
            for one in found.kept
        ],
        "collected": {str(version): format_time(at) for version, at in found.collected.items()},
        "would_delete": gone,
        "spared": stays,
    }


def _parts(told: list[Deleted | Spared]) -> tuple[list[Json], list[Json]]:
    """What goes and what stays, for scripts."""
    gone: list[Json] = [
        {"place": one.place, "version": str(one.version), "files": one.files}
        for one in told
        if isinstance(one, Deleted)
    ]
    stays: list[Json] = [
        {
            "place": one.place,
            "version": None if one.version is None else str(one.version),
            "why": one.why,
        }
        for one in told
        if isinstance(one, Spared)
    ]
    return gone, stays

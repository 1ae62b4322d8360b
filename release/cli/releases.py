"""`humpyard release`: publish candidates, list what is published."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer

from release.canonical import Json
from release.cli.difference import diff
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile, primary_of, version_of
from release.cli.output import emit, say, table, work
from release.ledger.fields import format_time
from release.line.publication import PublicationOrder, publication_job
from release.line.release_status import ReleaseStatus, release_statuses
from release.wiring import open_yard

app = typer.Typer(help="Publish candidates, list releases, compare them.", no_args_is_help=True)
app.command()(diff)


@app.command()
def publish(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A candidate that was built.")],
    offered_in: Annotated[
        list[str],
        typer.Option(help="For history: a channel that offered it before the ledger began. Repeatable."),
    ] = [],
    built_by: Annotated[
        str | None,
        typer.Option(metavar="FINGERPRINT", help="Who built it, if a person did. Their go will not count."),
    ] = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Upload a candidate, verify it from the mirror, record it in the ledger. No channel moves.

    Published bytes never change: publishing the same again does nothing, other bytes are refused.
    """
    order = PublicationOrder(
        version=version_of(version),
        offered_in=tuple(offered_in),
        built_by=None if built_by is None else primary_of("--built-by", built_by),
    )
    with open_yard(settings) as yard:
        work(publication_job(yard, order))
        recorded = yard.ledger.state().releases[order.version].release
    say(f"published {version}, release digest {recorded}")
    say(f"next: humpyard promote request {version} --to CHANNEL --as FINGERPRINT")


@app.command("list")
def list_releases(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """List the releases that the ledger knows, which channels offer them, and what befell them."""
    with open_yard(settings) as yard:
        found = release_statuses(yard.ledger.state(), yard.policy())
        now = yard.clock()
    if as_json:
        emit([_listed(one) for one in found])
        return
    table(
        ("version", "built for", "channels", "release digest", "status"),
        [
            (
                str(one.registered.version),
                one.registered.built_for,
                ", ".join(one.channels) or "-",
                str(one.registered.release),
                "; ".join(_status(one, now)) or "-",
            )
            for one in found
        ],
    )


def _status(one: ReleaseStatus, now: datetime) -> Iterator[str]:
    """What there is to know, the gravest first."""
    if one.withdrawal is not None:
        yield f"WITHDRAWN {one.withdrawal.recorded:%Y-%m-%d}: {one.withdrawal.subject.reason}"
    if one.paused:
        yield f"paused in {', '.join(one.paused)}"
    if one.registered.derives_from is not None:
        yield f"{one.registered.lineage.value} of {one.registered.derives_from}"
    for support in one.support:
        ends = "ended" if support.ends <= now else "until"
        yield f"support of {support.stream} {ends} {support.ends:%Y-%m-%d}"


def _listed(one: ReleaseStatus) -> Json:
    stop, origin = one.withdrawal, one.registered.derives_from
    return {
        "version": str(one.registered.version),
        "built_for": one.registered.built_for,
        "release": str(one.registered.release),
        "channels": list(one.channels),
        "paused": list(one.paused),
        "withdrawn": None
        if stop is None
        else {
            "stop": str(stop.digest),
            "since": format_time(stop.recorded),
            "reason": stop.subject.reason,
            "advice": stop.subject.advice,
        },
        "lineage": one.registered.lineage.value,
        "derives_from": None if origin is None else str(origin),
        "support": {support.stream: format_time(support.ends) for support in one.support},
    }

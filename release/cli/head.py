"""`humpyard head`: what the mirror says of itself, signed and dated, so that nobody can hold it back."""

from __future__ import annotations

import typer

from release import canonical
from release.canonical import Json
from release.catalog.naming import HEAD_FILE
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from release.cli.output import emit, say, table, work
from release.ledger.fields import format_time
from release.line.channel_documents import channels_job
from release.line.head import head_job, signed_head
from release.line.mirror_show import show_job
from release.trust.head import HeadError, write_head
from release.wiring import open_yard

app = typer.Typer(
    help=f"Sign {HEAD_FILE} anew, or show it: what channels offer, and until when to believe it.",
    no_args_is_help=True,
)


@app.command()
def refresh(settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Sign the head and the channel documents anew: those that say too little, or are half over.

    Promoting and publishing do it, too; run this on a schedule, several times in the life that the
    policy gives a head (head_valid_for), so that readers never find an expired one. Mirrors get it, too.
    """
    with open_yard(settings) as yard:
        outcomes = work((*head_job(yard), *channels_job(yard), *show_job(yard)))
    for outcome in outcomes:
        say(outcome)


@app.command()
def show(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Show what the mirror's head says. It is verified as the pipeline's; it may have expired."""
    with open_yard(settings) as yard:
        head, now = signed_head(yard), yard.clock()
    if head is None:
        raise HeadError(f"{HEAD_FILE}: the mirror has none", hint="sign one: humpyard head refresh")
    if as_json:
        document: dict[str, Json] = canonical.load(write_head(head).encode(), HEAD_FILE)
        emit({**document, "expired": now >= head.expires})
        return
    rows = [
        (
            name,
            str(one.version),
            one.status + (", frozen" if one.frozen else ""),
            format_time(one.since),
            "" if one.end_of_life is None else format_time(one.end_of_life),
        )
        for name, one in head.channels.items()
    ]
    table(("channel", "version", "status", "since", "end of life"), rows)
    for gone in head.withdrawn:
        say(f"withdrawn: {gone.version} since {format_time(gone.since)}: {gone.reason}")
    ended = "EXPIRED" if now >= head.expires else "fresh until"
    say(
        f"as of ledger entry {head.ledger.sequence}, issued {format_time(head.issued)}, {ended}"
        f" {format_time(head.expires)}"
    )

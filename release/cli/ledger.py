"""`humpyard ledger`: begin it, read it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from release.canonical import Json
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from release.cli.output import emit, say, table, work
from release.errors import InputError, storage_errors
from release.ledger.entries import Entry
from release.ledger.fields import format_time
from release.ledger.kinds import (
    EvidenceFound,
    Genesis,
    PointerMoved,
    ReleaseRegistered,
    RequestMade,
    SignOffGiven,
    read_content,
)
from release.ledger.statements import request_subject, sign_off_subject, statement_digest
from release.line.beginning import beginning_job
from release.promotion.sign_off import read_sign_off
from release.settings import load_settings
from release.wiring import open_yard

app = typer.Typer(help="Begin and read the append-only record of everything decided.", no_args_is_help=True)


@app.command()
def begin(
    policy: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The first policy. [default: as in the settings]"),
    ] = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Begin the ledger with a policy. Safe to repeat; refused if it began with another."""
    options = load_settings(settings)
    path = policy or settings.resolve().parent / options.policy
    with storage_errors(path):
        data = path.read_bytes()
    with open_yard(settings) as yard:
        (outcome,) = work(beginning_job(yard, data, options.openpgp.pipeline))
    say(f"the ledger has begun: {outcome}")


@app.command()
def log(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Verify the whole ledger and print it: who recorded what, when, in order."""
    with open_yard(settings) as yard:
        chain = yard.ledger.read()
    if as_json:
        documents: list[Json] = [
            {
                "sequence": one.entry.sequence,
                "time": format_time(one.entry.time),
                "kind": one.entry.kind,
                "recorded_by": one.signer,
                "stated_by": one.statement_signer,
                "digest": str(one.digest),
                "data": dict(one.entry.data),
            }
            for one in chain.entries
        ]
        emit(documents)
        return
    rows = [
        (
            str(one.entry.sequence),
            format_time(one.entry.time),
            one.entry.kind,
            summary(one.entry),
            one.statement_signer or one.signer,
        )
        for one in chain.entries
    ]
    table(("no.", "time (UTC)", "kind", "what", "by"), rows)
    say(f"{len(rows)} entries verified; the last is {chain.state.digest}")


def summary(entry: Entry) -> str:
    """What an entry says, in a few words. The entry was verified, and so can be read."""
    where = f"entry {entry.sequence}"
    content = read_content(entry.kind, entry.data, where)
    match content:
        case Genesis():
            return f"{content.product}, policy {content.policy.hex[:12]}"
        case ReleaseRegistered():
            history = f", was in {', '.join(content.offered_in)}" if content.offered_in else ""
            return f"{content.version} built for {content.built_for}{history}"
        case RequestMade():
            asked = request_subject(content.statement, where)
            return f"{statement_digest(content.statement).hex[:12]}: {asked.channel} to {asked.version}"
        case SignOffGiven():
            return _said(content.statement, where)
        case EvidenceFound():
            return f"{content.name} {'passed' if content.passed else 'FAILED'}: {content.detail}"
        case PointerMoved():
            return f"{content.channel} from {content.from_version or 'nothing'} to {content.version}"


def _said(statement: str, where: str) -> str:
    try:
        given = read_sign_off(statement, where)
    except InputError as error:
        return f"to {sign_off_subject(statement, where).request.hex[:12]}, cannot be read: {error.message}"
    return f"{given.verdict} to {given.request.hex[:12]} as {given.role}"

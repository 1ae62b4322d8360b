"""`humpyard ledger`: begin it, read it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from release.canonical import Json
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from release.cli.output import emit, say, table, work
from release.errors import storage_errors
from release.ledger.fields import format_time
from release.ledger.state import State
from release.line.beginning import beginning_job
from release.promotion.policy import Policy
from release.promotion.telling import tell
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
        chain, policy = yard.ledger.read(), yard.policy()
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
            tell(one.entry),
            _whose(one.statement_signer or one.signer, chain.state, policy),
        )
        for one in chain.entries
    ]
    table(("no.", "time (UTC)", "kind", "what", "by"), rows)
    say(f"{len(rows)} entries verified; the last is {chain.state.digest}")


def _whose(fingerprint: str, state: State, policy: Policy) -> str:
    """Who has a key, as the policy in force names them; people who have left are told by their key."""
    person = policy.person(fingerprint)
    if person is not None:
        return person.name
    return "the pipeline" if fingerprint in state.pipeline_keys else fingerprint

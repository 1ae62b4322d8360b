"""`humpyard policy`: the rules in force, and how they are changed under themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from release.canonical import Json
from release.catalog.channel import Channel
from release.cli.acting import acting
from release.cli.options import (
    DEFAULT_SETTINGS,
    As,
    AsJson,
    GnupgHome,
    SecretKeys,
    SettingsFile,
    person_of,
)
from release.cli.output import emit, say, table
from release.cli.policy_delivery import show_delivery
from release.errors import storage_errors
from release.ledger.fields import format_time
from release.line.policies import policy_text
from release.line.statements import ask_for_policy
from release.promotion.policy import Policy, Quorum
from release.promotion.policy_checks import lockouts
from release.promotion.policy_file import read_policy
from release.wiring import open_yard

app = typer.Typer(help="Show the policy in force, check a file, ask for a change.", no_args_is_help=True)

PolicyFile = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A policy, TOML.")
]


@app.command()
def show(
    text: Annotated[bool, typer.Option("--text", help="Print the file itself.")] = False,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Show the policy in force: channels, what each asks for, people, and what came before it."""
    with open_yard(settings) as yard:
        state, policy = yard.ledger.state(), yard.policy()
        data = policy_text(yard.store, state.policy)
    if text:
        say(data.rstrip("\n"))
        return
    history: list[Json] = [
        {
            "policy": str(one.policy),
            "since": format_time(one.since),
            "request": None if one.request is None else str(one.request),
        }
        for one in state.policies
    ]
    if as_json:
        emit({"policy": str(policy.digest), "history": history, "text": data})
        return
    _show(policy)
    say("")
    rows = [(one.policy.hex[:12], format_time(one.since)) for one in state.policies]
    table(("policy", "in force since (UTC)"), rows)


@app.command()
def check(file: PolicyFile) -> None:
    """Read a policy file and say what it asks for. Exit code 1 when it could not work."""
    with storage_errors(file):
        policy = read_policy(file.read_bytes(), str(file))
    _show(policy)
    for fault in lockouts(policy, policy):
        say(f"warning: {fault}")


@app.command()
def request(
    file: PolicyFile,
    fingerprint: As,
    reason: Annotated[str, typer.Option(help="Shown to those who decide.")] = "",
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Ask that this file become the policy. It does, by `promote run`, under the quorum of the one in force.

    From then on every open request is void, because it was made under other rules.
    """
    with storage_errors(file):
        data = file.read_bytes()
    with acting(settings, person_of(fingerprint, gnupg_home, secret_key)) as (yard, author):
        digest = ask_for_policy(yard, author, data, reason)
    if as_json:
        emit({"request": str(digest)})
        return
    say(f"request {digest.hex[:12]}: policy to {read_policy(data).digest.hex[:12]}")
    say(f"next: humpyard promote sign-off {digest.hex[:12]} --go --as FINGERPRINT")


def _show(policy: Policy) -> None:
    say(f"policy {policy.digest.hex[:12]} of {policy.product}")
    rows = [
        (
            edge.channel.name,
            f"{' or '.join(edge.channel.feeds_from)} ({edge.channel.kind})"
            if edge.channel.feeds_from
            else "-",
            _quorums(edge.quorum) or "open",
            ", ".join(edge.evidence) or "-",
            f"{edge.soak.total_seconds() / 3600:g} h",
            _quorums(edge.hurry) or "never",
        )
        for edge in policy.edges
    ]
    table(("channel", "fed from", "quorum", "evidence", "soak", "hurry takes, too"), rows)
    say(f"changing the policy: {_quorums(policy.governance.quorum) or 'nobody can'}")
    stop = ", ".join(policy.emergency.stop) or "nobody"
    say(f"stopping: any {stop}; going on: {_quorums(policy.emergency.resume.quorum) or 'nobody can'}")
    show_delivery(policy)
    windows = [
        (one.name, str(one.zone), one.begins.isoformat(" "), one.every or "once") for one in policy.freezes
    ]
    if windows:
        table(("freeze window", "zone", "begins", "recurs"), windows)
    table(
        ("person", "roles", "keys"),
        [(one.name, ", ".join(one.roles), ", ".join(one.fingerprints)) for one in policy.people],
    )


def _source(channel: Channel) -> str:
    return f"{' or '.join(channel.feeds_from)} ({channel.kind})" if channel.feeds_from else "-"


def _quorums(quorums: tuple[Quorum, ...]) -> str:
    return " and ".join(
        f"{one.count} {one.role}" if one.share is None else f"more than {one.share} of {one.role}"
        for one in quorums
    )

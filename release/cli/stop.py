"""`humpyard stop`: one person halts a rollout, a channel or a release; lifting it takes the quorum."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from release.canonical import Json
from release.cli.acting import acting, find_digest
from release.cli.options import (
    DEFAULT_SETTINGS,
    As,
    AsJson,
    GnupgHome,
    SecretKeys,
    SettingsFile,
    person_of,
    version_of,
)
from release.cli.output import emit, say, table
from release.ledger.fields import format_time
from release.ledger.state import StopRecord
from release.ledger.statements import StopAction
from release.line.statements import StopWish, ask_to_resume, find_role, stop_now
from release.promotion.policy import Policy
from release.promotion.stop import stopped_by
from release.wiring import SecretKeySource, open_yard

app = typer.Typer(
    help="Stop at once, alone: pause a rollout, freeze a channel, withdraw a release. Lift with the quorum.",
    no_args_is_help=True,
)

Reason = Annotated[str, typer.Option(help="Why, in one line. Shown in status, on the pages, in the audit.")]
Advice = Annotated[str, typer.Option(help="What those who have it shall do. Shown on the release's page.")]
Role = Annotated[str | None, typer.Option(help="In which role. [default: the first of yours that may stop]")]


@app.command()
def pause(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Whose rollout shall halt.")],
    reason: Reason,
    fingerprint: As,
    advice: Advice = "",
    role: Role = None,
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Stop offering machines what a channel is at now. A later release gets a rollout of its own."""
    person = person_of(fingerprint, gnupg_home, secret_key)
    wish = StopWish(action=StopAction.PAUSE, channel=channel, reason=reason, advice=advice)
    _stop(wish, person, role, settings=settings, as_json=as_json)


@app.command()
def freeze(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel that shall not move.")],
    reason: Reason,
    fingerprint: As,
    role: Role = None,
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Let nothing be promoted to a channel. Machines are still offered what it is at."""
    person = person_of(fingerprint, gnupg_home, secret_key)
    wish = StopWish(action=StopAction.FREEZE, channel=channel, reason=reason)
    _stop(wish, person, role, settings=settings, as_json=as_json)


@app.command()
def withdraw(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="The release that nobody shall get.")],
    reason: Reason,
    fingerprint: As,
    advice: Advice = "",
    role: Role = None,
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Stop every channel from offering a release. It stays on the mirror and in the ledger.

    Machines that have it do not go back: publish what replaces it, older content included, under a
    higher version.
    """
    person = person_of(fingerprint, gnupg_home, secret_key)
    wish = StopWish(action=StopAction.WITHDRAW, version=version_of(version), reason=reason, advice=advice)
    _stop(wish, person, role, settings=settings, as_json=as_json)


@app.command()
def lift(
    stop: Annotated[str, typer.Argument(metavar="STOP", help="The stop's digest, or enough of it.")],
    reason: Reason,
    fingerprint: As,
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Ask that a stop be lifted. It is, by `promote run`, when the resume quorum has signed off."""
    with acting(settings, person_of(fingerprint, gnupg_home, secret_key)) as (yard, author):
        digest = find_digest("stop", yard.ledger.state().stops, stop)
        request = ask_to_resume(yard, author, digest, reason)
    if as_json:
        emit({"request": str(request), "stop": str(digest)})
        return
    say(f"request {request.hex[:12]}: lift stop {digest.hex[:12]}")
    say(f"next: humpyard promote sign-off {request.hex[:12]} --go --as FINGERPRINT")


@app.command("list")
def list_stops(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """List every stop there ever was, automatic halts included, the newest first."""
    with open_yard(settings) as yard:
        stops = [*yard.ledger.state().stops.values()][::-1]
        policy = yard.policy()
    if as_json:
        emit([_as_json(stop) for stop in stops])
        return
    table(("stop", "since (UTC)", "what", "", "by", "why"), [_row(stop, policy) for stop in stops])
    if not stops:
        say("nothing was ever stopped")


def _row(stop: StopRecord, policy: Policy) -> tuple[str, ...]:
    return (
        stop.digest.hex[:12],
        format_time(stop.recorded),
        str(stop),
        "stands" if stop.lifted_at is None else f"lifted {format_time(stop.lifted_at)}",
        stopped_by(stop, policy),
        stop.subject.reason,
    )


def _as_json(stop: StopRecord) -> dict[str, Json]:
    subject = stop.subject
    return {
        "stop": str(stop.digest),
        "action": "halt" if stop.by_pipeline else subject.action.value,
        "channel": subject.channel,
        "version": None if subject.version is None else str(subject.version),
        "since": format_time(stop.recorded),
        "by": "pipeline" if stop.by_pipeline else stop.signer,
        "reason": subject.reason,
        "advice": subject.advice,
        "lifted": None if stop.lifted_at is None else format_time(stop.lifted_at),
        "lifted_by": None if stop.lifted is None else str(stop.lifted),
    }


def _stop(
    wish: StopWish, person: SecretKeySource, role: str | None, *, settings: Path, as_json: bool
) -> None:
    with acting(settings, person) as (yard, author):
        policy = yard.policy()
        digest = stop_now(yard, author, wish, role=find_role(policy, author, role, policy.emergency.stop))
        told = yard.ledger.state().stops[digest].subject
    if as_json:
        emit({"stop": str(digest), "what": str(told)})
        return
    say(f"stop {digest.hex[:12]} holds from now on: {told}")
    say("the pipeline's next run takes it to machines and pages: humpyard promote run")
    say(f'to go on again: humpyard stop lift {digest.hex[:12]} --reason "..." --as FINGERPRINT')

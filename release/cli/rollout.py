"""`humpyard rollout`: how far releases have come, what machines report, and stopping and going on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from release.canonical import Json
from release.cli import stop
from release.cli.acting import acting
from release.cli.options import DEFAULT_SETTINGS, As, AsJson, GnupgHome, SecretKeys, SettingsFile, person_of
from release.cli.output import emit, say, table, work
from release.ledger.fields import format_time
from release.line.rollouts import RolloutStanding, rollout_standings, run_watch, standing_pauses
from release.line.statements import ask_to_resume
from release.promotion.policy import Policy
from release.promotion.stop import stopped_by
from release.updates.counts import RolloutCounts
from release.updates.outcome import CODES
from release.wiring import open_yard
from release.wiring.events import open_events

app = typer.Typer(
    help="Rollouts: who may have a release now, what machines report, pausing and going on.",
    no_args_is_help=True,
)
app.command("pause")(stop.pause)


@app.command()
def status(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Show every channel's rollout: its share now, what machines said, and what comes next."""
    with open_yard(settings) as yard, open_events(settings) as events:
        found, policy = rollout_standings(yard, events), yard.policy()
    if as_json:
        emit([_as_json(one) for one in found])
        return
    table(
        ("channel", "version", "share", "state", "offered", "succeeded", "failed", "silent", "next step"),
        [_row(one) for one in found],
    )
    for one in found:
        for line in _lines(one, policy):
            say(line)
    if not found:
        say("no channel has a release")
    if events is None:
        say("nothing is counted: no update server writes to events.url of humpyard.toml")


@app.command()
def watch(settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Judge every rollout by what machines report; halt in the ledger what goes wrong.

    Run it on a schedule, every few minutes, where the pipeline's key is. A halt holds like a person's
    pause, until the resume quorum lifts it.
    """
    with open_yard(settings) as yard, open_events(settings) as events:
        first, *_ = run_watch(yard, events, work)
    say(first)


@app.command()
def resume(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Whose rollout shall go on.")],
    reason: stop.Reason,
    fingerprint: As,
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Ask that a channel's rollout go on: one request for every stop that holds it, halts included.

    It goes on by `promote run`, when the resume quorum has signed off. What `stop lift` does, by channel.
    """
    with acting(settings, person_of(fingerprint, gnupg_home, secret_key)) as (yard, author):
        stops = standing_pauses(yard.ledger.state(), channel)
        requests = {one.digest: ask_to_resume(yard, author, one.digest, reason) for one in stops}
    if as_json:
        emit([{"request": str(request), "stop": str(digest)} for digest, request in requests.items()])
        return
    for digest, request in requests.items():
        say(f"request {request.hex[:12]}: lift stop {digest.hex[:12]}")
        say(f"next: humpyard promote sign-off {request.hex[:12]} --go --as FINGERPRINT")


def _row(one: RolloutStanding) -> tuple[str, ...]:
    counts = one.counts
    machines = ("", "", "", "")
    if counts is not None:
        machines = (
            str(counts.offered),
            str(counts.succeeded),
            str(counts.failed),
            f"{counts.silent} of {counts.due}",
        )
    step = ""
    if one.coming is not None:
        when = "when it goes on" if one.coming_at is None else format_time(_whole(one.coming_at))
        step = f"{100 * float(one.coming.share):g} % {when}"
    return (one.head.channel, str(one.head.version), _percent(one), _state(one), *machines, step)


def _percent(one: RolloutStanding) -> str:
    return f"{100 * float(one.share):.4g} %"


def _state(one: RolloutStanding) -> str:
    if one.halted_by_pipeline:
        return "halted"
    if one.stop is not None:
        return "stopped"
    if one.opens is not None:
        return "window closed"
    return "done" if one.share == 1 else "rolling out"


def _lines(one: RolloutStanding, policy: Policy) -> list[str]:
    name, lines = f"{one.head.channel}:", []
    if one.stop is not None:
        since = format_time(one.stop.recorded)
        lines.append(
            f"{name} stopped by {stopped_by(one.stop, policy)} since {since}: {one.stop.subject.reason}"
        )
    if one.opens is not None:
        lines.append(f"{name} offered again from {format_time(_whole(one.opens))}")
    if one.verdict is not None:
        halts = "to be halted, " if one.verdict.halts else ""
        lines.append(f"{name} {halts}{one.verdict.text}, since it went on last")
    for floor in one.floors:
        halts = "to be halted, " if floor.verdict.halts else ""
        lines.append(f"{name} floor {floor.version}: {halts}{floor.verdict.text}, since it went on last")
    if one.counts is not None and one.counts.failed:
        lines.append(f"{name} failed with {_codes(one.counts)}; deltas failed on {one.counts.failed_delta}")
    return lines


def _codes(counts: RolloutCounts) -> str:
    found = (f"{_named(code)} on {number}" for code, number in counts.codes.items())
    return ", ".join(found) or "no code"


def _named(code: int) -> str:
    return f"code {code} ({CODES[code]})" if code in CODES else f"code {code}"


def _as_json(one: RolloutStanding) -> dict[str, Json]:
    rules, stopped = one.rollout.rules, one.stop
    return {
        "channel": one.head.channel,
        "version": str(one.head.version),
        "release": str(one.head.release),
        "state": _state(one),
        "share": float(one.share),
        "active_seconds": one.rollout.active,
        "since": None if one.rollout.since is None else format_time(one.rollout.since),
        "plan": {
            "kind": "linear" if rules.linear else "stepped",
            "steps": [
                {"after_seconds": int(step.after.total_seconds()), "share": float(step.share)}
                for step in rules.steps
            ],
        },
        "next_step": None
        if one.coming is None
        else {
            "share": float(one.coming.share),
            "at": None if one.coming_at is None else format_time(_whole(one.coming_at)),
        },
        "offered_again": None if one.opens is None else format_time(_whole(one.opens)),
        "stopped": None
        if stopped is None
        else {
            "by": "pipeline" if one.halted_by_pipeline else stopped.signer,
            "since": format_time(stopped.recorded),
            "reason": stopped.subject.reason,
            "stop": str(stopped.digest),
        },
        "machines": None if one.counts is None else _machines(one.counts),
        "verdict": None if one.verdict is None else {"halts": one.verdict.halts, "text": one.verdict.text},
        "floors": [
            {
                "version": str(floor.version),
                "machines": _machines(floor.counts),
                "verdict": {"halts": floor.verdict.halts, "text": floor.verdict.text},
            }
            for floor in one.floors
        ],
    }


def _machines(counts: RolloutCounts) -> dict[str, Json]:
    return {
        "offered": counts.offered,
        "downloading": counts.downloading,
        "installed": counts.installed,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "failed_delta": counts.failed_delta,
        "due": counts.due,
        "silent": counts.silent,
        "codes": {str(code): number for code, number in counts.codes.items()},
    }


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)

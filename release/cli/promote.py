"""`humpyard promote`: ask for a channel to move, sign off, see what is missing, carry it out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from release.atomic import replacing
from release.canonical import Json
from release.cli.acting import acting, find_digest
from release.cli.dossier import dossier, review
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
from release.cli.output import brief, emit, say, table, work
from release.errors import InputError, RefusedError, storage_errors
from release.line.promotion import run_round
from release.line.requests import open_requests, request_status
from release.line.statements import Asking, ask_for, read_signed, record, say_to
from release.promotion.request import Skippable
from release.promotion.sign_off import Verdict
from release.promotion.status import Phase, RequestStatus
from release.wiring import open_yard

app = typer.Typer(
    help="Move channels: request, sign off, see what is missing, carry out.", no_args_is_help=True
)
app.command("dossier")(dossier)
MARK = {True: "met", False: "NOT MET"}


@app.command()
def request(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A published release.")],
    to: Annotated[
        str, typer.Option(metavar="CHANNEL", help="The channel that shall offer it; a new stream is opened.")
    ],
    fingerprint: As,
    reason: Annotated[str, typer.Option(help="Shown to those who decide.")] = "",
    hurry: Annotated[
        list[Skippable],
        typer.Option(help="Skip this; takes the hurry quorum and a reason. Repeatable. Loud for ever."),
    ] = [],
    incident: Annotated[str | None, typer.Option(help="Where the reason for the hurry is told.")] = None,
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Ask for a channel to move, signed with your own key.

    The request names the release digest, the policy in force and where the channel is now. When any
    of these changes it is void, and so are its sign-offs. Your own go does not count.
    """
    asking = Asking(reason=reason, hurry=tuple(dict.fromkeys(hurry)), incident=incident)
    with acting(settings, person_of(fingerprint, gnupg_home, secret_key)) as (yard, author):
        before = yard.ledger.state().requests
        digest = ask_for(yard, author, version_of(version), to, asking)
        found = request_status(yard, digest)
    if as_json:
        emit({"request": str(digest), "channel": to, "version": version})
        return
    again = " (you asked before; that request stands as it was)" if digest in before else ""
    say(f"request {digest.hex[:12]}: {to} to {version}{again}")
    sign = f"humpyard promote sign-off {digest.hex[:12]} --go --as FINGERPRINT"
    say(f"next: {'humpyard promote run' if found.phase is Phase.READY else sign}")


@app.command("sign-off")
def sign_off(
    request: Annotated[
        str, typer.Argument(metavar="REQUEST", help="The request's digest, or enough of it to be unique.")
    ],
    fingerprint: As,
    go: Annotated[bool | None, typer.Option("--go/--no-go", help="Your verdict. A no-go is a veto.")] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take back what you said before.")] = False,
    overrule: Annotated[
        bool, typer.Option("--overrule", help="Set aside the no-gos so far; takes the overrule quorum.")
    ] = False,
    role: Annotated[
        str | None, typer.Option(help="In which role. [default: one of yours that the quorum asks for]")
    ] = None,
    reason: Annotated[str, typer.Option(help="Recorded with it; expected with --no-go.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Write the signed statement here instead: for `promote record`.")
    ] = None,
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
    yes: Annotated[bool, typer.Option("--yes", help="At a terminal, do not ask before signing.")] = False,
) -> None:
    """Say go or no-go to a request, signed with your own key on your own machine.

    Before a yes is signed, the dossier is shown (see `promote dossier`); a no needs none. It counts for
    this request only, until it expires. A no-go stands until you take it back or say go, or enough others
    overrule it.
    """
    verdict = _verdict(go, withdraw=withdraw, overrule=overrule)
    with acting(settings, person_of(fingerprint, gnupg_home, secret_key)) as (yard, author):
        digest = find_digest("request", yard.ledger.state().requests, request)
        if verdict in {Verdict.GO, Verdict.OVERRULE} and not as_json:
            review(yard, digest, agreed=yes)
        signed = say_to(yard, author, digest, verdict, role=role, reason=reason)
        if out is not None:
            with storage_errors(out), replacing(out) as target:
                target.write(signed.dump())
            say(f"wrote {out}; whoever can write to the store: humpyard promote record {out}")
            return
        record(yard, signed)
        found = request_status(yard, digest)
    if as_json:
        emit(found.as_json())
    else:
        _show(found)


def _verdict(go: bool | None, *, withdraw: bool, overrule: bool) -> Verdict:
    said = [
        verdict
        for verdict, chosen in (
            (Verdict.GO, go is True),
            (Verdict.NO_GO, go is False),
            (Verdict.WITHDRAW, withdraw),
            (Verdict.OVERRULE, overrule),
        )
        if chosen
    ]
    if len(said) != 1:
        raise typer.BadParameter("expected one of --go, --no-go, --withdraw, --overrule")
    return said[0]


@app.command("record")
def record_statements(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", exists=True, dir_okay=False, help="Signed statements.")
    ],
    settings: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Record statements that others signed with `--out`. Each is checked as if they recorded it."""
    with open_yard(settings) as yard:
        for path in files:
            with storage_errors(path):
                data = path.read_bytes()
            digest = record(yard, read_signed(data, str(path)))
            say(f"{path}: recorded as {digest.hex[:12]}")


@app.command()
def status(
    channel: Annotated[str | None, typer.Option(help="Only this channel.")] = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Show where channels are, and for every open request each rule: met, or what is missing."""
    with open_yard(settings) as yard:
        state, requests = yard.ledger.state(), open_requests(yard, channel)
    if channel is not None and not state.knows(channel):
        raise InputError(f"channel {channel!r}: expected one of {', '.join(state.channels)}, or a stream")
    heads: dict[str, Json] = {
        name: str(state.heads[name].version) if name in state.heads else None
        for name in dict.fromkeys((*state.channels, *state.heads))
        if channel in {None, name}
    }
    if as_json:
        emit({"channels": heads, "requests": [one.as_json() for one in requests]})
        return
    table(("channel", "version"), [(name, str(version or "-")) for name, version in heads.items()])
    for one in requests:
        say("")
        _show(one)
    if not requests:
        say("no open requests")


@app.command()
def run(
    channel: Annotated[str | None, typer.Option(help="Only requests for this channel.")] = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Carry out every open request whose gate is open, move the pointers, render the pages.

    Exit code 1 when a request was refused for now; its missing rules are printed.
    """
    with open_yard(settings) as yard:
        before = [one.case.digest for one in open_requests(yard, channel)]
        found = run_round(yard, work, channel)
        now = [request_status(yard, digest) for digest in dict.fromkeys([*before, *found.refused])]
    if as_json:
        done: list[Json] = [one.as_json() for one in now if one.phase is Phase.CARRIED_OUT]
        waiting: list[Json] = [
            {**one.as_json(), "why": found.refused[one.case.digest]}
            for one in now
            if one.case.digest in found.refused
        ]
        emit({"carried_out": done, "waiting": waiting})
    if found.refused:
        raise RefusedError("\n".join(found.refused.values()))


def _show(one: RequestStatus) -> None:
    say(f"request {one.case.digest.hex[:12]}: {one.case.title} is {one.phase}")
    rows = [
        (rule.name, MARK[rule.met], brief(rule.missing or rule.detail), ", ".join(rule.who))
        for rule in one.decision.rules
    ]
    table(("rule", "", "found, or missing", "who can provide it"), rows)

"""`humpyard promote`: ask for a channel to move, sign off, see what is missing, carry it out."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from release.canonical import Json
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
from release.cli.output import emit, say, table, work
from release.digests import Digest
from release.errors import InputError, RefusedError
from release.ledger.state import State
from release.line.promotion import run_round
from release.line.requests import open_requests, request_status
from release.line.statements import Asking, ask_for, say_to
from release.promotion.sign_off import Verdict
from release.promotion.status import Phase, RequestStatus
from release.wiring import open_yard, person_signer

app = typer.Typer(
    help="Move channels: request, sign off, see what is missing, carry out.", no_args_is_help=True
)
MARK = {True: "met", False: "NOT MET"}


@app.command()
def request(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A published release.")],
    to: Annotated[str, typer.Option(metavar="CHANNEL", help="The channel that shall offer it.")],
    fingerprint: As,
    reason: Annotated[str, typer.Option(help="Shown to those who decide.")] = "",
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Ask for a channel to move, signed with your own key.

    The request names the release digest, the policy in force and where the channel is now. When any
    of these changes it is void, and so are its sign-offs. Your own go does not count.
    """
    person = person_of(fingerprint, gnupg_home, secret_key)
    with ExitStack() as stack:
        yard = stack.enter_context(open_yard(settings, person=person))
        digest = ask_for(yard, person_signer(person, stack), version_of(version), to, Asking(reason=reason))
    if as_json:
        emit({"request": str(digest), "channel": to, "version": version})
        return
    say(f"request {digest.hex[:12]}: {to} to {version}")
    say(f"next: humpyard promote sign-off {digest.hex[:12]} --go --as FINGERPRINT")


@app.command("sign-off")
def sign_off(
    request: Annotated[
        str, typer.Argument(metavar="REQUEST", help="The request's digest, or enough of it to be unique.")
    ],
    fingerprint: As,
    go: Annotated[bool, typer.Option("--go/--no-go", help="Your verdict. A no-go is a veto.")],
    role: Annotated[str, typer.Option(help="In which role.")] = "maintainer",
    reason: Annotated[str, typer.Option(help="Recorded with it; expected with --no-go.")] = "",
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Say go or no-go to a request, signed with your own key.

    It counts for this request only, until it expires. A no-go stands until you say go yourself.
    """
    person = person_of(fingerprint, gnupg_home, secret_key)
    verdict = Verdict.GO if go else Verdict.NO_GO
    with ExitStack() as stack:
        yard = stack.enter_context(open_yard(settings, person=person))
        digest = _find(yard.ledger.state(), request)
        say_to(yard, person_signer(person, stack), digest, verdict, role=role, reason=reason)
        found = request_status(yard, digest)
    if as_json:
        emit(found.as_json())
    else:
        _show(found)


@app.command()
def status(
    channel: Annotated[str | None, typer.Option(help="Only this channel.")] = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Show where channels are, and for every open request each rule: met, or what is missing."""
    with open_yard(settings) as yard:
        state, requests = yard.ledger.state(), open_requests(yard, channel)
    heads: dict[str, Json] = {
        name: str(state.heads[name].version) if name in state.heads else None
        for name in state.channels
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
        (rule.name, MARK[rule.met], rule.missing or rule.detail, ", ".join(rule.who))
        for rule in one.decision.rules
    ]
    table(("rule", "", "found, or missing", "who can provide it"), rows)


def _find(state: State, text: str) -> Digest:
    wanted = text.removeprefix("sha256:")
    found = [digest for digest in state.requests if digest.hex.startswith(wanted)]
    if len(found) != 1 or not wanted:
        raise InputError(
            f"request {text!r}: expected the start of one request's digest, {len(found)} fit",
            hint="humpyard promote status lists them",
        )
    return found[0]

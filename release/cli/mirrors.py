"""`humpyard mirrors`: where each mirror stands, bringing them up to the ledger, what they can do."""

from __future__ import annotations

from typing import Annotated

import typer

from release.canonical import Json
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from release.cli.output import emit, say, table, work
from release.errors import RefusedError
from release.ledger.fields import format_time
from release.line.mirror_probe import Probed, probe_all
from release.line.mirror_status import MirrorStanding, QuorumStanding, Standings, standings, unmet
from release.line.mirror_sync import check_all, sync_job
from release.line.mirrors import Behind, strangers
from release.wiring import open_yard

app = typer.Typer(
    help="Mirrors: where each stands, bringing them up to the ledger, what they can do.",
    no_args_is_help=True,
)


@app.command()
def status(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Show what each mirror has and should have, since when it lags and why, and how fresh it is.

    Looks at the ledger, and at each public address. Exit code 1 when fewer mirrors have what a channel is
    at than the policy asks for.
    """
    with open_yard(settings) as yard:
        found, unknown = standings(yard), strangers(yard, yard.policy())
    missing = unmet(found.quorums)
    if as_json:
        emit(_as_json(found, unknown))
    else:
        _show(found, unknown)
    if missing:
        raise RefusedError(
            "too few mirrors:\n" + "\n".join(f"  {one}" for one in missing),
            hint="bring them up: humpyard mirrors sync",
        )


@app.command()
def sync(
    settings: SettingsFile = DEFAULT_SETTINGS,
    again: Annotated[
        bool,
        typer.Option("--again", help="Read back what is said to be there, too, and bring what is missing."),
    ] = False,
) -> None:
    """Bring every mirror what it is to have, the past included, and let it show what the ledger says.

    Promoting brings what channels are at; run this on a schedule for the rest, and after a mirror was away.
    Exit code 1 when a mirror is behind after it, 3 when all that are would not answer: try again.
    """
    behind: list[Behind] = []
    with open_yard(settings) as yard:
        lines = work(sync_job(yard, behind, again=again))
    for line in lines:
        say(line)
    check_all(behind)


@app.command()
def probe(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Try what the store and each mirror can really do, under keys that are removed again.

    Exit code 1 when one ignores what it is needed for: the store, that of two writers one is refused; a
    mirror, which is read back over HTTP in any case, less. For rsync mirrors there is nothing to try.
    """
    with open_yard(settings) as yard:
        tried = tuple(probe_all(yard))
    if as_json:
        emit({one.name: _probed_json(one) for one in tried})
    else:
        for one in tried:
            _show_probed(one)
    wrong = [one.error for one in tried if one.error is not None]
    if wrong:
        raise RefusedError("\n".join(one.message for one in wrong), hint=wrong[0].hint)


def _show_probed(one: Probed) -> None:
    if one.abilities is None:
        say(f"{one.name}: {'nothing to try' if one.error is None else one.error.message}")
        return
    say(f"{one.name}: {one.abilities.where}")
    rows = [(str(each.ability), str(each.verdict), each.tried, each.found) for each in one.abilities.findings]
    table(("ability", "seen", "tried", "found"), rows)


def _probed_json(one: Probed) -> dict[str, Json]:
    findings: list[Json] = []
    if one.abilities is not None:
        findings = [
            {
                "ability": each.ability.name.lower().replace("_", "-"),
                "verdict": each.verdict.name.lower(),
                "tried": each.tried,
                "found": each.found,
            }
            for each in one.abilities.findings
        ]
    return {"findings": findings, "error": None if one.error is None else one.error.message}


def _show(found: Standings, unknown: tuple[str, ...]) -> None:
    rows = [
        (
            mirror.site.name,
            channel.channel,
            "-" if channel.has is None else str(channel.has),
            str(channel.should_have),
            "" if channel.lags_since is None else f"LAGS since {format_time(channel.lags_since)}",
        )
        for mirror in found.mirrors
        for channel in mirror.channels
    ]
    table(("mirror", "channel", "has", "should have", ""), rows)
    for mirror in found.mirrors:
        say(f"{mirror.site.name}: {mirror.site.url} {_freshness(mirror, found)}")
        if mirror.note is not None:
            say(f"{mirror.site.name}: since {format_time(mirror.note.since)}: {mirror.note.reason}")
    for quorum in found.quorums:
        say(f"{quorum}{'' if quorum.met else ': TOO FEW'}")
    for name in unknown:
        say(f"{name}: is in the settings, but not in the policy: nothing is brought there")
    if not found.mirrors:
        say("the policy names no mirrors: update servers know no address that has updates, and offer none")


def _freshness(mirror: MirrorStanding, found: Standings) -> str:
    if mirror.head is None:
        return f"shows nothing to be believed: {mirror.unseen}"
    place = f"shows entry {mirror.head.ledger.sequence} of {found.sequence}"
    ended = "EXPIRED" if found.now >= mirror.head.expires else "fresh until"
    return f"{place}, {ended} {format_time(mirror.head.expires)}"


def _as_json(found: Standings, unknown: tuple[str, ...]) -> dict[str, Json]:
    return {
        "format": "humpyard-mirrors-1",
        "ledger": found.sequence,
        "checked": format_time(found.now),
        "mirrors": [_mirror_json(mirror, found) for mirror in found.mirrors],
        "quorums": [_quorum_json(quorum) for quorum in found.quorums],
        "unknown": list(unknown),
    }


def _mirror_json(mirror: MirrorStanding, found: Standings) -> dict[str, Json]:
    head, note = mirror.head, mirror.note
    channels: dict[str, Json] = {
        one.channel: {
            "has": None if one.has is None else str(one.has),
            "should_have": str(one.should_have),
            "lags_since": None if one.lags_since is None else format_time(one.lags_since),
        }
        for one in mirror.channels
    }
    return {
        "name": mirror.site.name,
        "url": mirror.site.url,
        "written_to": mirror.written_to,
        "lags": mirror.lags,
        "channels": channels,
        "head": None
        if head is None
        else {
            "ledger": head.ledger.sequence,
            "issued": format_time(head.issued),
            "expires": format_time(head.expires),
            "expired": found.now >= head.expires,
        },
        "unseen": mirror.unseen,
        "trouble": None
        if note is None
        else {"reason": note.reason, "since": format_time(note.since), "last": format_time(note.last)},
    }


def _quorum_json(quorum: QuorumStanding) -> dict[str, Json]:
    return {
        "channel": quorum.channel,
        "version": str(quorum.version),
        "have": list(quorum.have),
        "mirrors": list(quorum.mirrors),
        "needed": quorum.needed,
        "met": quorum.met,
    }

"""`humpyard signing rotation`: what changing the payload key takes, and whom it would strand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from release.canonical import Json
from release.catalog.version import Version
from release.cli.options import AsJson, version_of
from release.cli.output import emit, say, table
from release.errors import RefusedError
from release.payload.profile import SignatureRule
from release.payload.signature_blob import CLIENT_VERSION, MOST_SIGNATURES
from release.signing.rotation import Reach, Rotation, Stage, plan, stage
from release.signing.trusted_keys import PayloadKey, load_payload_key

_CLIENTS = {
    SignatureRule.FIRST_VERSION_2: "update_engine (first signature of version 2)",
    SignatureRule.ANY_SLOT: "ue-rs (any signature)",
}


def rotation(
    old: Annotated[
        Path,
        typer.Option(
            metavar="PUB.pem", exists=True, dir_okay=False, help="Public key that machines hold now."
        ),
    ],
    new: Annotated[
        Path,
        typer.Option(metavar="PUB.pem", exists=True, dir_okay=False, help="Public key that they shall hold."),
    ],
    floor: Annotated[
        str,
        typer.Option(metavar="VERSION", help="The release that ships the new key, signed with the old one."),
    ],
    release: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="Ask about this release, signed with --slot, instead."),
    ] = None,
    slot: Annotated[
        list[Path],
        typer.Option(
            metavar="PUB.pem", exists=True, dir_okay=False, help="Who signs it, in slot order. Repeatable."
        ),
    ] = [],
    as_json: AsJson = False,
) -> None:
    """Show how the payload key is changed so that no machine is stranded, or who would be.

    update_engine checks one signature only, the first of version 2 (the last slot), so a payload can
    satisfy one key of such machines and not two. Reads public keys and nothing else. What the settings
    declare ([payload.rotation]) is compared with the ledger whenever a release is published.
    """
    keys = {key.fingerprint: key for key in map(load_payload_key, (new, old))}
    names = {fingerprint: key.name for fingerprint, key in keys.items()}
    change = Rotation(
        old=load_payload_key(old).fingerprint, new=load_payload_key(new).fingerprint, floor=version_of(floor)
    )
    if (release is None) != (not slot) or len(slot) > MOST_SIGNATURES:
        raise typer.BadParameter(f"expected --release together with 1 to {MOST_SIGNATURES} of --slot")
    stages = plan(change)
    if release is not None:
        signers = [load_payload_key(path) for path in slot]
        names.update({key.fingerprint: key.name for key in signers})
        stages = (_asked(version_of(release), signers, change),)
    if as_json:
        emit([_as_json(one, names) for one in stages])
    else:
        for one in stages:
            _tell(one, names)
        if release is None:
            _tell_declaration(old, new, floor)
    stranded = [reach for one in stages for reach in one.reach if reach.stranded]
    if stranded:
        raise RefusedError(
            f"release {release}: would strand machines "
            + ", ".join(f"{reach.machines} with {_CLIENTS[reach.rule]}" for reach in stranded),
            hint="put the key that they hold last, or offer the floor first: see humpyard signing rotation",
        )


def _tell_declaration(old: Path, new: Path, floor: str) -> None:
    say("Declare it in the settings before the floor is published, and leave it there until all is over:")
    for line in ("[payload.rotation]", f'old = "{old}"', f'new = "{new}"', f'floor = "{floor}"'):
        say(f"  {line}")
    say(f"Nothing here looks into images: make sure yourself that that of {floor} ships the new key.")


def _asked(version: Version, signers: Sequence[PayloadKey], change: Rotation) -> Stage:
    return stage(f"release {version}", version, [key.fingerprint for key in signers], change)


def _tell(one: Stage, names: dict[str, str]) -> None:
    first = CLIENT_VERSION + 1 - len(one.slots)
    slots = [f"{names[key]} (version {first + index})" for index, key in enumerate(one.slots)]
    say(f"{one.releases}: signed by {', '.join(slots)}")
    table(
        ("  machines", "client", "is offered it", "verifies"),
        [
            (f"  {reach.machines}", _CLIENTS[reach.rule], _yes(reach.meant), _verdict(reach))
            for reach in one.reach
        ],
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _verdict(reach: Reach) -> str:
    return "NO: STRANDED" if reach.stranded else _yes(reach.verifies)


def _as_json(one: Stage, names: dict[str, str]) -> Json:
    reach: list[Json] = [
        {
            "machines": reach.machines,
            "client": reach.rule.value,
            "offered": reach.meant,
            "verifies": reach.verifies,
            "stranded": reach.stranded,
        }
        for reach in one.reach
    ]
    slots: list[Json] = [{"fingerprint": key, "name": names[key]} for key in one.slots]
    return {"releases": one.releases, "slots": slots, "reach": reach}

"""`humpyard signing`: payload keys that are not on this machine, and changing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from release.atomic import check_place, replacing
from release.canonical import Json
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile, version_of
from release.cli.output import emit, say, table
from release.cli.rotation import rotation
from release.errors import InputError
from release.line.ceremony import LIFETIME, LONGEST_LIFETIME, Standing, export, import_answers, standing
from release.signing import open_signer
from release.signing.ceremony import OpenBundle, SigningOrder, hold_ceremony, open_bundle
from release.signing.ceremony_bundle import KeySlot, summary
from release.signing.ceremony_fields import format_time
from release.signing.secret_sources import ask
from release.wiring import open_yard, utc_now

app = typer.Typer(
    help="Sign with keys on machines without a network: export, sign there, import. Change keys.",
    no_args_is_help=True,
)
BundleFile = Annotated[
    Path, typer.Argument(metavar="BUNDLE", exists=True, dir_okay=False, help="What `signing export` wrote.")
]


@app.command("export")
def export_bundle(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A candidate whose payloads are built.")],
    out: Annotated[Path, typer.Option(metavar="BUNDLE", dir_okay=False, help="Where to write the bundle.")],
    days: Annotated[
        int, typer.Option(min=1, max=LONGEST_LIFETIME.days, help="How long it may be signed and imported.")
    ] = LIFETIME.days,
    anew: Annotated[
        bool, typer.Option("--anew", help="Another bundle, although the last is good; voids the older ones.")
    ] = False,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Write everything that offline keys shall sign for a candidate into one small file.

    A bundle that was lost is written again, the same to the byte, while it is valid; so the code stays
    the same, too. Tell the code to whoever signs, but not on the way that the bundle takes.
    """
    check_place(out)
    with open_yard(settings) as yard:
        opened, before = export(yard, version_of(version), lifetime=timedelta(days=days), anew=anew)
    with replacing(out) as target:
        target.write(opened.data)
    if as_json:
        emit({"bundle": str(out), "exported_before": before, **_described(opened)})
        return
    for line in summary(opened.bundle):
        say(line)
    again = ", the same as before" if before else ""
    say(f"written to {out}, {len(opened.data):,} bytes{again}")
    say(f"code {opened.code}")
    say("next, where the key is: humpyard signing sign BUNDLE --key URI")


@dataclass(frozen=True, slots=True)
class _AtTerminal:
    """Whoever runs this. ``told`` is the code when it was given as an option."""

    told: str | None

    def show(self, lines: Sequence[str]) -> None:
        """Print ``lines``."""
        for line in lines:
            say(line)

    def code(self) -> str:
        """What was given, or what is typed now."""
        if self.told is not None:
            return self.told
        try:
            return str(typer.prompt("Code, as you were told it by whoever exported", err=True))
        except typer.Abort as error:
            raise InputError(
                "no code was given, so nothing was signed",
                hint="ask whoever exported the bundle for its code, over the telephone, say",
            ) from error


@app.command()
def sign(
    bundle: BundleFile,
    key: Annotated[str, typer.Option(metavar="URI", help="Private key: pkcs11:..., file:...")],
    out: Annotated[
        Path | None, typer.Option(metavar="ANSWER", dir_okay=False, help="[default: beside BUNDLE]")
    ] = None,
    code: Annotated[str | None, typer.Option(help="The code you were told; else it is asked for.")] = None,
    journal: Annotated[
        Path | None, typer.Option(dir_okay=False, help="What was signed here. [default: beside ANSWER]")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Although another bundle for this version was signed here.")
    ] = False,
    product: Annotated[str | None, typer.Option(help="Refuse bundles of any other product.")] = None,
) -> None:
    """Sign everything a bundle asks, with one key. Needs no settings and no network.

    On a machine that has only the signing part of this package: python -m release.signing, or
    humpyard-sign. The code is not shown, so that it must have come to you on another way.
    """
    order = SigningOrder(bundle=bundle, out=out, journal=journal, again=again, product=product)
    answer = hold_ceremony(order, lambda: open_signer(key, ask), _AtTerminal(code), utc_now())
    say(f"signed: {answer}")
    say("next, where the candidate is: humpyard signing import ANSWER")


@app.command()
def show(bundle: BundleFile, as_json: AsJson = False) -> None:
    """Show what a bundle asks, and its code. Signs nothing, changes nothing."""
    opened = open_bundle(bundle)
    if as_json:
        emit({"bundle": str(bundle), **_described(opened)})
        return
    for line in summary(opened.bundle):
        say(line)
    say(f"code {opened.code}")


@app.command("import")
def import_files(
    answers: Annotated[
        list[Path],
        typer.Argument(metavar="ANSWER...", exists=True, dir_okay=False, help="What was signed."),
    ],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Check what offline keys answered, and keep it for the candidate: everything, or nothing.

    Every signature is verified with the trusted public key. Importing the same again does nothing.
    """
    with open_yard(settings) as yard:
        found = import_answers(yard, answers)
        versions = list(dict.fromkeys(one.version for one in found))
        stands = [(version, standing(yard, version)) for version in versions]
    if as_json:
        emit([{"version": str(version), **_standing(one)} for version, one in stands])
        return
    for one in found:
        say(f"{one.version}: {one.key.name} signed" + (", as imported before" if one.before else ""))
    for version, stand in stands:
        say(_next(str(version), stand))


@app.command()
def status(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A candidate.")],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Show who signed a candidate and who has not, and the code of the newest bundle."""
    with open_yard(settings) as yard:
        found = standing(yard, version_of(version))
        now = yard.clock()
    if as_json:
        emit({"version": version, **_standing(found)})
        return
    if found.exported is not None:
        bundle = found.exported.bundle
        say(f"exported {format_time(bundle.created)}, code {found.exported.code}")
        end = "expired" if now >= bundle.expires else "to be signed before"
        say(f"{end} {format_time(bundle.expires)}")
    rows = sorted(
        [(key, "signed") for key in found.answered] + [(key, "missing") for key in found.missing],
        key=lambda row: row[0].slot,
    )
    table(
        ("slot", "key", "", "fingerprint"),
        [(str(key.slot), key.name, said, key.fingerprint) for key, said in rows],
    )
    say(_next(version, found))


def _next(version: str, found: Standing) -> str:
    """What to do now."""
    if found.exported is None:
        return f"nothing was exported yet; next: humpyard signing export {version} --out BUNDLE"
    if found.missing:
        return f"{version}: still missing: {', '.join(key.name for key in found.missing)}"
    return f"{version}: everybody signed; next: run humpyard candidate build again, as before"


def _described(opened: OpenBundle) -> dict[str, Json]:
    bundle = opened.bundle
    candidate = bundle.candidate
    return {
        "digest": str(opened.digest),
        "code": opened.code,
        "product": candidate.product,
        "version": str(candidate.version),
        "channel": candidate.channel,
        "candidate": str(candidate.digest),
        "payloads": len(candidate.payloads),
        "created": format_time(bundle.created),
        "expires": format_time(bundle.expires),
        "keys": [_key(key) for key in bundle.keys],
    }


def _standing(found: Standing) -> dict[str, Json]:
    opened = found.exported
    return {
        "code": None if opened is None else opened.code,
        "expires": None if opened is None else format_time(opened.bundle.expires),
        "signed": [_key(key) for key in found.answered],
        "missing": [_key(key) for key in found.missing],
    }


def _key(key: KeySlot) -> dict[str, Json]:
    return {
        "slot": key.slot,
        "name": key.name,
        "fingerprint": key.fingerprint,
        "bits": key.bits,
        "offline": key.offline,
    }


app.command()(rotation)

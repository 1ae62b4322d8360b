"""`humpyard payload`: build, show, verify and apply one payload file."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer

from release.atomic import check_place
from release.canonical import Json
from release.cli.explain import explain
from release.cli.options import AsJson, profile_of
from release.cli.output import emit, say, table, work
from release.cli.public_key import public_key
from release.digests import FileDigests
from release.errors import storage_errors
from release.line.steps import Report, Step
from release.payload.apply import Applied, apply_payload
from release.payload.build import MEMORY, BuildOrder, OrderError, build_payload, check_order
from release.payload.check import check_payload
from release.payload.profile import FLATCAR
from release.payload.reader import describe, open_payload
from release.payload.signature_blob import MOST_SIGNATURES
from release.signing import open_signer
from release.signing.payload_signature import (
    VerifiedSlot,
    distinct_signers,
    sign_payload,
    verify_payload,
)
from release.signing.secret_sources import ask
from release.signing.signer import DigestSigner, KeyUriError
from release.signing.trusted_keys import load_payload_key

app = typer.Typer(
    help="Build, show, verify and apply update payloads (CrAU version 1).", no_args_is_help=True
)

Payload = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A payload.")]
Keys = Annotated[
    list[Path],
    typer.Option(
        "--key", metavar="PUB.pem", exists=True, dir_okay=False, help="Public key to believe. Repeatable."
    ),
]
ProfileName = Annotated[
    str | None,
    typer.Option("--profile", help="Client profile: flatcar, positional-bspatch or replace-only."),
]


Workers = Annotated[int, typer.Option(min=1, max=256, help="Threads. What comes out is the same.")]


@app.command()
def build(
    new_image: Annotated[
        Path,
        typer.Argument(
            metavar="NEW_IMAGE", exists=True, dir_okay=False, help="The raw partition to install."
        ),
    ],
    out: Annotated[Path, typer.Option(dir_okay=False, help="Where to write the payload.")],
    old_image: Annotated[
        Path | None,
        typer.Option("--from", exists=True, dir_okay=False, help="Build a delta from this raw partition."),
    ] = None,
    kernel: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Kernel to install with it.")
    ] = None,
    old_kernel: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The kernel that goes with --from.")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="Client profile: flatcar, positional-bspatch or replace-only.")
    ] = "flatcar",
    sign: Annotated[
        list[str],
        typer.Option(metavar="URI", help="Private key, as file:key.pem. Repeatable; the last counts."),
    ] = [],
    workers: Workers = 2,
    memory: Annotated[
        int, typer.Option(metavar="MIB", min=1, help="Memory to keep below, mapped images not counted.")
    ] = MEMORY >> 20,
    as_json: AsJson = False,
) -> None:
    """Build a full payload, or with --from a delta.

    Without --sign the payload is unsigned. It appears at --out whole, or not at all; what is there is
    replaced if it is a file and not one that the payload is made from.
    """
    images = (("NEW_IMAGE", new_image), ("--from", old_image))
    _check_output("--out", out, *images, ("--kernel", kernel), ("--old-kernel", old_kernel))
    order = BuildOrder(
        new_image=new_image,
        out=out,
        old_image=old_image,
        kernel=kernel,
        old_kernel=old_kernel,
        profile=profile_of(profile) or FLATCAR,
        workers=workers,
        memory=memory << 20,
    )
    try:
        check_order(order)
    except OrderError as error:
        raise typer.BadParameter(error.message) from error
    signers = _open_signers(sign, out)
    (line,) = work((Step("build", f"build {out.name}", lambda report: _build(order, signers, report)),))
    if as_json:
        keys: list[Json] = [signer.key.fingerprint for signer in signers]
        emit({"payload": str(out), "profile": order.profile.name, **describe(out), "signed_by": keys})
    else:
        say(f"{out}: {line}")


def _build(order: BuildOrder, signers: Sequence[DigestSigner], report: Report) -> str:
    unsigned = order.out
    if signers:
        unsigned = order.out.with_name(f".{order.out.name}.unsigned")
    sizes = tuple(signer.key.size for signer in signers)
    built = build_payload(replace(order, out=unsigned, signature_sizes=sizes), progress=report)
    if signers:
        _sign(unsigned, order.out, signers)
    counts = ", ".join(f"{count:,} {name}" for name, count in built.operations.items())
    counts += f" ({built.unrepeatable} not repeatable)" if built.unrepeatable else ""
    return f"{built.size:,} bytes, {counts or 'no operations'}, {len(signers)} signatures"


def _sign(unsigned: Path, out: Path, signers: Sequence[DigestSigner]) -> None:
    with storage_errors(out):
        try:
            sign_payload(unsigned, signers, [signer.key for signer in signers])
            unsigned.replace(out)
        finally:
            unsigned.unlink(missing_ok=True)


def _open_signers(uris: Sequence[str], out: Path) -> list[DigestSigner]:
    """Open private keys. A URI that names none is a usage error; a file that holds none is not."""
    if len(uris) > MOST_SIGNATURES:
        raise typer.BadParameter(
            f"expected at most {MOST_SIGNATURES} keys, found {len(uris)}", param_hint="--sign"
        )
    signers = []
    for uri in uris:
        try:
            signers.append(open_signer(uri, ask))
        except KeyUriError as error:
            raise typer.BadParameter(error.message, param_hint="--sign") from error
        if uri.startswith("file:"):
            _check_output("--out", out, ("--sign", Path(unquote(urlsplit(uri).path))))
    return signers


def _check_output(option: str, path: Path | None, *others: tuple[str, Path | None]) -> None:
    """Let nothing be written over that is no plain file, or that another option names.

    Two names of one file are told, too. Such a mistake is one of usage; a place where nothing can be
    written raises InputError.
    """
    if path is None:
        return
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise typer.BadParameter(
            f"{path}: expected a regular file to replace, or none; found something else", param_hint=option
        )
    for other, used in others:
        if used is not None and _is_same(path, used):
            raise typer.BadParameter(f"{path}: is what {other} names, too", param_hint=option)
    check_place(path)


def _is_same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return os.path.realpath(one) == os.path.realpath(other)


@app.command()
def show(payload: Payload, as_json: AsJson = False) -> None:
    """Show what a payload says about itself: sizes, hashes, operations, kernel, signatures.

    Also which client profiles can apply it, and the first rule of the format it breaks, if any.
    Verifies nothing: `humpyard payload verify` does.
    """
    found = describe(payload)
    if as_json:
        emit(found)
        return
    rows = [(name.replace("_", " "), _text(value)) for name, value in found.items()]
    say(str(payload))
    table(("field", "value"), rows)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(inner)}" for name, inner in value.items()) or "-"
    if isinstance(value, list):
        return "; ".join(_text(inner) for inner in value) or "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "-" if value is None else str(value)


@app.command()
def verify(
    payload: Payload,
    key: Keys,
    profile: ProfileName = None,
    signatures: Annotated[
        int,
        typer.Option(metavar="K", min=1, max=MOST_SIGNATURES, help="Different keys that must have signed."),
    ] = 1,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Verify a payload's signature as a client does, its form, and every operation's hash.

    What it makes when applied is not checked here: `humpyard payload apply` does. --signatures asks for
    more than a client does: each looks at one signature only.
    """
    rules = profile_of(profile)
    keys = [load_payload_key(path) for path in key]
    with open_payload(payload) as opened:
        slots = verify_payload(opened, keys, rules, needed=signatures)
        check_payload(opened, rules, workers=workers)
        found = describe(opened)
        opened.check_unchanged()
    if as_json:
        said = {"payload": str(payload), "profile": profile, "verified": True}
        emit({**said, **found, "signatures": _slots(slots)})
        return
    for slot in slots:
        note = "what clients check" if slot.counts else "not looked at by these clients"
        say(f"signature version {slot.version}: {slot.key or 'by none of the given keys'} ({note})")
    signers = len(distinct_signers(slots))
    say(
        f"{payload}: verified, signed by {signers} of the given keys"
        if signatures > 1
        else f"{payload}: verified"
    )


def _slots(slots: Sequence[VerifiedSlot]) -> list[Json]:
    return [
        {
            "version": slot.version,
            "counts": slot.counts,
            "key": slot.key.name if slot.key else None,
            "fingerprint": slot.key.fingerprint if slot.key else None,
        }
        for slot in slots
    ]


@app.command()
def apply(
    payload: Payload,
    out: Annotated[Path, typer.Option(dir_okay=False, help="Where to write the new image.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", exists=True, dir_okay=False, help="The image on the machine before; for deltas."
        ),
    ] = None,
    old_kernel: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The kernel before.")
    ] = None,
    kernel_out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Where to write the kernel.")
    ] = None,
    key: Annotated[
        list[Path],
        typer.Option(
            "--key", metavar="PUB.pem", exists=True, dir_okay=False, help="Verify with this public key first."
        ),
    ] = [],
    profile: ProfileName = None,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Apply a payload as a client would, in place and in order, and compare with the hash it promises.

    Without --key the signature is not looked at. --out may be the file of --from, and --kernel-out
    that of --old-kernel: each is replaced when everything is right, and kept when not.
    """
    rules = profile_of(profile)
    read: list[tuple[str, Path | None]] = [("FILE", payload), *(("--key", path) for path in key)]
    _check_output("--out", out, *read, ("--old-kernel", old_kernel))
    _check_output("--kernel-out", kernel_out, *read, ("--from", source), ("--out", out))
    keys = [load_payload_key(path) for path in key]
    slots: tuple[VerifiedSlot, ...] = ()
    with open_payload(payload) as opened:
        if keys:
            slots = verify_payload(opened, keys, rules)
            opened.check_unchanged()
        applied = apply_payload(
            opened,
            out,
            source=source,
            old_kernel=old_kernel,
            kernel_out=kernel_out,
            profile=rules,
            workers=workers,
        )
    if as_json:
        said = {"payload": str(payload), "profile": profile, "verified": bool(keys)}
        emit({**said, "signatures": _slots(slots), **_applied(applied, out, kernel_out)})
        return
    say(f"{out}: {applied.image.size:,} bytes, {applied.image.sha256}")
    if applied.kernel is not None and kernel_out is not None:
        say(f"{kernel_out}: {applied.kernel.size:,} bytes, {applied.kernel.sha256}")
    if not key:
        say("note: the signature was not verified; give --key to do so")


def _applied(applied: Applied, out: Path, kernel_out: Path | None) -> dict[str, Json]:
    return {
        "image": _file(applied.image, out),
        "kernel": None if applied.kernel is None else _file(applied.kernel, kernel_out),
        "operations": dict(applied.operations),
        "skipped": list(applied.skipped),
    }


def _file(digests: FileDigests, path: Path | None) -> dict[str, Json]:
    """``path`` is None for what was made to be compared only."""
    return {
        "path": None if path is None else str(path),
        "size": digests.size,
        "sha256": digests.sha256.hex,
    }


app.command()(explain)
app.command("public-key")(public_key)

"""`humpyard payload`: build, show, verify and apply one payload file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from release.atomic import check_place
from release.cli.options import AsJson, profile_of
from release.cli.output import emit, say, table, work
from release.cli.passphrase import ask
from release.errors import storage_errors
from release.line.steps import Report, Step
from release.payload.apply import apply_payload
from release.payload.build import BuildOrder, build_payload
from release.payload.check import check_payload
from release.payload.profile import FLATCAR
from release.payload.reader import describe
from release.signing import open_signer
from release.signing.payload_signature import sign_payload, verify_payload
from release.signing.signer import DigestSigner
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
    workers: Annotated[int, typer.Option(min=1, max=256, help="Threads. The bytes do not depend on it.")] = 2,
) -> None:
    """Build a full payload, or with --from a delta.

    Without --sign the payload is unsigned. It appears at --out whole, or not at all.
    """
    check_place(out)
    signers = [open_signer(uri, ask) for uri in sign]
    order = BuildOrder(
        new_image=new_image,
        out=out.with_name(f".{out.name}.unsigned") if signers else out,
        old_image=old_image,
        kernel=kernel,
        old_kernel=old_kernel,
        profile=profile_of(profile) or FLATCAR,
        signature_sizes=tuple(signer.key.size for signer in signers),
        workers=workers,
    )
    (line,) = work((Step("build", f"build {out.name}", lambda report: _build(order, out, signers, report)),))
    say(f"{out}: {line}")


def _build(order: BuildOrder, out: Path, signers: list[DigestSigner], report: Report) -> str:
    built = build_payload(order, progress=report)
    if signers:
        _sign(order.out, out, signers)
    counts = ", ".join(f"{count:,} {name}" for name, count in built.operations.items())
    return f"{built.size:,} bytes, {counts or 'no operations'}, {len(signers)} signatures"


def _sign(unsigned: Path, out: Path, signers: list[DigestSigner]) -> None:
    with storage_errors(out):
        try:
            sign_payload(unsigned, signers, [signer.key for signer in signers])
            unsigned.replace(out)
        finally:
            unsigned.unlink(missing_ok=True)


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
def verify(payload: Payload, key: Keys, profile: ProfileName = None) -> None:
    """Verify a payload's signature as a client does, its form, and every operation's hash.

    What it makes when applied is not checked here: `humpyard payload apply` does.
    """
    rules = profile_of(profile)
    slots = verify_payload(payload, [load_payload_key(path) for path in key], rules)
    check_payload(payload, rules)
    for slot in slots:
        note = "what clients check" if slot.counts else "not looked at by these clients"
        say(f"signature version {slot.version}: {slot.key or 'by none of the given keys'} ({note})")
    say(f"{payload}: verified")


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
) -> None:
    """Apply a payload as a client would, in place and in order, and compare with the hash it promises.

    Without --key the signature is not looked at.
    """
    rules = profile_of(profile)
    if key:
        verify_payload(payload, [load_payload_key(path) for path in key], rules)
    applied = apply_payload(
        payload, out, source=source, old_kernel=old_kernel, kernel_out=kernel_out, profile=rules
    )
    say(f"{out}: {applied.image.size:,} bytes, {applied.image.sha256}")
    if applied.kernel is not None and kernel_out is not None:
        say(f"{kernel_out}: {applied.kernel.size:,} bytes, {applied.kernel.sha256}")
    if not key:
        say("note: the signature was not verified; give --key to do so")

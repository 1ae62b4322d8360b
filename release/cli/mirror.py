"""`humpyard verify`: check a published release from the outside, with public keys only."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from release.bundle.verify import Report, verify_release
from release.canonical import Json
from release.catalog.naming import NamingScheme
from release.cli.options import AsJson, version_of
from release.cli.output import emit, say
from release.errors import NotVerifiedError, storage_errors
from release.line.verification import release_checks
from release.payload.signature_blob import MOST_SIGNATURES
from release.settings import load_settings
from release.signing.trusted_keys import load_payload_key
from release.signing.verifying import AllowListVerifier, verifier_from_keys
from release.wiring import open_mirror

_KeyFiles = list[Path]


def verify(
    mirror: Annotated[
        str, typer.Argument(metavar="MIRROR", help="A directory, http(s)://... or s3://BUCKET/PREFIX.")
    ],
    version: Annotated[str, typer.Argument(metavar="VERSION", help="The release to verify.")],
    product: Annotated[str, typer.Option(help="Whose release it must be.")],
    release_key: Annotated[
        _KeyFiles, typer.Option(exists=True, dir_okay=False, help="The pipeline's OpenPGP public keys.")
    ],
    payload_key: Annotated[
        _KeyFiles, typer.Option(exists=True, dir_okay=False, help="RSA public keys of payloads (PEM).")
    ],
    build_key: Annotated[
        _KeyFiles,
        typer.Option(exists=True, dir_okay=False, help="OpenPGP public keys that may sign image sets."),
    ] = [],
    settings: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Settings with the product's own file names."),
    ] = None,
    payload_signatures: Annotated[
        int,
        typer.Option(
            metavar="K",
            min=1,
            max=MOST_SIGNATURES,
            help="How many different payload keys must have signed each payload.",
        ),
    ] = 1,
    prove: Annotated[
        bool, typer.Option("--prove", help="Also apply every full payload and compare the image.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check a release on any mirror, step by step, with public keys only.

    Give only keys that you got from somewhere else than the mirror. Keys of the build system count
    for files of image sets and for nothing else; without any, the pipeline must have signed those,
    too. Needs no settings, takes nothing but file names from them, and writes only temporary files.

    With --payload-signatures 2, say, two different payload keys must have signed. That is for you to
    know: machines are content with one (update_engine the first of version 2, ue-rs any).
    """
    wanted = version_of(version)
    naming = NamingScheme() if settings is None else load_settings(settings).naming
    keys = [load_payload_key(path) for path in payload_key]
    with ExitStack() as stack:
        signatures = _verifier(release_key, stack)
        image_signatures = _verifier(build_key, stack) if build_key else signatures
        checks = release_checks(signatures, image_signatures, keys, prove=prove, needed=payload_signatures)
        scratch = stack.enter_context(_scratch())
        report = verify_release(
            open_mirror(mirror), wanted, product=product, checks=checks, scratch=scratch, naming=naming
        )
    _tell(report, as_json=as_json)


def _verifier(files: Sequence[Path], stack: ExitStack) -> AllowListVerifier:
    home, known = verifier_from_keys(files)
    return AllowListVerifier(stack.enter_context(home), known)


@contextmanager
def _scratch() -> Iterator[Path]:
    temporary = Path(tempfile.gettempdir())
    with storage_errors(temporary), tempfile.TemporaryDirectory(prefix="humpyard-") as scratch:
        yield Path(scratch)


def _tell(report: Report, *, as_json: bool) -> None:
    version = str(report.version)
    if as_json:
        steps: list[Json] = [
            {"number": one.number, "title": one.title, "passed": one.passed, "detail": one.detail}
            for one in report.steps
        ]
        emit({"version": version, "release": str(report.digest), "verified": report.ok, "steps": steps})
    else:
        for one in report.steps:
            say(f"{'ok    ' if one.passed else 'FAILED'} {one.number}. {one.title}: {one.detail}")
    if not report.ok:
        raise NotVerifiedError(f"release {version} is not verified")
    if not as_json:
        say(f"release {version} is verified, digest {report.digest}")

"""`humpyard verify`: check a published release from the outside, with public keys only."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from release.bundle.verify import verify_release
from release.canonical import Json
from release.cli.options import AsJson, version_of
from release.cli.output import emit, say
from release.errors import NotVerifiedError, storage_errors
from release.line.verification import release_checks
from release.signing.openpgp import AllowListVerifier, verifier_from_keys
from release.signing.trusted_keys import load_payload_key
from release.wiring import open_mirror


def verify(
    mirror: Annotated[
        str, typer.Argument(metavar="MIRROR", help="A directory, http(s)://... or s3://BUCKET/PREFIX.")
    ],
    version: Annotated[str, typer.Argument(metavar="VERSION", help="The release to verify.")],
    product: Annotated[str, typer.Option(help="Whose release it must be.")],
    release_key: Annotated[
        list[Path],
        typer.Option(exists=True, dir_okay=False, help="OpenPGP public keys: pipeline and build."),
    ],
    payload_key: Annotated[
        list[Path], typer.Option(exists=True, dir_okay=False, help="RSA public keys of payloads (PEM).")
    ],
    prove: Annotated[
        bool, typer.Option("--prove", help="Also apply every full payload and compare the image.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check a release on any mirror, step by step, with public keys only.

    Signatures by every given OpenPGP key count, so give only keys that you got from somewhere else
    than the mirror. Needs no settings and writes nothing but temporary files.
    """
    wanted = version_of(version)
    home, known = verifier_from_keys(release_key)
    temporary = Path(tempfile.gettempdir())
    with home, storage_errors(temporary), tempfile.TemporaryDirectory(prefix="humpyard-") as scratch:
        report = verify_release(
            open_mirror(mirror),
            wanted,
            product=product,
            checks=release_checks(
                AllowListVerifier(home, known), [load_payload_key(path) for path in payload_key], prove=prove
            ),
            scratch=Path(scratch),
        )
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

"""`humpyard audit`: derive everything anew from public keys and a mirror, and report each break."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from release.atomic import check_place
from release.audit.finding import Finding, Severity
from release.audit.report import AuditReport
from release.bundle.verify import Checks
from release.catalog.naming import NamingScheme
from release.cli.options import AsJson
from release.cli.output import emit, say
from release.cli.outside import open_keyring, scratch_space
from release.errors import InputError, NotVerifiedError
from release.ledger.fold import Trust
from release.line.audit_releases import ReleaseVerification
from release.line.auditing import Auditor, audit
from release.line.verification import release_checks
from release.settings import load_settings
from release.signing.key_health import read_certificates
from release.signing.trusted_keys import PayloadKey, load_payload_key
from release.signing.verifying import AllowListVerifier
from release.trust.seen import Seen, read_seen, remember
from release.wiring import KeyringVerifier, open_mirror, utc_now

_KeyFiles = list[Path]
_MARKS = {Severity.BREAK: "BREAK  ", Severity.WARNING: "warning", Severity.NOTE: "note   "}


def audit_mirror(
    mirror: Annotated[
        str, typer.Argument(metavar="MIRROR", help="A directory, http(s)://... or s3://BUCKET/PREFIX.")
    ],
    product: Annotated[str, typer.Option(help="Whose mirror it must be.")],
    pipeline_key: Annotated[
        _KeyFiles,
        typer.Option(
            exists=True, dir_okay=False, help="The pipeline's OpenPGP public keys, those of before, too."
        ),
    ],
    people_key: Annotated[
        _KeyFiles,
        typer.Option(exists=True, dir_okay=False, help="OpenPGP public keys of everybody who decides."),
    ],
    releases: Annotated[
        bool, typer.Option("--releases", help="Also verify every file of every registered release.")
    ] = False,
    payload_key: Annotated[
        _KeyFiles,
        typer.Option(exists=True, dir_okay=False, help="With --releases: RSA public keys of payloads (PEM)."),
    ] = [],
    build_key: Annotated[
        _KeyFiles,
        typer.Option(
            exists=True, dir_okay=False, help="With --releases: OpenPGP public keys that sign image sets."
        ),
    ] = [],
    state: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="A file that remembers where the mirror was, between audits."),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Settings with the product's own file names and, for s3://, the endpoint.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Derive the whole state anew from public keys and the mirror, and report each break.

    Every signature, every link of the ledger, every decision (asked again, of the state and the policy
    of its time), every pointer, the signed head, and everything that the ledger names by digest. It
    goes on after a break. Exit code 1 when there is any; warnings and notes are only printed.

    Give only keys that you got from somewhere else than the mirror. Needs no settings, takes nothing
    from them but file names and the endpoint of S3, and writes only temporary files and the one of
    --state.
    """
    if releases and not payload_key:
        raise typer.BadParameter("expected the keys of payloads, too", param_hint="--payload-key")
    options = None if settings is None else load_settings(settings)
    naming = NamingScheme() if options is None else options.naming
    store = None if options is None else options.store
    if state is not None:
        check_place(state)
    with ExitStack() as stack:
        pipeline, pipeline_keys = open_keyring(pipeline_key, stack)
        home, known = open_keyring([*pipeline_key, *people_key], stack)
        auditor = Auditor(
            product=product,
            trust=Trust(pipeline=pipeline_keys, people=known - pipeline_keys),
            verifier=KeyringVerifier(home, known),
            certificates=read_certificates(home.list_public_keys()),
            clock=utc_now,
            naming=naming,
            seen=None if state is None else _seen(state, product),
        )
        if releases:
            signatures = AllowListVerifier(pipeline, pipeline_keys)
            images = AllowListVerifier(*open_keyring(build_key, stack)) if build_key else signatures
            check = _release_check(product, signatures, images, payload_key, naming, stack)
            auditor = replace(auditor, release_check=check)
        report = audit(open_mirror(mirror, store), auditor)
    if state is not None and report.seen is not None:
        remember(state, report.seen)
    _tell(report, as_json=as_json)


def _seen(path: Path, product: str) -> Seen | None:
    seen = read_seen(path)
    if seen is not None and seen.product != product:
        raise InputError(f"{path}: is about {seen.product!r}, not {product!r}")
    return seen


def _release_check(
    product: str,
    signatures: AllowListVerifier,
    images: AllowListVerifier,
    payload_key: Sequence[Path],
    naming: NamingScheme,
    stack: ExitStack,
) -> ReleaseVerification:
    """How each registered release is verified, all of its files."""
    keys = tuple(load_payload_key(path) for path in payload_key)
    return ReleaseVerification(
        product=product,
        checks=lambda _channel, at: _checks(signatures, images, keys, at),
        scratch=stack.enter_context(scratch_space()),
        naming=naming,
    )


def _checks(
    signatures: AllowListVerifier,
    images: AllowListVerifier,
    keys: Sequence[PayloadKey],
    at: datetime | None,
) -> Checks:
    if at is not None:
        signatures, images = signatures.at(at), images.at(at)
    return release_checks(signatures, images, keys, prove=False)


def _tell(report: AuditReport, *, as_json: bool) -> None:
    if as_json:
        emit(report.as_json())
    else:
        for severity in Severity:
            for one in report.of(severity):
                _show(one)
        say(report.summary)
    if report.broken:
        raise NotVerifiedError(
            f"the mirror of {report.product} does not hold what it says",
            hint="what each finding means: docs/audit.md",
        )
    if not as_json:
        say(f"the mirror of {report.product} holds what it says, up to {report.last}")


def _show(one: Finding) -> None:
    say(f"{_MARKS[one.severity]} {one.code}: {one.where}")
    say(f"          expected {one.expected}")
    say(f"          found    {one.found}")
    if one.hint:
        say(f"          hint     {one.hint}")

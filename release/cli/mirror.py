"""`humpyard verify`: check a mirror from the outside, with public keys only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from release.atomic import check_place
from release.bundle.verify import Checks, Report, verify_release
from release.canonical import Json
from release.catalog.naming import HEAD_FILE, NamingScheme
from release.catalog.version import Version
from release.cli.options import AsJson, board_of, version_of
from release.cli.output import emit, say
from release.cli.outside import open_keyring, scratch_space
from release.errors import NotVerifiedError
from release.ledger.fields import format_time
from release.ledger.fold import Trust
from release.line.channel_verification import ChannelReport, verify_channel
from release.line.verification import release_checks
from release.mirror.pace import Pace
from release.payload.signature_blob import MOST_SIGNATURES
from release.settings import load_settings
from release.signing.trusted_keys import PayloadKey, load_payload_key
from release.signing.verifying import AllowListVerifier
from release.trust.head import ChannelStatus
from release.trust.seen import read_seen, remember
from release.trust.verify import Visitor
from release.wiring import KeyringVerifier, open_mirror, utc_now

_KeyFiles = list[Path]
_PACE = Pace()


def verify(
    mirror: Annotated[
        str, typer.Argument(metavar="MIRROR", help="A directory, http(s)://... or s3://BUCKET/PREFIX.")
    ],
    product: Annotated[str, typer.Option(help="Whose release it must be.")],
    release_key: Annotated[
        _KeyFiles, typer.Option(exists=True, dir_okay=False, help="The pipeline's OpenPGP public keys.")
    ],
    payload_key: Annotated[
        _KeyFiles, typer.Option(exists=True, dir_okay=False, help="RSA public keys of payloads (PEM).")
    ],
    version: Annotated[
        str | None,
        typer.Argument(metavar="VERSION", help="The release to verify; with --channel, what it must be at."),
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="Verify what this channel offers, and that it is no old news.")
    ] = None,
    board: Annotated[
        str | None, typer.Option(help="With --channel: for this board. [default: all of the release]")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="With --channel: a file that remembers the newest head ever seen, between runs.",
        ),
    ] = None,
    people_key: Annotated[
        _KeyFiles,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="With --channel: OpenPGP public keys of all people, to verify what they signed, too.",
        ),
    ] = [],
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
    patience: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=1,
            help=f"How long a web server may stay below {_PACE.rate / 1000:g} kB/s before it is left alone.",
        ),
    ] = _PACE.patience,
    as_json: AsJson = False,
) -> None:
    """Check a release on any mirror, step by step, with public keys only.

    With --channel: that head.json is signed by the pipeline, fresh, and not older than what was seen
    before (--state); that the ledger is the one it names; that the channel's pointers agree; and the
    release itself, for this channel and board. Without --channel: the release of a VERSION.

    Give only keys that you got from somewhere else than the mirror. Keys of the build system count
    for files of image sets and for nothing else; without any, the pipeline must have signed those,
    too. Needs no settings, takes nothing but file names from them, and writes only temporary files and
    the one of --state.

    With --payload-signatures 2, say, two different payload keys must have signed. That is for you to
    know: machines are content with one (update_engine the first of version 2, ue-rs any).
    """
    wanted = None if version is None else version_of(version)
    _check_usage(wanted, channel, {"--board": board, "--state": state, "--people-key": people_key})
    naming = NamingScheme() if settings is None else load_settings(settings).naming
    source = open_mirror(mirror, pace=Pace(patience=patience))
    with ExitStack() as stack:
        signatures = _verifier(release_key, stack)
        keys = _Keys(
            signatures=signatures,
            image_signatures=_verifier(build_key, stack) if build_key else signatures,
            payload=tuple(load_payload_key(path) for path in payload_key),
            needed=payload_signatures,
            prove=prove,
        )
        scratch = stack.enter_context(scratch_space())
        if channel is None and wanted is not None:
            checks = keys.checks(None)
            report = verify_release(
                source, wanted, product=product, checks=checks, scratch=scratch, naming=naming
            )
            _tell(report, as_json=as_json)
            return
        found = verify_channel(
            source,
            _visitor(product, release_key, people_key, state, stack),
            channel or "",
            None if board is None else board_of(board),
            version=wanted,
            checks=keys.checks,
            scratch=scratch,
            naming=naming,
            remember=lambda seen: None if state is None else remember(state, seen),
        )
    _tell_channel(found, people=bool(people_key), as_json=as_json)


def _check_usage(version: Version | None, channel: str | None, given: Mapping[str, object]) -> None:
    if channel is not None:
        return
    stray = [name for name, value in given.items() if value]
    if stray:
        raise typer.BadParameter("is about a channel: say which with --channel", param_hint=stray[0])
    if version is None:
        raise typer.BadParameter("expected a version, or a --channel", param_hint="VERSION")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    """Whom the command line trusts, and how much it asks for."""

    signatures: AllowListVerifier
    image_signatures: AllowListVerifier
    payload: tuple[PayloadKey, ...]
    needed: int
    prove: bool

    def checks(self, at: datetime | None) -> Checks:
        """The checks of a release, with OpenPGP keys judged as they were ``at`` a time, or now."""
        pair = (self.signatures, self.image_signatures)
        signatures, image_signatures = pair if at is None else (one.at(at) for one in pair)
        return release_checks(
            signatures, image_signatures, self.payload, prove=self.prove, needed=self.needed
        )


def _visitor(
    product: str, pipeline: Sequence[Path], people: Sequence[Path], state: Path | None, stack: ExitStack
) -> Visitor:
    """Who looks at the mirror: the keys of the pipeline and of people, and what is remembered."""
    _, trusted = open_keyring(pipeline, stack)
    home, known = open_keyring([*pipeline, *people], stack)
    trust = Trust(pipeline=frozenset(trusted), people=frozenset(known) - frozenset(trusted))
    if state is not None:
        check_place(state)
    return Visitor(
        product=product,
        trust=trust,
        verifier=KeyringVerifier(home, frozenset(known)),
        now=utc_now(),
        seen=None if state is None else read_seen(state),
    )


def _verifier(files: Sequence[Path], stack: ExitStack) -> AllowListVerifier:
    return AllowListVerifier(*open_keyring(files, stack))


def _tell(report: Report, *, as_json: bool) -> None:
    if as_json:
        emit(_report_json(report))
    else:
        _say_steps(report)
    if not report.ok:
        raise NotVerifiedError(
            f"release {report.version} is not verified",
            hint="where its files are missing, and its documents are there, it may have been collected:"
            " the ledger tells (docs/retention.md)",
        )
    if not as_json:
        say(f"release {report.version} is verified, digest {report.digest}")


def _tell_channel(found: ChannelReport, *, people: bool, as_json: bool) -> None:
    report, head, channel = found.release, found.visit.head, found.visit.channel
    if as_json:
        emit({**_report_json(report), **_channel_json(found, people=people)})
    else:
        _say_head(found, people=people)
        _say_steps(report)
    if not report.ok:
        raise NotVerifiedError(f"{channel}: release {report.version} is not verified")
    if not as_json:
        say(f"{channel} is verified: {head.status} is {report.version}, digest {report.digest}")


def _say_head(found: ChannelReport, *, people: bool) -> None:
    mirror, head, channel = found.visit.mirror, found.visit.head, found.visit.channel
    said = mirror.head
    fresh = f"of {format_time(said.issued)}, fresh until {format_time(said.expires)}"
    say(f"ok     {HEAD_FILE}: signed by {mirror.signer}, {fresh}")
    whose = "every signature verified" if people else "on the pipeline's word: no keys of people were given"
    say(f"ok     ledger: ends with entry {said.ledger.sequence} as the head says; {whose}")
    if head.status is ChannelStatus.PAUSED:
        say(f"PAUSED {channel}: machines are not offered {head.version} at the moment")
    boards = ", ".join(map(str, found.visit.pointers))
    copies = f", {found.copies} files of the channel compared" if found.copies else ""
    since = f"{head.version} since {format_time(head.since)}"
    say(f"ok     {channel}: at {since}, pointers of {boards} agree{copies}")


def _say_steps(report: Report) -> None:
    for one in report.steps:
        say(f"{'ok    ' if one.passed else 'FAILED'} {one.number}. {one.title}: {one.detail}")


def _report_json(report: Report) -> dict[str, Json]:
    steps: list[Json] = [
        {"number": one.number, "title": one.title, "passed": one.passed, "detail": one.detail}
        for one in report.steps
    ]
    return {
        "version": str(report.version),
        "release": str(report.digest),
        "verified": report.ok,
        "steps": steps,
    }


def _channel_json(found: ChannelReport, *, people: bool) -> dict[str, Json]:
    mirror, head = found.visit.mirror, found.visit.head
    return {
        "channel": found.visit.channel,
        "boards": [str(board) for board in found.visit.pointers],
        "status": head.status.value,
        "frozen": head.frozen,
        "since": format_time(head.since),
        "end_of_life": None if head.end_of_life is None else format_time(head.end_of_life),
        "head": {
            "signed_by": mirror.signer,
            "issued": format_time(mirror.head.issued),
            "expires": format_time(mirror.head.expires),
            "ledger": {
                "sequence": mirror.head.ledger.sequence,
                "digest": str(mirror.head.ledger.digest),
            },
        },
        "people_verified": people,
    }

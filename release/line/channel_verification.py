"""Verifying what a channel of any mirror offers, with public keys only: head, ledger, pointers, release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from release.bundle.layout import derived_files, shipped
from release.bundle.release import Release
from release.bundle.verify import Checks, Report, verify_release
from release.catalog.board import Board
from release.catalog.naming import NamingScheme, image_prefix
from release.catalog.version import Version
from release.digests import Digest, Hasher, chunks
from release.errors import InputError, NotVerifiedError
from release.line.checking import verified_at
from release.line.visiting import ChannelVisit, MirrorSource, forget, visit_channel
from release.trust.seen import Seen
from release.trust.verify import MixedError, Visitor, check_pointer_text

_SIGNATURE_LIMIT = 64 << 10

ChecksAt = Callable[[datetime | None], Checks]
"""The checks of a release, with keys judged as they were at a time (aware, UTC), or now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelReport:
    """What was found. ``copies`` counts the files that the channel has of a release built for another."""

    visit: ChannelVisit
    release: Report
    copies: int


def verify_channel(
    source: MirrorSource,
    visitor: Visitor,
    channel: str,
    board: Board | None,
    *,
    version: Version | None = None,
    checks: ChecksAt,
    scratch: Path,
    naming: NamingScheme,
    remember: Callable[[Seen], None] = forget,
) -> ChannelReport:
    """All rules of ``release.trust.verify``, then the release that the channel is at.

    Its keys are judged as they were when the pipeline recorded that it had verified the release: it is
    the very release, since the ledger names its digest.

    Args:
        source: the mirror.
        visitor: who looks, and what they know.
        channel: which one.
        board: which one; None is all boards of the release.
        version: what the channel must be at; None is whatever it is at.
        checks: with the keys to be trusted.
        scratch: an existing directory with room for the largest file.
        naming: what the product calls its files.
        remember: see ``release.line.visiting.visit``.

    Returns:
        The report; steps of the release may have failed, for the caller to tell.

    Raises:
        NotVerifiedError: a rule does not hold, or the mirror serves another release than it names.
        InputError: there is no such channel.
        UnavailableError: the mirror does not answer, or too slowly. Says nothing about the rest.
    """
    found = visit_channel(source, visitor, channel, board, naming=naming, remember=remember)
    head = found.head
    if version not in {None, head.version}:
        raise NotVerifiedError(f"{channel}: expected it to be at {version}, it is at {head.version}")
    report = verify_release(
        source,
        head.version,
        product=visitor.product,
        checks=checks(verified_at(found.mirror.state, head.version)),
        scratch=scratch,
        naming=naming,
    )
    if report.digest is not None and report.digest != head.release:
        raise MixedError(
            f"release {head.version}: expected {head.release} as the head says, found {report.digest}"
        )
    copies = 0
    if report.release is not None and report.ok:
        for one, text in found.pointers.items():
            check_pointer_text(channel, one, text, _version_file(report.release, one, naming))
        copies = verify_copies(source, report.release, channel, tuple(found.pointers), naming)
    return ChannelReport(visit=found, release=report, copies=copies)


def _version_file(release: Release, board: Board, naming: NamingScheme) -> Digest | None:
    files = release.board(board).files
    return next((one.sha256 for one in files if one.name == naming.version_file), None)


def verify_copies(
    source: MirrorSource, release: Release, channel: str, boards: Sequence[Board], naming: NamingScheme
) -> int:
    """Compare the image files that a channel has of a release with those it was built with.

    Files, their DIGESTS and their signatures; the originals must have been verified. Returns how many
    there are, 0 in the channel that the release was built for.

    Raises:
        NotVerifiedError: names the first that is missing or differs.
    """
    if channel == release.channel:
        return 0
    count = 0
    for item in shipped(release):
        board = item.board.board
        if item.payload is not None or board not in boards:
            continue
        origin = image_prefix(release.channel, board, release.version)
        copy = image_prefix(channel, board, release.version)
        _compare(source, copy + item.artifact.name, item.artifact.size, item.artifact.sha256)
        derived = derived_files(item, naming)
        for key, data in derived.items():
            _compare(source, copy + key.removeprefix(origin), len(data), Digest.sha256(data))
        for key in (item.key, *derived):
            signature = source.read(key + naming.signature_suffix, _SIGNATURE_LIMIT)
            where = copy + key.removeprefix(origin) + naming.signature_suffix
            _compare(source, where, len(signature), Digest.sha256(signature))
        count += 2 * (1 + len(derived))
    return count


def _compare(source: MirrorSource, key: str, size: int, sha256: Digest) -> None:
    """Read at most a byte more than there should be: endless data ends here."""
    hasher = Hasher()
    try:
        with source.open(key) as stream:
            for data in chunks(stream, size + 1):
                hasher.update(data)
    except InputError as error:
        raise NotVerifiedError(error.message, hint=error.hint) from error
    found = hasher.result()
    if (found.size, found.sha256) != (size, sha256):
        more = "more" if found.size > size else f"{found.size} bytes, {found.sha256}"
        raise NotVerifiedError(f"{key}: expected {size} bytes, {sha256}, found {more}")

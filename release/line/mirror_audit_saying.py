"""What a mirror says, compared with the origin's ledger: its head, pointers and channel documents. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from release.audit.documents import Had
from release.audit.finding import Code, Finding
from release.audit.mirror_head import OpenedHead, check_mirror_head, open_mirror_head
from release.audit.pointers import GRACE, Place, PointerAudit, pointer_findings
from release.catalog.board import Board
from release.catalog.naming import HEAD_FILE, NamingScheme
from release.catalog.version import Version
from release.digests import Digest
from release.errors import NotVerifiedError
from release.ledger.chain import Chain, StatementVerifier
from release.ledger.fields import format_time
from release.ledger.fold import Trust
from release.ledger.state import Head
from release.promotion.delivery import MirrorSite
from release.trust.channel_document import (
    ChannelDocument,
    ChannelDocumentError,
    channel_document_key,
    read_channel_document,
    unseal_channel,
)

_SYNC = "humpyard mirrors sync brings it up; if it stays so, somebody holds it back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the mirror should say. ``versions`` are digests of version files, by version and board.

    ``keys`` are those that are, or were, the pipeline's.
    """

    chain: Chain
    trust: Trust
    keys: frozenset[str]
    verifier: StatementVerifier
    versions: Mapping[tuple[Version, Board], Digest]
    naming: NamingScheme
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a mirror serves: the bytes of its head, pointers and channel documents, by key."""

    had: Mapping[str, Had]


def places_of(origin: Origin, site: MirrorSite) -> tuple[tuple[Head, Board], ...]:
    """Channels and boards that the mirror is to show, with the head of each channel."""
    state = origin.chain.state
    return tuple(
        (head, board)
        for head in state.heads.values()
        if site.serves(head.channel)
        for board in state.releases[head.version].boards
    )


def head_findings(origin: Origin, had: Had) -> tuple[OpenedHead, tuple[Finding, ...]]:
    """The mirror's head: fresh, signed, and not behind the ledger for long."""
    opened = open_mirror_head(had, origin.verifier, origin.trust, origin.now)
    entries = origin.chain.entries
    found = [*opened.findings]
    if opened.head is not None:
        place = opened.head.ledger.sequence
        named = place < len(entries)
        if named and entries[place].digest != opened.head.ledger.digest:
            found.append(
                Finding(
                    code=Code.LEDGER_FORKED,
                    where=HEAD_FILE,
                    expected=f"entry {place} to be {entries[place].digest}, as at the origin",
                    found=str(opened.head.ledger.digest),
                    hint="there are two ledgers, or a key in wrong hands",
                )
            )
        told = check_mirror_head(opened, None, len(entries) - 1)
        found += [_late_head(one, place, origin) for one in told]
    return opened, tuple(found)


def _late_head(finding: Finding, place: int, origin: Origin) -> Finding:
    """A head that is behind for long is no matter of a run that is under way."""
    if finding.code is not Code.HEAD_BEHIND:
        return finding
    since = origin.chain.entries[place + 1].entry.time
    late = origin.now - since > GRACE
    return Finding(
        code=Code.HEAD_STALE if late else Code.HEAD_BEHIND,
        where=finding.where,
        expected=finding.expected,
        found=f"{finding.found}, since {format_time(since)}",
        hint=_SYNC,
    )


def pointer_findings_of(origin: Origin, site: MirrorSite, said: Said) -> Iterator[Finding]:
    """Every pointer that the mirror is to have, to the last byte."""
    audit = PointerAudit(
        state=origin.chain.state, versions=origin.versions, naming=origin.naming, now=origin.now
    )
    places = (Place(channel=head.channel, board=board) for head, board in places_of(origin, site))
    yield from pointer_findings({place: said.had[place.key] for place in places}, audit)


def channel_findings(origin: Origin, site: MirrorSite, said: Said, opened: OpenedHead) -> Iterator[Finding]:
    """Every channel document that the mirror is to have: signed, fresh, and where the ledger is."""
    for head, board in places_of(origin, site):
        key = channel_document_key(head.channel, board)
        had = said.had[key]
        if had.data is None:
            code = Code.CHANNEL_MISSING if had.absent else Code.CHANNEL_FORGED
            yield _finding(code, key, "a document that the pipeline signed", had.problem or "none")
            continue
        try:
            document = _opened(origin, key, had.data)
        except NotVerifiedError as error:
            yield _finding(Code.CHANNEL_FORGED, key, "a document that the pipeline signed", error.message)
            continue
        yield from _compared(origin, key, document, head)
        yield from _with_head(key, document, opened)


def _opened(origin: Origin, key: str, data: bytes) -> ChannelDocument:
    sealed = unseal_channel(data, key)
    document = read_channel_document(sealed.body, key)
    signer = origin.verifier.verify(sealed.signed_bytes, sealed.signature, at=document.issued)
    if signer not in origin.keys:
        raise ChannelDocumentError(f"signed by {signer}, which is no key of the pipeline")
    if channel_document_key(document.channel, document.board) != key:
        raise ChannelDocumentError(f"is of {document.channel}/{document.board}")
    return document


def _compared(origin: Origin, key: str, document: ChannelDocument, head: Head) -> Iterator[Finding]:
    now = origin.now
    if now >= document.expires:
        holds = f"one that holds at {format_time(now)}"
        yield _finding(Code.CHANNEL_EXPIRED, key, holds, f"expired {format_time(document.expires)}")
    offered = document.offers[0].release
    there = f"{offered.version}, generation {document.generation}"
    expected = f"{head.version}, generation {head.generation}, since {format_time(head.since)}"
    if document.generation < head.generation:
        late = now - head.since > GRACE
        yield _finding(Code.CHANNEL_STALE if late else Code.CHANNEL_LAGGING, key, expected, there)
    elif (document.generation, offered.version, offered.release) != (
        head.generation,
        head.version,
        head.release,
    ):
        yield _finding(Code.CHANNEL_DIFFERS, key, expected, f"{there}, {offered.release}")


def _with_head(key: str, document: ChannelDocument, opened: OpenedHead) -> Iterator[Finding]:
    """Both were signed by the pipeline; on one mirror they belong together, but for the time of a move."""
    said = None if opened.head is None else opened.head.channels.get(document.channel)
    if said is not None and said.generation != document.generation:
        yield _finding(
            Code.CHANNEL_LAGGING,
            key,
            f"generation {said.generation}, as {HEAD_FILE} of this mirror says",
            f"generation {document.generation}",
        )


def lacking_findings(lacks: Sequence[object]) -> Iterator[Finding]:
    """Releases that the mirror is to have, and that the ledger does not say it has."""
    for place in lacks:
        yield Finding(
            code=Code.RELEASE_LACKING,
            where=str(place),
            expected="brought there and verified",
            found="not recorded: machines are not sent here for it",
            hint="humpyard mirrors sync",
        )


def keys_of(origin: Origin, site: MirrorSite) -> Collection[str]:
    """What is read for all of this."""
    found = {HEAD_FILE}
    for head, board in places_of(origin, site):
        found |= {Place(channel=head.channel, board=board).key, channel_document_key(head.channel, board)}
    return found


def _finding(code: Code, where: str, expected: str, found: str) -> Finding:
    return Finding(code=code, where=where, expected=expected, found=found, hint=_SYNC)

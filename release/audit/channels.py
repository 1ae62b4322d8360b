"""The channel documents, compared with what the ledger says machines are to be offered. Pure.

Whoever has the pipeline's key alone can sign a document that offers anything; here it is derived anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from release.audit.documents import Had, JudgedRelease
from release.audit.finding import Code, Finding
from release.bundle.release import Release
from release.catalog.board import Board
from release.catalog.version import Version
from release.errors import HumpyardError, InputError, NotVerifiedError
from release.ledger.chain import StatementVerifier
from release.ledger.entries import CLOCK_SKEW
from release.ledger.fields import format_time
from release.ledger.state import State
from release.promotion.policy import Policy
from release.promotion.rules_delivery import floors_of
from release.trust.channel_document import (
    ChannelDocument,
    ChannelDocumentError,
    channel_document_key,
    read_channel_document,
    unseal_channel,
)
from release.trust.channel_making import Known, document_of, places_of

Place = tuple[str, Board]
_SIGNED = "a channel document that the pipeline signed"
_REFRESH = "sign one: humpyard head refresh; if that is done on a schedule, find out why it was not"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAudit:
    """What the documents are judged by: the state at the end, its policy, and releases by version."""

    state: State
    policy: Policy
    releases: Mapping[Version, JudgedRelease]
    verifier: StatementVerifier
    now: datetime


def channel_places(state: State) -> tuple[Place, ...]:
    """Where there are to be documents."""
    return tuple(places_of(state))


def channel_findings(had: Mapping[Place, Had], by: ChannelAudit) -> Iterator[Finding]:
    """What is wrong with each document that there is."""
    for place, one in had.items():
        yield from _judged(place, one, by)


def _judged(place: Place, had: Had, by: ChannelAudit) -> Iterator[Finding]:
    where = channel_document_key(*place)
    if had.data is None:
        return  # machines are offered nothing then; `humpyard mirrors audit` tells of one that is missing
    try:
        document = _opened(place, had.data, by)
    except NotVerifiedError as error:
        yield Finding(code=Code.CHANNEL_FORGED, where=where, expected=_SIGNED, found=error.message)
        return
    if document.issued > by.now + CLOCK_SKEW or by.now >= document.expires:
        yield Finding(
            code=Code.CHANNEL_EXPIRED,
            where=where,
            expected=f"one that holds at {format_time(by.now)}",
            found=f"one of {format_time(document.issued)} until {format_time(document.expires)}",
            hint=_REFRESH,
        )
    yield from _compared(place, where, document, by)


def _opened(place: Place, data: bytes, by: ChannelAudit) -> ChannelDocument:
    """Raises NotVerifiedError unless the pipeline signed it, for this place, by a key that is good still."""
    where = channel_document_key(*place)
    sealed = unseal_channel(data, where)
    document = read_channel_document(sealed.body, where)
    for moment in (document.issued, by.now):
        signer = by.verifier.verify(sealed.signed_bytes, sealed.signature, at=moment)
        if signer not in by.state.pipeline_keys:
            raise ChannelDocumentError(f"signed by {signer}, which is no key of the pipeline")
    if (document.product, document.channel, document.board) != (by.state.product, *place):
        raise ChannelDocumentError(f"is of {document.product}, {document.channel}/{document.board}")
    return document


def _compared(place: Place, where: str, said: ChannelDocument, by: ChannelAudit) -> Iterator[Finding]:
    """A document that was made before the last entries may lag; one that was made after them may not."""
    try:
        derived = document_of(_known(place[0], said, by), *place)
    except HumpyardError as error:
        expected = "what the ledger says to be something that can be offered"
        yield Finding(code=Code.CHANNEL_DIFFERS, where=where, expected=expected, found=error.message)
        return
    same = replace(derived, issued=said.issued, expires=said.expires, ledger=said.ledger)
    if same == said and said.expires - said.issued == derived.expires - derived.issued:
        return
    lags = said.ledger.sequence < by.state.sequence
    yield Finding(
        code=Code.CHANNEL_LAGGING if lags else Code.CHANNEL_DIFFERS,
        where=where,
        expected=_told(same),
        found=_told(said),
        hint=(
            "the pipeline's next run signs it; if it stays so: humpyard head refresh"
            if lags
            else "a humpyard of another version may have signed it; else its key is in wrong hands"
        ),
    )


def _known(channel: str, said: ChannelDocument, by: ChannelAudit) -> Known:
    """A change of the payload key makes a floor that only the settings know: one more can only hold back."""
    policy_floors = {floor.version for floor in floors_of(by.policy, channel)}
    more = [one.release.version for one in said.floors if one.release.version not in policy_floors]

    def release(version: Version) -> Release:
        judged = by.releases.get(version)
        if judged is None or judged.release is None:
            raise InputError(f"release {version}: cannot be believed")
        return judged.release

    return Known(
        state=by.state,
        policy=by.policy,
        release=release,
        floors={channel: more[0]} if len(more) == 1 else {},
        issued=said.issued,
    )


def _told(document: ChannelDocument) -> str:
    offers = ", ".join(
        f"{one.release.version} ({one.status}; mirrors: {', '.join(one.release.mirrors) or 'none'})"
        for one in document.offers
    )
    floors = ", ".join(str(one.release.version) for one in document.floors)
    return f"generation {document.generation}: {offers}" + (f"; floors {floors}" if floors else "")

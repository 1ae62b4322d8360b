"""What the channel documents should say, and when they must be signed anew. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from release.bundle.release import PayloadRecord, Release
from release.catalog.board import Board
from release.catalog.version import Version
from release.errors import NotVerifiedError, RefusedError
from release.ledger.entries import CLOCK_SKEW
from release.ledger.fields import format_time
from release.ledger.state import Head, State, base_of
from release.promotion.delivery import AT_ONCE, RolloutRules
from release.promotion.policy import Policy
from release.promotion.rules_delivery import floors_of
from release.trust.channel_document import (
    ChannelDocument,
    FloorRelease,
    Offer,
    OfferedPayload,
    OfferedRelease,
    Rollout,
)
from release.trust.head import ChannelStatus, LedgerPosition

_OFFERS = 3
"""How many releases a document offers: what the channel is at, and what it was at before that holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What documents are made of.

    ``release`` gives a registered one, checked to have the registered digest. ``floors`` are versions by
    channel that machines must pass through besides those of the policy: changes of the payload key.
    """

    state: State
    policy: Policy
    release: Callable[[Version], Release]
    floors: Mapping[str, Version]
    issued: datetime


def places_of(state: State) -> Iterator[tuple[str, Board]]:
    """Every channel that has a release, with every board of it: there is a document of each."""
    for channel in sorted(state.heads):
        for board in state.releases[state.heads[channel].version].boards:
            yield channel, board


def document_of(known: Known, channel: str, board: Board) -> ChannelDocument:
    """The document of a channel for a board.

    Raises:
        RefusedError: a floor at or below what the channel is at cannot be offered: machines that must
            pass through it would be stranded, or would pass it by.
        InputError: a release has no full payload for the board.
    """
    state, head = known.state, known.state.heads[channel]
    return ChannelDocument(
        product=state.product,
        channel=channel,
        board=board,
        issued=known.issued,
        expires=known.issued + known.policy.signing.head_valid_for,
        ledger=LedgerPosition(sequence=state.sequence, digest=state.digest),
        generation=head.generation,
        offers=tuple(_offers(known, head, board)),
        floors=tuple(_floors(known, head, board)),
        mirrors={mirror.name: mirror.url for mirror in known.policy.mirrors_of(channel)},
    )


def _offers(known: Known, head: Head, board: Board) -> Iterator[Offer]:
    """What the channel is at, whatever became of it; then what it was at before and may still be offered."""
    yield _offer(known, head, board)
    left = _OFFERS - 1
    for before in reversed(known.state.history):
        if not left:
            return
        if before.channel != head.channel or before.version >= head.version:
            continue
        offered = _status(known.state, before) is ChannelStatus.OFFERED
        if offered and _is_there(known.state, before.version, board):
            yield _offer(known, before, board)
            left -= 1


def _offer(known: Known, head: Head, board: Board) -> Offer:
    return Offer(
        release=_offered(known, head.channel, head.version, board),
        status=_status(known.state, head),
        rollout=rollout_of(known.state, known.policy, head),
    )


def _status(state: State, head: Head) -> ChannelStatus:
    if state.withdrawal(head.version) is not None:
        return ChannelStatus.WITHDRAWN
    paused = state.pause_of(head.channel, head.version) is not None
    return ChannelStatus.PAUSED if paused else ChannelStatus.OFFERED


def rollout_of(state: State, policy: Policy, head: Head) -> Rollout:
    """How long it was offered. What the channel has left behind stays where it was."""
    mine = [one for one in state.offers if (one.channel, one.version) == (head.channel, head.version)]
    ended = (one.ends - one.begins for one in mine if one.ends is not None)
    return Rollout(
        active=int(sum(ended, timedelta()).total_seconds()),
        since=next((one.begins for one in mine if one.ends is None), None),
        # Before the ledger began, everybody had it already.
        rules=AT_ONCE if head.request is None else _rules(policy, head.channel),
    )


def _rules(policy: Policy, channel: str) -> RolloutRules:
    """Those of the channel; a channel that follows its streams, and a stream, have the same."""
    names = {channel, base_of(channel, policy.streams)}
    return next((edge.rollout for edge in policy.edges if edge.channel.name in names), AT_ONCE)


def _floors(known: Known, head: Head, board: Board) -> Iterator[FloorRelease]:
    wanted = {floor.version for floor in floors_of(known.policy, head.channel)}
    wanted |= {known.floors[head.channel]} if head.channel in known.floors else set()
    for version in sorted(wanted):
        if version > head.version:
            continue  # not there yet
        if not _is_there(known.state, version, board):
            raise RefusedError(
                f"{head.channel}: {version} is a floor, and there is no such release for {board}",
                hint="a floor must be a published release that is kept; correct the policy",
            )
        yield FloorRelease(
            release=_offered(known, head.channel, version, board),
            withdrawn=known.state.withdrawal(version) is not None,
        )


def _is_there(state: State, version: Version, board: Board) -> bool:
    found = state.releases.get(version)
    return found is not None and board in found.boards and version not in state.collected


def _offered(known: Known, channel: str, version: Version, board: Board) -> OfferedRelease:
    """Payloads have one place, whatever the channel: a mirror that has them for another has them."""
    release = known.release(version)
    having = {name for (_, one), names in known.state.mirrors.items() if one == version for name in names}
    return OfferedRelease(
        version=version,
        release=known.state.releases[version].release,
        payloads=tuple(_payload(one) for one in release.board(board).payloads),
        mirrors=tuple(one.name for one in known.policy.mirrors_of(channel) if one.name in having),
    )


def _payload(record: PayloadRecord) -> OfferedPayload:
    return OfferedPayload(
        name=record.artifact.name,
        size=record.artifact.size,
        sha256=record.artifact.sha256,
        sha1=record.artifact.sha1,
        profile=record.profile,
        source=record.source,
        extension=record.extension is not None,
    )


def next_document(
    present: ChannelDocument | None, wanted: ChannelDocument, *, holds: bool
) -> ChannelDocument:
    """What to serve: ``present`` while it says the same and has half of its life left, else ``wanted``.

    Entries of the ledger that change nothing for machines change nothing here.

    Args:
        present: what is served, verified; None for nothing.
        wanted: what the ledger says now.
        holds: whether the signature of ``present`` still verifies.

    Raises:
        NotVerifiedError: what is served knows more of the ledger than the ledger itself.
    """
    if present is None:
        return wanted
    if present.ledger.sequence > wanted.ledger.sequence:
        raise NotVerifiedError(
            f"{present.channel}/{present.board}: the document of {format_time(present.issued)} names ledger"
            f" entry {present.ledger.sequence}, the ledger ends at {wanted.ledger.sequence}",
            hint="the store lost entries, or was put back to an older time: find them before anything else",
        )
    believed = present.issued <= wanted.issued + CLOCK_SKEW
    as_now = replace(wanted, issued=present.issued, expires=present.expires, ledger=present.ledger)
    fresh = present.expires - wanted.issued >= (present.expires - present.issued) / 2
    if as_now == present and believed and holds and fresh:
        return present
    issued = max(wanted.issued, present.issued) if believed else wanted.issued
    return replace(wanted, issued=issued, expires=issued + (wanted.expires - wanted.issued))

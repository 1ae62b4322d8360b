"""Somebody asks that a channel move to a release. Everything a yes depends on is frozen in the request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, with_config

from release.catalog.channel import PromotionKind
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, RefusedError
from release.ledger.fields import (
    BoardText,
    ChannelName,
    Count,
    Fingerprint,
    Line,
    Prose,
    Reader,
    Sha256,
    Utc,
    VersionText,
)
from release.ledger.kinds import ReleaseRegistered
from release.ledger.state import State
from release.ledger.statements import REQUEST, read_statement, statement_digest, write_statement
from release.promotion.policy import Edge, Policy


class Skippable(StrEnum):
    """What a hurry may skip."""

    SOAK = "soak"
    """The time that the channel before must have offered it."""
    FREEZE = "freeze"
    """Freeze windows of the calendar; never a freeze that a person ordered."""


def check_period(what: str, begins: datetime, ends: datetime) -> None:
    """Raises InputError unless ``ends`` is after ``begins``."""
    if ends <= begins:
        raise InputError(f"{what}: expires at {ends}, not after it is made ({begins})")


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionRequest:
    """Moves ``channel`` to ``version``, once, while nothing it names has changed."""

    product: Line
    release: Sha256
    """The release digest."""
    version: VersionText
    boards: Annotated[tuple[BoardText, ...], Field(min_length=1)]
    channel: ChannelName
    from_channel: ChannelName | None
    """The channel it comes from; None when releases enter here straight from the build."""
    policy: Sha256
    policy_entry: Sha256
    """The entry of the ledger that put it in force; see ``release.ledger.statements.Subject``."""
    generation: Count
    """The channel's when this was asked, 0 when it points to nothing."""
    requested_by: Fingerprint
    requested_at: Utc
    expires_at: Utc
    reason: Prose = ""
    hurry: tuple[Skippable, ...] = ()
    """What shall be skipped. Signatures, proof, digests and other evidence never are."""
    incident: Line | None = None
    """Where the reason for the hurry is told in full."""

    def __post_init__(self) -> None:
        check_period("request", self.requested_at, self.expires_at)
        if self.hurry and not self.reason.strip():
            raise InputError(
                "request: expected a reason for the hurry, found none", hint="it is shown for ever"
            )

    @property
    def title(self) -> str:
        """What is asked for, in a few words."""
        return f"{self.channel} to {self.version}"

    def statement(self) -> str:
        """The text to be signed by ``requested_by``."""
        return write_statement(REQUEST, _READER.write(self))

    @property
    def digest(self) -> Digest:
        """What sign-offs name: the SHA-256 of the statement's bytes.

        For a request that was made here. One that was read is named by the bytes as they were signed.
        """
        return statement_digest(self.statement())


_READER = Reader(PromotionRequest)


def read_request(text: str, where: str = "request") -> PromotionRequest:
    """Read a request's statement. Raises InputError. Its signature is not checked here."""
    return _READER.read(read_statement(text, REQUEST, where), where)


def new_request(
    state: State,
    policy: Policy,
    *,
    version: Version,
    channel: str,
    requested_by: str,
    now: datetime,
    reason: str = "",
    hurry: tuple[Skippable, ...] = (),
    incident: str | None = None,
) -> PromotionRequest:
    """A request that fits the state, or a refusal at once instead of by the gate later.

    Args:
        state: the ledger's, newest.
        policy: the one in force.
        version: a registered release.
        channel: where it shall go.
        requested_by: OpenPGP primary fingerprint of whoever will sign the statement.
        now: aware, UTC. The request is valid from now for as long as the policy says.
        reason: shown to those who decide; required with ``hurry``.
        hurry: what shall be skipped, which takes the channel's hurry quorum besides its own.
        incident: where the reason for the hurry is told in full.

    Raises:
        InputError: the policy has no such channel; a hurry without a reason.
        RefusedError: the release is not registered or is withdrawn, the channel is there or beyond, its
            policy knows no hurry, or the policy is not the one in force.
    """
    if policy.digest != state.policy:
        raise RefusedError(
            f"policy {policy.digest} is not in force; the ledger says {state.policy}",
            hint="use the policy file that the ledger names",
        )
    edge = policy.get(channel)
    release = state.releases.get(version)
    if release is None:
        raise RefusedError(
            f"release {version} is not in the ledger", hint="publish it first: humpyard release publish"
        )
    _check_standing(state, version)
    if hurry and not edge.hurry:
        raise RefusedError(f"{channel}: the policy has no hurry quorum, so nothing can be skipped there")
    _check_upwards(state, channel, version)
    return PromotionRequest(
        product=state.product,
        release=release.release,
        version=version,
        boards=release.boards,
        channel=channel,
        from_channel=source_of(state, edge, release),
        policy=policy.digest,
        policy_entry=state.policy_entry,
        generation=state.generation(channel),
        requested_by=requested_by,
        requested_at=now,
        expires_at=now + edge.terms.request_valid_for,
        reason=reason,
        hurry=hurry,
        incident=incident,
    )


def _check_standing(state: State, version: Version) -> None:
    stop = state.withdrawal(version)
    if stop is not None:
        raise RefusedError(
            f"release {version} is withdrawn: {stop.subject.reason}",
            hint="machines get what replaces it under a higher version",
        )


def _check_upwards(state: State, channel: str, version: Version) -> None:
    head = state.heads.get(channel)
    if head is not None and version <= head.version:
        raise RefusedError(
            f"{channel}: expected a version above {head.version}, where the channel is, found {version}",
            hint="machines do not go back; release what they shall have under a higher version",
        )


def source_of(state: State, edge: Edge, release: ReleaseRegistered) -> str | None:
    """The feeding channel that has, or had, what the release comes from; the first one if none did.

    None where releases come straight from the build: channels that nothing feeds, and opened streams.
    """
    target = edge.channel
    if edge.streams is not None and target.name in state.heads:
        return None
    origin = release.derives_from if target.kind is PromotionKind.REBUILD else release.version
    offered = {head.channel for head in state.history if head.version == origin}
    return next(iter([*(name for name in target.feeds_from if name in offered), *target.feeds_from]), None)

"""A request: somebody asks that a channel move to a release. Everything a yes depends on is frozen in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, with_config

from release.catalog.channel import Channel, PromotionKind
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, RefusedError
from release.ledger.fields import (
    BoardText,
    ChannelName,
    Count,
    Fingerprint,
    Prose,
    Reader,
    Sha256,
    Utc,
    VersionText,
)
from release.ledger.kinds import ReleaseRegistered
from release.ledger.state import State
from release.ledger.statements import REQUEST, read_statement, statement_digest, write_statement
from release.promotion.policy import Policy


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionRequest:
    """Moves ``channel`` to ``version``, once, while nothing it names has changed."""

    product: str
    release: Sha256
    """The release digest."""
    version: VersionText
    boards: Annotated[tuple[BoardText, ...], Field(min_length=1)]
    channel: ChannelName
    from_channel: ChannelName | None
    """The channel it comes from; None when releases enter here straight from the build."""
    policy: Sha256
    generation: Count
    """The channel's when this was asked, 0 when it points to nothing."""
    requested_by: Fingerprint
    requested_at: Utc
    expires_at: Utc
    reason: Prose = ""

    def __post_init__(self) -> None:
        if self.expires_at <= self.requested_at:
            raise InputError(
                f"request: expires at {self.expires_at}, not after it is made ({self.requested_at})"
            )

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
) -> PromotionRequest:
    """A request that fits the state, or a refusal at once instead of by the gate later.

    Args:
        state: the ledger's, newest.
        policy: the one in force.
        version: a registered release.
        channel: where it shall go.
        requested_by: OpenPGP primary fingerprint of whoever will sign the statement.
        now: aware, UTC. The request is valid from now for as long as the policy says.
        reason: shown to those who decide.

    Raises:
        InputError: the policy has no such channel.
        RefusedError: the release is not registered, the channel is there or beyond, or the policy is
            not the one in force.
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
    head = state.heads.get(channel)
    if head is not None and version <= head.version:
        raise RefusedError(
            f"{channel}: expected a version above {head.version}, where the channel is, found {version}",
            hint="machines do not go back; release what they shall have under a higher version",
        )
    return PromotionRequest(
        product=state.product,
        release=release.release,
        version=version,
        boards=release.boards,
        channel=channel,
        from_channel=_source(state, edge.channel, release),
        policy=policy.digest,
        generation=state.generation(channel),
        requested_by=requested_by,
        requested_at=now,
        expires_at=now + edge.request_valid_for,
        reason=reason,
    )


def _source(state: State, target: Channel, release: ReleaseRegistered) -> str | None:
    """The feeding channel that has, or had, what the release comes from; the first one if none did."""
    origin = release.derives_from if target.kind is PromotionKind.REBUILD else release.version
    offered = {head.channel for head in state.history if head.version == origin}
    return next(iter([*(name for name in target.feeds_from if name in offered), *target.feeds_from]), None)

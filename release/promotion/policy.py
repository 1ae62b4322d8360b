"""The policy: which channels there are, who may feed which, who says yes, and how many must.

A TOML file. Its digest is the SHA-256 of its bytes; requests name it, so a sign-off never counts
under rules its author did not see. What the file does not allow is forbidden.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from release.catalog.channel import Channel, Channels, PromotionKind
from release.digests import Digest
from release.errors import InputError
from release.ledger.fields import ChannelName, Fingerprint, Line, Word, describe, plain_fingerprint

POLICY_LIMIT = 1 << 20
"""Bytes of a policy file."""

_YEAR_HOURS = 24 * 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may decide. Several keys are still one person."""

    name: str
    fingerprints: tuple[str, ...]
    """OpenPGP primary keys."""
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """How many people of one role must say go: ``count`` of them, or more than ``share`` of them."""

    role: str
    count: int | None = None
    share: Decimal | None = None

    def needed(self, holders: int) -> int:
        """How many of so many holders of the role must say go; at least one."""
        if self.share is not None:
            return int(self.share * holders) + 1
        return max(1, self.count or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What it takes to move one channel."""

    channel: Channel
    quorum: tuple[Quorum, ...]
    """All of them must be met. Empty only where the policy says ``open = true``."""
    evidence: tuple[str, ...]
    """Names of checks that must have passed for the release. Unknown is not passed."""
    sign_off_valid_for: timedelta
    request_valid_for: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy as it was read. ``digest`` names the very bytes."""

    digest: Digest
    product: str
    people: tuple[Person, ...]
    edges: tuple[Edge, ...]

    @property
    def channels(self) -> Channels:
        """The channels in their order."""
        return Channels(tuple(edge.channel for edge in self.edges))

    @property
    def fingerprints(self) -> frozenset[str]:
        """The keys of everybody in the policy."""
        return frozenset(key for person in self.people for key in person.fingerprints)

    def edge(self, channel: str) -> Edge | None:
        """The rules of a channel; None means that nothing may go there."""
        return next((edge for edge in self.edges if edge.channel.name == channel), None)

    def get(self, channel: str) -> Edge:
        """The rules of a channel. Raises InputError when there are none."""
        edge = self.edge(channel)
        if edge is None:
            known = ", ".join(edge.channel.name for edge in self.edges)
            raise InputError(f"channel {channel!r} is not in the policy; there are: {known}")
        return edge

    def person(self, fingerprint: str) -> Person | None:
        """Whose key this is, None when it is nobody's."""
        return next((person for person in self.people if fingerprint in person.fingerprints), None)

    def holders(self, role: str) -> tuple[Person, ...]:
        """The people of a role."""
        return tuple(person for person in self.people if role in person.roles)


def _grouped_fingerprint(value: object) -> object:
    return plain_fingerprint(value) if isinstance(value, str) else value


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Person(_Model):
    name: Line
    fingerprints: Annotated[
        tuple[Annotated[Fingerprint, BeforeValidator(_grouped_fingerprint)], ...], Field(min_length=1)
    ]
    roles: Annotated[tuple[Word, ...], Field(min_length=1)]


class _Quorum(_Model):
    role: Word
    count: Annotated[StrictInt, Field(ge=1)] | None = None
    share: Annotated[Decimal, Field(ge=0, lt=1)] | None = None


_Hours = Annotated[StrictInt, Field(ge=1, le=_YEAR_HOURS)]


class _Channel(_Model):
    name: ChannelName
    feeds_from: tuple[ChannelName, ...] = ()
    kind: PromotionKind = PromotionKind.SAME_BITS
    open: StrictBool = False
    quorum: tuple[_Quorum, ...] = ()
    evidence: tuple[Word, ...] = ("payload-proven",)
    sign_off_valid_for: _Hours = 168
    request_valid_for: _Hours = 336

    def edge(self) -> Edge:
        return Edge(
            channel=Channel(self.name, self.feeds_from, self.kind),
            quorum=tuple(Quorum(role=q.role, count=q.count, share=q.share) for q in self.quorum),
            evidence=self.evidence,
            sign_off_valid_for=timedelta(hours=self.sign_off_valid_for),
            request_valid_for=timedelta(hours=self.request_valid_for),
        )


class _File(_Model):
    product: Line
    people: tuple[_Person, ...] = ()
    channels: Annotated[tuple[_Channel, ...], Field(min_length=1)]


def read_policy(data: bytes, where: str = "policy") -> Policy:
    """Read a policy file.

    Args:
        data: the TOML file's bytes, UTF-8.
        where: what is being read, for messages.

    Raises:
        InputError: names the TOML path of the first thing that is wrong: form, unknown channel or
            role, a quorum nobody can meet, a channel without one that does not say ``open = true``.
    """
    if len(data) > POLICY_LIMIT:
        raise InputError(f"{where}: expected at most {POLICY_LIMIT} bytes, found {len(data)}")
    try:
        fields = tomllib.loads(data.decode(), parse_float=Decimal)
        file = _File.model_validate(fields)
    except ValidationError as error:
        raise InputError(f"{where}: {describe(error)}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not TOML: {error}") from error
    policy = Policy(
        digest=Digest.sha256(data),
        product=file.product,
        people=tuple(
            Person(name=person.name, fingerprints=person.fingerprints, roles=person.roles)
            for person in file.people
        ),
        edges=tuple(channel.edge() for channel in file.channels),
    )
    _check_people(policy, where)
    for index, channel in enumerate(file.channels):
        _check_channel(policy, channel, f"{where}: channels.{index} ({channel.name})")
    try:
        policy.channels  # noqa: B018  Channels checks names, order and feeders
    except InputError as error:
        raise InputError(f"{where}: channels: {error.message}") from error
    return policy


def _check_people(policy: Policy, where: str) -> None:
    names = [person.name for person in policy.people]
    keys = [key for person in policy.people for key in person.fingerprints]
    for what, values in (("name", names), ("fingerprint", keys)):
        twice = _repeated(values)
        if twice:
            raise InputError(
                f"{where}: people: {what} {twice[0]!r} appears twice",
                hint="list every person once, with all fingerprints",
            )


def _repeated(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def _check_channel(policy: Policy, channel: _Channel, where: str) -> None:
    if bool(channel.quorum) == channel.open:
        found = "both" if channel.open else "neither"
        raise InputError(
            f"{where}: expected either a quorum or open = true, found {found}",
            hint="open = true lets releases in without anybody's sign-off",
        )
    twice = _repeated(quorum.role for quorum in channel.quorum)
    if twice:
        raise InputError(f"{where}.quorum: role {twice[0]!r} appears twice")
    for index, quorum in enumerate(channel.quorum):
        _check_quorum(policy, quorum, f"{where}.quorum.{index}")


def _check_quorum(policy: Policy, quorum: _Quorum, where: str) -> None:
    if (quorum.count is None) == (quorum.share is None):
        raise InputError(f"{where}: expected either count or share")
    holders = len(policy.holders(quorum.role))
    if holders == 0:
        raise InputError(f"{where}.role: nobody has the role {quorum.role!r}")
    if quorum.count is not None and quorum.count > holders:
        raise InputError(
            f"{where}.count: asks for {quorum.count} of role {quorum.role!r}, which only {holders} have"
        )

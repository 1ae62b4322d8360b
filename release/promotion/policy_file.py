"""Reading a policy file: TOML, strict, and refused where nobody could ever meet it.

Its digest is the SHA-256 of its bytes; requests name it, so a sign-off never counts under rules its
author did not see.
"""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from release.catalog.channel import Channel, PromotionKind
from release.digests import Digest
from release.errors import InputError
from release.ledger.fields import ChannelName, Fingerprint, Line, Word, describe, plain_fingerprint
from release.payload.signature_blob import MOST_SIGNATURES
from release.promotion.calendar import FreezeWindow
from release.promotion.delivery import AT_ONCE
from release.promotion.delivery_file import (
    FloorFields,
    HoldFields,
    MirrorFields,
    RetentionFields,
    RolloutFields,
    time_zone,
)
from release.promotion.policy import (
    Edge,
    Emergency,
    Limits,
    Person,
    Policy,
    Quorum,
    SigningRules,
    StreamRules,
    Terms,
)
from release.promotion.policy_checks import check_policy, default_governance

POLICY_LIMIT = 1 << 20
"""Bytes of a policy file."""

_YEAR_HOURS = 24 * 366
_YEAR_DAYS = 366
_MONTHS = 240


def _grouped_fingerprint(value: object) -> object:
    return plain_fingerprint(value) if isinstance(value, str) else value


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Key = Annotated[Fingerprint, BeforeValidator(_grouped_fingerprint)]
_Hours = Annotated[StrictInt, Field(ge=1, le=_YEAR_HOURS)]
_Size = Annotated[StrictInt, Field(ge=0, le=1 << 50)]


class _Person(_Model):
    name: Line
    fingerprints: Annotated[tuple[_Key, ...], Field(min_length=1)]
    roles: Annotated[tuple[Word, ...], Field(min_length=1)]


class _Quorum(_Model):
    role: Word
    count: Annotated[StrictInt, Field(ge=1)] | None = None
    share: Annotated[Decimal, Field(ge=0, lt=1, decimal_places=12)] | None = None

    def value(self) -> Quorum:
        return Quorum(role=self.role, count=self.count, share=self.share)


_Quorums = Annotated[tuple[_Quorum, ...], Field(max_length=16)]
_SomeQuorums = Annotated[tuple[_Quorum, ...], Field(min_length=1, max_length=16)]


class _Terms(_Model):
    quorum: _Quorums = ()
    overrule: _Quorums = ()
    sign_off_valid_for: _Hours = 168
    request_valid_for: _Hours = 336

    def terms(self) -> Terms:
        return Terms(
            quorum=_quorums(self.quorum),
            overrule=_quorums(self.overrule),
            sign_off_valid_for=timedelta(hours=self.sign_off_valid_for),
            request_valid_for=timedelta(hours=self.request_valid_for),
        )


class _Limits(_Model):
    image_growth_percent: Annotated[StrictInt, Field(ge=0, le=1000)] | None = None
    boot_bytes: _Size | None = None
    delta_percent: Annotated[StrictInt, Field(ge=1, le=100)] | None = None
    downgrades: Annotated[StrictInt, Field(ge=0, le=100_000)] | None = None


class _Streams(_Model):
    support_months: Annotated[StrictInt, Field(ge=1, le=_MONTHS)]
    overlap_months: Annotated[StrictInt, Field(ge=0, le=_MONTHS)]


class _Channel(_Terms):
    name: ChannelName
    feeds_from: tuple[ChannelName, ...] = ()
    kind: PromotionKind = PromotionKind.SAME_BITS
    open: StrictBool = False
    evidence: tuple[Word, ...] = ("payload-proven",)
    soak: Annotated[StrictInt, Field(ge=0, le=_YEAR_HOURS)] = 0
    hurry: _Quorums = ()
    limits: _Limits = _Limits()
    streams: _Streams | None = None
    mirrors: Annotated[StrictInt, Field(ge=0, le=100)] = 0
    rollout: RolloutFields | None = None

    def edge(self) -> Edge:
        streams = self.streams
        return Edge(
            channel=Channel(self.name, self.feeds_from, self.kind),
            terms=self.terms(),
            evidence=self.evidence,
            soak=timedelta(hours=self.soak),
            hurry=_quorums(self.hurry),
            limits=Limits(**self.limits.model_dump()),
            streams=None if streams is None else StreamRules(**streams.model_dump()),
            mirrors=self.mirrors,
            rollout=AT_ONCE if self.rollout is None else self.rollout.value(),
        )


class _Freeze(_Model):
    name: Line
    zone: Line
    begins: datetime
    ends: datetime
    every: Line | None = None
    channels: tuple[ChannelName, ...] = ()

    def window(self) -> FreezeWindow:
        if self.begins.tzinfo is not None or self.ends.tzinfo is not None:
            raise InputError(f"freeze {self.name!r}: expected local times, without an offset, in {self.zone}")
        return FreezeWindow(
            name=self.name,
            zone=time_zone(self.zone),
            begins=self.begins,
            lasts=self.ends - self.begins,
            every=self.every,
            channels=self.channels,
        )


class _Emergency(_Terms):
    stop: Annotated[tuple[Word, ...], Field(min_length=1)]
    quorum: _SomeQuorums


class _Governance(_Terms):
    quorum: _SomeQuorums


class _Waivers(_Model):
    roles: Annotated[tuple[Word, ...], Field(min_length=1)]


class _Corrections(_Model):
    roles: Annotated[tuple[Word, ...], Field(min_length=1)]


class _Signing(_Model):
    payload_signatures: Annotated[StrictInt, Field(ge=1, le=MOST_SIGNATURES)] = 1
    release_lifetime_days: Annotated[StrictInt, Field(ge=1, le=10 * _YEAR_DAYS)] = 90
    head_valid_for: Annotated[StrictInt, Field(ge=1, le=24 * 31)] = 24

    def rules(self) -> SigningRules:
        return SigningRules(
            payload_signatures=self.payload_signatures,
            release_lifetime=timedelta(days=self.release_lifetime_days),
            head_valid_for=timedelta(hours=self.head_valid_for),
        )


class _Pipeline(_Model):
    fingerprints: Annotated[tuple[_Key, ...], Field(min_length=1)]


class _File(_Model):
    product: Line
    people: tuple[_Person, ...] = ()
    channels: Annotated[tuple[_Channel, ...], Field(min_length=1)]
    governance: _Governance | None = None
    emergency: _Emergency | None = None
    freezes: tuple[_Freeze, ...] = ()
    waivers: _Waivers | None = None
    corrections: _Corrections | None = None
    signing: _Signing = _Signing()
    pipeline: _Pipeline | None = None
    mirrors: Annotated[tuple[MirrorFields, ...], Field(max_length=20)] = ()
    floors: Annotated[tuple[FloorFields, ...], Field(max_length=100)] = ()
    holds: tuple[HoldFields, ...] = ()
    retention: RetentionFields | None = None


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
    policy = _policy(file, Digest.sha256(data), where)
    check_policy(policy, [channel.open for channel in file.channels], where)
    return policy


def _policy(file: _File, digest: Digest, where: str) -> Policy:
    people = tuple(
        Person(name=person.name, fingerprints=person.fingerprints, roles=person.roles)
        for person in file.people
    )
    edges = _edges(file, where)
    governance = file.governance.terms() if file.governance else default_governance(people, edges)
    emergency = _emergency(file.emergency, people, governance)
    return Policy(
        digest=digest,
        product=file.product,
        people=people,
        edges=edges,
        governance=governance,
        emergency=emergency,
        freezes=_windows(file, where),
        waiver_roles=file.waivers.roles if file.waivers else (),
        correction_roles=file.corrections.roles if file.corrections else emergency.stop,
        signing=file.signing.rules(),
        pipeline_keys=file.pipeline.fingerprints if file.pipeline else (),
        mirrors=tuple(mirror.value() for mirror in file.mirrors),
        floors=tuple(floor.value() for floor in file.floors),
        holds=tuple(hold.value() for hold in file.holds),
        retention=None if file.retention is None else file.retention.value(),
    )


def _edges(file: _File, where: str) -> tuple[Edge, ...]:
    try:
        return tuple(channel.edge() for channel in file.channels)
    except InputError as error:
        raise InputError(f"{where}: channels: {error.message}", hint=error.hint) from error


def _emergency(section: _Emergency | None, people: tuple[Person, ...], governance: Terms) -> Emergency:
    """Left out: everybody in the policy may stop, and who may change it lets things go on."""
    if section is not None:
        return Emergency(stop=section.stop, resume=section.terms())
    roles = dict.fromkeys(role for person in people for role in person.roles)
    return Emergency(stop=tuple(roles), resume=governance)


def _windows(file: _File, where: str) -> tuple[FreezeWindow, ...]:
    try:
        return tuple(freeze.window() for freeze in file.freezes)
    except InputError as error:
        raise InputError(f"{where}: freezes: {error.message}", hint=error.hint) from error


def _quorums(models: tuple[_Quorum, ...]) -> tuple[Quorum, ...]:
    return tuple(model.value() for model in models)

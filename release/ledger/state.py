"""What the ledger says is so: the values its fold ends in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar

from release.catalog.version import Version
from release.digests import Digest
from release.ledger.kinds import ReleaseRegistered
from release.ledger.statements import RequestSubject

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A release that a channel points to, or pointed to.

    ``request`` is None where the channel pointed to it before the ledger began.
    """

    channel: str
    version: Version
    release: Digest
    generation: int
    since: datetime
    request: Digest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffRecord:
    """A sign-off as recorded. ``sequence`` orders those of one person."""

    digest: Digest
    statement: str
    signer: str
    recorded: datetime
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """A request as recorded, with what was said about it."""

    digest: Digest
    statement: str
    subject: RequestSubject
    signer: str
    recorded: datetime
    sign_offs: tuple[SignOffRecord, ...] = ()
    moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRecord:
    """The latest result of one check of one release."""

    passed: bool
    detail: str
    recorded: datetime


def frozen(mapping: Mapping[K, V] | None = None) -> Mapping[K, V]:
    """A copy that cannot be changed."""
    return MappingProxyType(dict(mapping or {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is so after an entry."""

    sequence: int
    digest: Digest
    """Sequence and digest name the last entry: the head of the ledger."""
    latest: datetime
    """The latest time that an entry of the pipeline has said. No later entry may be dated before it."""
    product: str
    pipeline_keys: frozenset[str]
    policy: Digest
    channels: tuple[str, ...]
    releases: Mapping[Version, ReleaseRegistered] = field(default_factory=frozen)
    requests: Mapping[Digest, RequestRecord] = field(default_factory=frozen)
    evidence: Mapping[Digest, Mapping[str, EvidenceRecord]] = field(default_factory=frozen)
    """By release digest, then by name."""
    heads: Mapping[str, Head] = field(default_factory=frozen)
    history: tuple[Head, ...] = ()
    """Every head there ever was, in order."""

    def generation(self, channel: str) -> int:
        """How often the channel has moved; 0 for one without a head."""
        head = self.heads.get(channel)
        return 0 if head is None else head.generation

    def open_requests(self) -> tuple[RequestRecord, ...]:
        """Requests not carried out, in order. Some may have no chance any more."""
        return tuple(record for record in self.requests.values() if not record.moved)

"""What the ledger says is so: the values its fold ends in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar

from release.catalog.version import Version
from release.digests import Digest
from release.ledger.kinds import ReleaseRegistered
from release.ledger.statements import StopAction, StopSubject, Subject

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
class Offer:
    """A stretch of time in which machines of a channel were offered a release.

    It ends when the channel moves on, or when somebody stops it; ``ends`` is None while it lasts.
    """

    channel: str
    version: Version
    release: Digest
    begins: datetime
    ends: datetime | None = None


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
    subject: Subject
    signer: str
    recorded: datetime
    sign_offs: tuple[SignOffRecord, ...] = ()
    carried_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRecord:
    """The latest result of one check of one release; fields as ``EvidenceFound``."""

    passed: bool
    detail: str
    recorded: datetime
    document: Digest | None = None
    facts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverRecord:
    """A waiver as recorded."""

    digest: Digest
    statement: str
    signer: str
    recorded: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRecord:
    """A stop as recorded. ``lifted`` names the request that lifted it, None while it stands.

    A rollout that the pipeline halted is one, too, by the digest of its entry and without a statement.
    ``recorded`` is the time of the entry, by the clock of whoever stopped it, ``told`` the time that people
    are told: the same, unless that clock was far ahead.
    """

    digest: Digest
    statement: str
    subject: StopSubject
    signer: str
    recorded: datetime
    told: datetime
    lifted: Digest | None = None
    lifted_at: datetime | None = None

    @property
    def by_pipeline(self) -> bool:
        """Whether it is a halt: the policy's rules stopped the rollout, and no person did."""
        return not self.statement

    def __str__(self) -> str:
        if self.by_pipeline:
            return f"halt {self.subject.version} in {self.subject.channel}"
        return str(self.subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionRecord:
    """A correction of a release's notes as recorded. ``previous`` and ``notes`` are digests of whole texts.

    ``policy`` was in force then: by it is judged whether the correction counts. ``sequence`` is the entry's.
    """

    digest: Digest
    statement: str
    previous: Digest
    notes: Digest
    signer: str
    recorded: datetime
    policy: Digest
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRecord:
    """What was told of a known issue, as recorded; ``policy`` as in ``RevisionRecord``."""

    digest: Digest
    statement: str
    name: str
    signer: str
    recorded: datetime
    policy: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPeriod:
    """A policy that was in force from ``since``. ``request`` is None for the first."""

    entry: Digest
    """The entry that put it in force."""
    policy: Digest
    since: datetime
    request: Digest | None


def frozen(mapping: Mapping[K, V] | None = None) -> Mapping[K, V]:
    """A copy that cannot be changed."""
    return MappingProxyType(dict(mapping or {}))


def evidence_key(name: str, against: Version | None = None) -> str:
    """How ``State.evidence`` calls a check: ``comparison@1.2.3`` where it is one against a release."""
    return name if against is None else f"{name}@{against}"


def base_of(channel: str, streams: tuple[str, ...]) -> str | None:
    """The channel that ``channel`` is a stream of: ``lts`` for ``lts-2024``. None when it is none."""
    return next((base for base in streams if channel.startswith(f"{base}-")), None)


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
    policies: tuple[PolicyPeriod, ...]
    """Every policy there ever was, in order; the last is the one in force."""
    streams: tuple[str, ...] = ()
    """Those of ``channels`` that have streams."""
    releases: Mapping[Version, ReleaseRegistered] = field(default_factory=frozen)
    registered: Mapping[Version, datetime] = field(default_factory=frozen)
    """When each of the releases was registered."""
    requests: Mapping[Digest, RequestRecord] = field(default_factory=frozen)
    evidence: Mapping[Digest, Mapping[str, EvidenceRecord]] = field(default_factory=frozen)
    """By release digest, then by ``evidence_key``."""
    waivers: Mapping[Digest, tuple[WaiverRecord, ...]] = field(default_factory=frozen)
    """By release digest."""
    stops: Mapping[Digest, StopRecord] = field(default_factory=frozen)
    """By the digest of the statement; those that were lifted, too."""
    heads: Mapping[str, Head] = field(default_factory=frozen)
    history: tuple[Head, ...] = ()
    """Every head there ever was, in order."""
    offers: tuple[Offer, ...] = ()
    """Every offer there ever was, in the order they began."""
    mirrors: Mapping[tuple[str, Version], frozenset[str]] = field(default_factory=frozen)
    """By channel and version: names of the mirrors that have all of it, verified."""
    collected: Mapping[Version, datetime] = field(default_factory=frozen)
    """Releases whose bytes may be gone, and since when."""
    revisions: Mapping[Version, tuple[RevisionRecord, ...]] = field(default_factory=frozen)
    """Corrections of notes, in order, each of the text before it; those that count for nothing, too."""
    issues: Mapping[str, tuple[IssueRecord, ...]] = field(default_factory=frozen)
    """By name, all that was told of each known issue, in order; what counts for nothing, too."""

    @property
    def policy_entry(self) -> Digest:
        """The entry that put the policy in force."""
        return self.policies[-1].entry

    def generation(self, channel: str) -> int:
        """How often the channel has moved; 0 for one without a head."""
        head = self.heads.get(channel)
        return 0 if head is None else head.generation

    def knows(self, channel: str) -> bool:
        """Whether there is such a channel, or may be such a stream."""
        return channel in self.channels or base_of(channel, self.streams) is not None

    def mirrors_with(self, channel: str, version: Version) -> frozenset[str]:
        """Names of the mirrors that have what a channel has of a release, verified."""
        return self.mirrors.get((channel, version), frozenset())

    def open_requests(self) -> tuple[RequestRecord, ...]:
        """Requests not carried out, in order. Some may have no chance any more."""
        return tuple(record for record in self.requests.values() if not record.carried_out)

    def standing_stops(self) -> tuple[StopRecord, ...]:
        """Stops that hold now, in order."""
        return tuple(stop for stop in self.stops.values() if stop.lifted is None)

    def withdrawal(self, version: Version) -> StopRecord | None:
        """The first stop that withdraws the release now, None when it is not withdrawn."""
        return self._standing(StopAction.WITHDRAW, lambda stop: stop.version == version)

    def freeze(self, channel: str) -> StopRecord | None:
        """The first stop that freezes the channel, or what it is a stream of; None when it may move."""
        named = {channel, base_of(channel, self.streams)}
        return self._standing(StopAction.FREEZE, lambda stop: stop.channel in named)

    def pause(self, channel: str) -> StopRecord | None:
        """The first stop that pauses the rollout of what the channel is at now; None when it goes on."""
        head = self.heads.get(channel)
        return None if head is None else self.pause_of(channel, head.version)

    def pause_of(self, channel: str, version: Version) -> StopRecord | None:
        """The first stop that pauses the rollout of a release in a channel, or in the stream it follows."""

        def fits(stop: StopSubject) -> bool:
            stopped = str(stop.channel)
            return stop.version == version and channel in {stopped, base_of(stopped, self.streams)}

        return self._standing(StopAction.PAUSE, fits)

    def streams_of(self, base: str) -> tuple[Head, ...]:
        """The first head of each stream of ``base``, in the order they were opened."""
        first: dict[str, Head] = {}
        for head in self.history:
            if base_of(head.channel, (base,)) is not None:
                first.setdefault(head.channel, head)
        return tuple(first.values())

    def newest_stream(self, base: str) -> str | None:
        """The stream of ``base`` that was opened last, None when there is none."""
        opened = self.streams_of(base)
        return opened[-1].channel if opened else None

    def _standing(self, action: StopAction, fits: Callable[[StopSubject], bool]) -> StopRecord | None:
        found = (
            stop for stop in self.standing_stops() if stop.subject.action is action and fits(stop.subject)
        )
        return next(found, None)

"""The policy: which channels there are, who may feed which, who says yes, and how many must.

Values only; ``release.promotion.policy_file`` reads them. What a policy does not allow is forbidden.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from release.catalog.channel import Channel, Channels
from release.digests import Digest
from release.errors import InputError
from release.promotion.calendar import FreezeWindow
from release.promotion.delivery import AT_ONCE, Floor, Hold, MirrorSite, Retention, RolloutRules


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
class Terms:
    """What a request of one kind needs from people.

    ``quorum``: all of them must be met; empty only where the policy says ``open = true``. ``overrule``:
    all of them must be met to set no-gos aside; empty means that only their authors can.
    """

    quorum: tuple[Quorum, ...]
    overrule: tuple[Quorum, ...] = ()
    sign_off_valid_for: timedelta = timedelta(hours=168)
    request_valid_for: timedelta = timedelta(hours=336)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a release may not exceed; None asks for nothing. Facts: ``release.promotion.evidence_names``."""

    image_growth_percent: int | None = None
    """Of the raw image, or of the full payload, whichever grew more, since what the channel is at."""
    boot_bytes: int | None = None
    """What an update may write to ``/boot``."""
    delta_percent: int | None = None
    """What a machine of the channel downloads, of the full payload."""
    downgrades: int | None = None
    """Packages that may go down in version without a waiver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRules:
    """How long a stream is supported, in months, and how long still when the next one has been opened."""

    support_months: int
    overlap_months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What it takes to move one channel."""

    channel: Channel
    terms: Terms
    evidence: tuple[str, ...]
    """Names of checks that must have passed for the release. Unknown is not passed."""
    soak: timedelta = timedelta()
    """How long the channel that it comes from must have offered it without a break."""
    hurry: tuple[Quorum, ...] = ()
    """Who must say go, besides ``terms.quorum``, to skip soak and freeze windows. Empty: nobody can."""
    limits: Limits = Limits()
    streams: StreamRules | None = None
    """Set for a channel that has streams, and for its streams."""
    mirrors: int = 0
    """How many mirrors of the policy must have verified a release before the channel moves to it."""
    rollout: RolloutRules = AT_ONCE

    @property
    def quorum(self) -> tuple[Quorum, ...]:
        """Who must say go."""
        return self.terms.quorum


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """Who may stop at once, alone, and who lets it go on."""

    stop: tuple[str, ...]
    """Roles; each of their holders may stop."""
    resume: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRules:
    """What signatures must hold."""

    payload_signatures: int = 1
    """Distinct trusted keys that must have signed every payload."""
    release_lifetime: timedelta = timedelta(days=90)
    """How long a release may be the newest: the keys that signed it must outlive that."""
    head_valid_for: timedelta = timedelta(hours=24)
    """How old the mirror's signed head may be before nobody believes it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy as it was read. ``digest`` names the very bytes."""

    digest: Digest
    product: str
    people: tuple[Person, ...]
    edges: tuple[Edge, ...]
    governance: Terms = Terms(quorum=())
    """What changing the policy takes. Without a quorum nobody can."""
    emergency: Emergency = Emergency(stop=(), resume=Terms(quorum=()))
    freezes: tuple[FreezeWindow, ...] = ()
    waiver_roles: tuple[str, ...] = ()
    """Whose holders may answer for what a check found. Empty: nobody."""
    correction_roles: tuple[str, ...] = ()
    """Whose holders may, each alone, correct published notes and tell of known issues. Empty: nobody."""
    signing: SigningRules = SigningRules()
    pipeline_keys: tuple[str, ...] = field(default=())
    """The pipeline's OpenPGP primary keys from when the policy is adopted on; empty keeps them."""
    mirrors: tuple[MirrorSite, ...] = ()
    """In the order in which machines are given them."""
    floors: tuple[Floor, ...] = ()
    holds: tuple[Hold, ...] = ()
    retention: Retention | None = None
    """None: nothing is ever collected."""

    @property
    def channels(self) -> Channels:
        """The channels in their order, without streams."""
        return Channels(tuple(edge.channel for edge in self.edges))

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the channels that have streams."""
        return tuple(edge.channel.name for edge in self.edges if edge.streams is not None)

    @property
    def fingerprints(self) -> frozenset[str]:
        """The keys of everybody in the policy."""
        return frozenset(key for person in self.people for key in person.fingerprints)

    def mirrors_of(self, channel: str) -> tuple[MirrorSite, ...]:
        """The mirrors that are to have the releases of a channel, in their order."""
        return tuple(mirror for mirror in self.mirrors if mirror.serves(channel))

    def edge(self, channel: str) -> Edge | None:
        """The rules of a channel, or of a stream of one; None means that nothing may be asked to go there.

        That is so for a channel with streams, too: it follows the newest of them.
        """
        for edge in self.edges:
            name = edge.channel.name
            if name == channel:
                return edge if edge.streams is None else None
            if edge.streams is not None and channel.startswith(f"{name}-"):
                return replace(edge, channel=replace(edge.channel, name=channel))
        return None

    def get(self, channel: str) -> Edge:
        """The rules of a channel. Raises InputError when there are none."""
        edge = self.edge(channel)
        if edge is not None:
            return edge
        if channel in self.streams:
            raise InputError(
                f"channel {channel!r} follows the newest of its streams",
                hint=f"ask for a stream, for example {channel}-2024; one that is not there yet is opened",
            )
        known = ", ".join(edge.channel.name for edge in self.edges)
        raise InputError(f"channel {channel!r} is not in the policy; there are: {known}")

    def person(self, fingerprint: str) -> Person | None:
        """Whose key this is, None when it is nobody's."""
        return next((person for person in self.people if fingerprint in person.fingerprints), None)

    def holders(self, role: str) -> tuple[Person, ...]:
        """The people of a role."""
        return tuple(person for person in self.people if role in person.roles)

"""Where each mirror stands: what it has and should have, since when it lags and why, how fresh it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from release.catalog.naming import HEAD_FILE
from release.catalog.version import Version
from release.errors import HumpyardError
from release.ledger.chain import Chain
from release.ledger.kinds import KINDS, MirrorVerified, read_content
from release.ledger.state import Head, State
from release.ledger.verified import VerifiedEntry
from release.line.mirror_notes import Note, read_note
from release.line.mirror_saying import Judge
from release.line.mirrors import Mirror, mirrors_of
from release.line.yard import Yard
from release.promotion.delivery import MirrorSite
from release.promotion.policy import Policy
from release.trust.head import HEAD_LIMIT, MirrorHead

_KIND = next(kind for kind, content in KINDS.items() if content is MirrorVerified)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStanding:
    """A channel on a mirror. ``has`` is the release it came to last that is verified there, if any."""

    channel: str
    should_have: Version
    has: Version | None
    lags_since: datetime | None
    """None: it has what the channel is at, or that was withdrawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorStanding:
    """A mirror. ``head`` is what its public address showed just now; ``unseen`` says why there is none."""

    site: MirrorSite
    written_to: str | None
    """None: the settings do not say."""
    channels: tuple[ChannelStanding, ...]
    head: MirrorHead | None
    unseen: str | None
    note: Note | None
    """Why it was behind when a run on this machine last tried."""

    @property
    def lags(self) -> bool:
        """Whether it lacks what a channel is at."""
        return any(one.lags_since is not None for one in self.channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumStanding:
    """How many mirrors have what a channel is at, and how many must."""

    channel: str
    version: Version
    have: tuple[str, ...]
    mirrors: tuple[str, ...]
    needed: int

    @property
    def met(self) -> bool:
        """Whether that is enough."""
        return len(self.have) >= self.needed

    def __str__(self) -> str:
        return (
            f"{self.channel} {self.version}: {len(self.have)} of {len(self.mirrors)} mirrors have it,"
            f" {self.needed} must"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """All of it, as of a ledger entry and a time (aware, UTC)."""

    sequence: int
    now: datetime
    mirrors: tuple[MirrorStanding, ...]
    quorums: tuple[QuorumStanding, ...]


def standings(yard: Yard) -> Standings:
    """Look at the ledger and, side by side, at every public address. A mirror that is away is no error."""
    chain, policy = yard.ledger.read(), yard.policy()
    mirrors = mirrors_of(yard, policy)
    judge = Judge(yard, chain)
    with ThreadPoolExecutor(max(len(mirrors), 1)) as pool:
        seen = list(pool.map(lambda one: _look(one, judge), mirrors))
    return Standings(
        sequence=chain.state.sequence,
        now=yard.clock(),
        mirrors=tuple(
            MirrorStanding(
                site=mirror.site,
                written_to=None if mirror.access is None else mirror.access.url,
                channels=channel_standings(chain, mirror.site),
                head=head,
                unseen=unseen,
                note=read_note(yard, mirror.name),
            )
            for mirror, (head, unseen) in zip(mirrors, seen, strict=True)
        ),
        quorums=quorums(chain.state, policy),
    )


def channel_standings(chain: Chain, site: MirrorSite) -> tuple[ChannelStanding, ...]:
    """Every channel that a mirror is to have. Pure."""
    state = chain.state
    return tuple(
        ChannelStanding(
            channel=name,
            should_have=head.version,
            has=_has(state, site, name),
            lags_since=_lags_since(chain, site, head),
        )
        for name, head in sorted(state.heads.items())
        if site.serves(name)
    )


def quorums(state: State, policy: Policy) -> tuple[QuorumStanding, ...]:
    """Every channel that asks for mirrors, at what it is at. Pure."""
    found = []
    for name, head in sorted(state.heads.items()):
        edge = policy.edge(name)
        if edge is None or not edge.mirrors or state.withdrawal(head.version) is not None:
            continue
        verified = state.mirrors_with(name, head.version)
        mirrors = tuple(site.name for site in policy.mirrors_of(name))
        have = tuple(one for one in mirrors if one in verified)
        found.append(
            QuorumStanding(
                channel=name, version=head.version, have=have, mirrors=mirrors, needed=edge.mirrors
            )
        )
    return tuple(found)


def _has(state: State, site: MirrorSite, channel: str) -> Version | None:
    past = (one.version for one in reversed(state.history) if one.channel == channel)
    return next((one for one in past if site.name in state.mirrors_with(channel, one)), None)


def _lags_since(chain: Chain, site: MirrorSite, head: Head) -> datetime | None:
    state = chain.state
    if site.name in state.mirrors_with(head.channel, head.version):
        return None
    if state.withdrawal(head.version) is not None:
        return None
    lost = (
        entry.entry.time
        for entry, found in _verifications(chain.entries)
        if (found.mirror, found.channel, found.version) == (site.name, head.channel, head.version)
    )
    return max(head.since, max(lost, default=head.since))


def _verifications(entries: Sequence[VerifiedEntry]) -> Iterator[tuple[VerifiedEntry, MirrorVerified]]:
    for one in entries:
        if one.entry.kind == _KIND:
            content = read_content(one.entry.kind, one.entry.data, "ledger")
            if isinstance(content, MirrorVerified):
                yield one, content


def _look(mirror: Mirror, judge: Judge) -> tuple[MirrorHead | None, str | None]:
    """The head that everybody is shown, or why there is none."""
    try:
        data = mirror.reach().public(mirror.site.url).read(HEAD_FILE, HEAD_LIMIT)
        head = judge.head(data)
    except HumpyardError as error:
        return None, error.message
    return head, None if head is not None else f"{mirror.site.url}{HEAD_FILE}: not signed by the pipeline"


def unmet(found: Iterable[QuorumStanding]) -> tuple[QuorumStanding, ...]:
    """Those that are not met."""
    return tuple(one for one in found if not one.met)

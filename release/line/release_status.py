"""How every release stands: channels that are at it, withdrawal, lineage, end of support. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from release.ledger.kinds import ReleaseRegistered
from release.ledger.state import State, StopRecord
from release.promotion.policy import Policy
from release.promotion.support import supports


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSupport:
    """A stream that is at the release, and when its support ends (aware, UTC)."""

    stream: str
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStatus:
    """One release. ``channels`` point to it, also while it is withdrawn; in ``paused`` ones it rests."""

    registered: ReleaseRegistered
    channels: tuple[str, ...]
    paused: tuple[str, ...]
    withdrawal: StopRecord | None
    support: tuple[StreamSupport, ...]


def release_statuses(state: State, policy: Policy) -> tuple[ReleaseStatus, ...]:
    """Every release that the ledger knows, the highest version first."""
    ends = {one.stream: one.ends for one in supports(state, policy)}
    found = []
    for version in sorted(state.releases, reverse=True):
        channels = tuple(name for name, head in state.heads.items() if head.version == version)
        found.append(
            ReleaseStatus(
                registered=state.releases[version],
                channels=channels,
                paused=tuple(name for name in channels if state.pause(name) is not None),
                withdrawal=state.withdrawal(version),
                support=tuple(
                    StreamSupport(stream=name, ends=ends[name]) for name in channels if name in ends
                ),
            )
        )
    return tuple(found)

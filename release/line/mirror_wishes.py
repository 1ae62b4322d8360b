"""Which releases a mirror is to have, as the ledger and the policy say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from release.catalog.version import Version
from release.ledger.state import State
from release.promotion.delivery import MirrorSite
from release.promotion.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A release as a channel has it: its images under the channel, its payloads, what vouches for it."""

    channel: str
    version: Version

    def __str__(self) -> str:
        return f"{self.channel} {self.version}"


def heads(state: State, site: MirrorSite) -> tuple[Place, ...]:
    """What channels are at. Without these a mirror cannot show what the ledger says.

    A release that was withdrawn is not among them: nobody shall have it, and that it was withdrawn must
    reach a mirror that does not have it, too.
    """
    found = (Place(channel=head.channel, version=head.version) for head in state.heads.values())
    return tuple(place for place in found if _is_wanted(state, site, place))


def everything(state: State, site: MirrorSite) -> tuple[Place, ...]:
    """All that it is to have, the most urgent first: heads, what may be asked for next, then the past."""
    places = (*heads(state, site), *_upcoming(state), *_past(state))
    return tuple(dict.fromkeys(place for place in places if _is_wanted(state, site, place)))


def lacking(state: State, site: MirrorSite, places: Iterable[Place]) -> tuple[Place, ...]:
    """Those that the ledger does not say the mirror has."""
    return tuple(
        place for place in places if site.name not in state.mirrors_with(place.channel, place.version)
    )


def quorum_met(state: State, policy: Policy, place: Place) -> bool:
    """Whether as many mirrors have the release as the policy asks for before the channel moves to it."""
    edge = policy.edge(place.channel)
    verified = state.mirrors_with(place.channel, place.version)
    have = [site for site in policy.mirrors_of(place.channel) if site.name in verified]
    return edge is None or len(have) >= edge.mirrors


def _upcoming(state: State) -> Iterator[Place]:
    """Releases above what the channel that they were built for is at."""
    for version in sorted(state.releases, reverse=True):
        channel = state.releases[version].built_for
        head = state.heads.get(channel)
        if state.knows(channel) and (head is None or head.version < version):
            yield Place(channel=channel, version=version)


def _past(state: State) -> Iterator[Place]:
    """What channels were at before, the latest first."""
    for head in reversed(state.history):
        yield Place(channel=head.channel, version=head.version)


def _is_wanted(state: State, site: MirrorSite, place: Place) -> bool:
    gone = place.version in state.collected or state.withdrawal(place.version) is not None
    return site.serves(place.channel) and not gone

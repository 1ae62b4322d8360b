"""Which rollouts the fuse of a server watches, and when it begins: with the first documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from release.trust.head import ChannelStatus
from release.updates.fuse import Fuse, Watched
from release.updates.server.documents import Documents, Held


def watched(held: Held) -> Iterator[Watched]:
    """The rollouts that go on now and may stop by themselves, each once, whatever the boards."""
    found = {
        Watched(
            channel=place.channel,
            version=offer.release.version,
            release=offer.release.release,
            since=offer.rollout.since,
            rules=offer.rollout.rules.halt,
        )
        for place, one in held.served.items()
        for offer in one.document.offers
        if offer.status is ChannelStatus.OFFERED and offer.rollout.since and offer.rollout.rules.halt
    }
    yield from sorted(found, key=lambda one: (one.channel, one.version))


@dataclass(slots=True)
class FuseStart:
    """Called after every round: starts the fuse when there is something to watch."""

    fuse: Fuse
    documents: Documents
    _started: bool = field(default=False)

    def __call__(self) -> None:
        """Start it, once. It looks at the numbers before this returns."""
        if not self._started and self.documents.held.served:
            self._started = True
            self.fuse.start()

"""Which releases the fuse of a server watches, and when it begins: with the first documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from release.trust.channel_document import ChannelDocument
from release.trust.head import ChannelStatus
from release.updates.fuse import Fuse, Watched
from release.updates.server.documents import Documents, Held


def watched(held: Held) -> Iterator[Watched]:
    """The rollouts that go on now and may stop by themselves, each once, whatever the boards; and floors.

    Floors before what a channel is at are judged by its rules: they have no rollout of their own, and all
    machines that are older go through them.
    """
    documents = [one.document for one in held.served.values()]
    found = {one for document in documents for one in (*_rollouts(document), *_floors(document))}
    yield from sorted(found, key=lambda one: (one.channel, one.version))


def _rollouts(document: ChannelDocument) -> Iterator[Watched]:
    for offer in document.offers:
        rules, since = offer.rollout.rules.halt, offer.rollout.since
        if offer.status is ChannelStatus.OFFERED and since and rules:
            yield Watched(
                channel=document.channel,
                version=offer.release.version,
                release=offer.release.release,
                since=since,
                rules=rules,
            )


def _floors(document: ChannelDocument) -> Iterator[Watched]:
    first = document.offers[0]
    if first.rollout.rules.halt is None:
        return
    for floor in document.floors:
        if floor.release.version < first.release.version and not floor.withdrawn:
            yield Watched(
                channel=document.channel,
                version=floor.release.version,
                release=floor.release.release,
                since=first.rollout.since,
                rules=first.rollout.rules.halt,
            )


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

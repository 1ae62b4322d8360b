"""The channel documents that a server answers from: read from mirrors, verified, held until they expire.

One thread refreshes them; requests only look at what it left. A mirror that fails, lags or lies is passed
over, and the last good document stays until its own end, whatever mirrors do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import NamedTuple, Protocol

from release.catalog.board import Board
from release.catalog.naming import HEAD_FILE
from release.catalog.version import Version
from release.digests import Digest
from release.errors import HumpyardError, InputError, NotVerifiedError
from release.ledger.fields import format_time
from release.mirror.store import MissingObjectError
from release.trust.channel_document import CHANNEL_LIMIT, ChannelDocument, channel_document_key
from release.trust.head import HEAD_LIMIT, ChannelStatus, MirrorHead
from release.trust.seen import Seen
from release.trust.verify import Visitor, verify_head
from release.updates.omaha_response import Manifests, prepare
from release.updates.server.believing import (
    check_forward,
    check_head,
    check_time,
    open_document,
    recalled_head,
)
from release.updates.server.log import Changes, EventLog
from release.updates.server.memory import Memory


class Reads(Protocol):
    """Reads small objects of a mirror; every reader of ``release.mirror`` does."""

    def read(self, key: str, limit: int) -> bytes:
        """All bytes; raises an error of the tree."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A mirror. ``open`` gives a reader for one round, whose patience begins anew."""

    name: str
    open: Callable[[], Reads]


class Place(NamedTuple):
    """What a document is about; ``board`` as text, as machines say it."""

    channel: str
    board: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A document that was believed, and every answer that it may lead to."""

    document: ChannelDocument
    manifests: Manifests
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which documents are served: those of the head, cut down to these; empty means all."""

    channels: frozenset[str] = frozenset()
    boards: frozenset[str] = frozenset()

    def covers(self, place: Place) -> bool:
        """Whether it is served here."""
        channel, board = place
        return (not self.channels or channel in self.channels) and (not self.boards or board in self.boards)

    def places(self, head: MirrorHead) -> Iterator[Place]:
        """The places of a head that are served here."""
        for channel, now in head.channels.items():
            yield from filter(self.covers, (Place(channel, str(board)) for board in now.boards))


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """All that requests look at; replaced as a whole."""

    served: Mapping[Place, Served]
    places: frozenset[Place] = frozenset()
    """Those that there should be a document of."""
    channels: frozenset[str] = frozenset()
    withdrawn: frozenset[Digest] = frozenset()
    """Releases that the newest head withdraws, whatever a document says that is older."""
    paused: frozenset[tuple[str, Version]] = frozenset()
    """Channels and what they are at, where the newest head says that it is paused."""
    head_at: int = 0
    """The ledger entry that the newest head names: what a document says of a later one stands."""

    def fresh(self, now: datetime) -> list[Place]:
        """The places with a document that has not expired."""
        return [place for place, one in self.served.items() if now < one.document.expires]

    def pauses(self, document: ChannelDocument, version: Version) -> bool:
        """Whether the newest head pauses what ``document``, which is older, still offers."""
        older = document.ledger.sequence <= self.head_at
        return older and (document.channel, version) in self.paused


NOTHING = Held(served=MappingProxyType({}))


class Documents:
    """Holds documents. ``refresh`` is for one thread; ``held`` for any."""

    def __init__(
        self,
        visitor: Visitor,
        sources: Sequence[Source],
        log: EventLog,
        *,
        clock: Callable[[], datetime],
        wanted: Wanted | None = None,
        memory: Memory | None = None,
    ) -> None:
        """``visitor`` says whom to believe; its time and memory are set anew for every round."""
        self.held = NOTHING
        self.settled = False
        """Whether something was remembered, or all mirrors were asked once."""
        self._visitor = visitor
        self._sources = sources
        self._changes = Changes(log)
        self._clock = clock
        self._wanted = wanted or Wanted()
        self._memory = memory
        self._seen = visitor.seen
        self._kept: Seen | None = None
        self._failing: set[str] = set()

    @property
    def mirrors_up(self) -> Mapping[str, bool]:
        """By mirror: whether the last round found it as it should be."""
        return {source.name: source.name not in self._failing for source in self._sources}

    def recall(self) -> None:
        """Hold what was remembered, also what has expired: nothing older than it is believed.

        What the remembered head withdrew or paused is held back before any mirror answers.
        """
        if self._memory is None:
            return
        self._seen = self._memory.seen()
        visitor = self._visit()
        self._recall_head(self._memory, visitor)
        for channel, board, data in self._memory.documents():
            place = Place(channel, str(board))
            if not self._wanted.covers(place):
                continue
            try:
                document = open_document(data, channel, board, visitor)
            except HumpyardError as error:
                self._changes.log.say("memory-refused", place="/".join(place), error=error.message)
                continue
            self._hold(place, document, data, "memory")
        self.settled = bool(self.held.served)

    def _recall_head(self, memory: Memory, visitor: Visitor) -> None:
        try:
            data = memory.head()
            if data is None:
                return
            head = recalled_head(data, visitor)
        except HumpyardError as error:
            self._changes.log.say("memory-refused", place=HEAD_FILE, error=error.message)
            return
        self._hold_head(head)
        self._kept = _seen(head)
        if self._seen is None or self._kept.knows_more_than(self._seen):
            self._seen = self._kept

    def refresh(self) -> bool:
        """Ask mirrors, one after the other, until everything is as new as can be; whether it is."""
        visitor = self._visit()
        missing: set[Place] | None = None
        for source in self._sources:
            if missing is not None and not missing:
                break
            missing = self._ask(source, visitor, missing)
        self._forget_expired(visitor.now)
        self.settled = True
        return missing is not None and not missing

    def _visit(self) -> Visitor:
        return replace(self._visitor, now=self._clock(), seen=self._seen)

    def _ask(self, source: Source, visitor: Visitor, missing: set[Place] | None) -> set[Place] | None:
        """What is missing after this mirror was asked; None while no mirror showed a head."""
        try:
            reader = source.open()
            data = reader.read(HEAD_FILE, HEAD_LIMIT)
            head = verify_head(data, replace(visitor, seen=self._seen)).head
            self._take_head(head, data)
        except HumpyardError as error:
            self._failed(source, error)
            return missing
        places = self.held.places if missing is None else missing
        left = {place for place in places if not self._read(source, reader, place, head, visitor)}
        if not left:
            self._well(source)
        return left

    def _read(self, source: Source, reader: Reads, place: Place, head: MirrorHead, visitor: Visitor) -> bool:
        board = Board.parse(place.board)
        before = self.held.served.get(place)
        try:
            data = reader.read(channel_document_key(place.channel, board), CHANNEL_LIMIT)
            known = before is not None and before.data == data
            document = (
                before.document if before and known else open_document(data, place.channel, board, visitor)
            )
            check_time(document, visitor)
            check_forward(document, before.document if before else None)
            check_head(document, head)
        except HumpyardError as error:
            self._failed(source, error, place)
            return False
        if not known:
            self._hold(place, document, data, source.name)
        self._changes.settle(f"document {place}", "good")
        return True

    def _take_head(self, head: MirrorHead, data: bytes) -> None:
        """Hold a head, and remember it."""
        seen = self._seen = _seen(head)
        self._hold_head(head)
        memory = self._memory
        if memory is None or seen == self._kept:
            return

        def keep() -> None:
            if memory.keep_head(seen, data):
                self._kept = seen

        self._remember(keep)

    def _hold_head(self, head: MirrorHead) -> None:
        """Take over which documents there are, and which releases nobody may have."""
        places = frozenset(self._wanted.places(head))
        if not places:
            said = ", ".join(head.channels) or "none"
            self._changes.tell("places", said, "nothing-to-serve", channels_of_the_head=said)
        self.held = replace(
            self.held,
            places=places,
            channels=frozenset(place.channel for place in places),
            withdrawn=frozenset(one.release for one in head.withdrawn),
            paused=frozenset(
                (channel, now.version)
                for channel, now in head.channels.items()
                if now.status is ChannelStatus.PAUSED
            ),
            head_at=head.ledger.sequence,
        )

    def _hold(self, place: Place, document: ChannelDocument, data: bytes, mirror: str) -> None:
        served = Served(document=document, manifests=prepare(document), data=data)
        self.held = replace(self.held, served=MappingProxyType({**self.held.served, place: served}))
        first = document.offers[0]
        self._changes.tell(
            f"serving {place}",
            f"{document.generation} {first.release.version} {first.status} {first.rollout.since}",
            "document",
            place="/".join(place),
            version=str(first.release.version),
            status=first.status.value,
            ledger=document.ledger.sequence,
            expires=format_time(document.expires),
            mirror=mirror,
        )
        if self._memory is not None and mirror != "memory":
            self._remember(partial(self._memory.keep, place.channel, document.board, data))

    def _remember(self, keep: Callable[[], None]) -> None:
        """A disk that is full, or of somebody else, must not hold back what mirrors say."""
        try:
            keep()
        except HumpyardError as error:
            self._changes.tell("memory", "failed", "memory-failed", error=error.message)
        else:
            self._changes.settle("memory", "good")

    def _forget_expired(self, now: datetime) -> None:
        """Tell of documents that ended, and let go of those that no head speaks of any more."""
        kept = dict(self.held.served)
        for place, one in self.held.served.items():
            if now < one.document.expires:
                continue
            expires = format_time(one.document.expires)
            self._changes.tell(f"serving {place}", expires, "expired", place="/".join(place), expires=expires)
            if self.held.places and place not in self.held.places:
                del kept[place]
        if len(kept) != len(self.held.served):
            self.held = replace(self.held, served=MappingProxyType(kept))

    def _failed(self, source: Source, error: HumpyardError, place: Place | None = None) -> None:
        """Tell of it once; what is wrong is told anew when it is something else."""
        self._failing.add(source.name)
        said = None if place is None else "/".join(place)
        event = "document-refused" if isinstance(error, NotVerifiedError) else "mirror-failed"
        if isinstance(error, InputError) and not isinstance(error, MissingObjectError):
            event = "document-refused"
        self._changes.tell(
            f"mirror {source.name} {said}",
            type(error).__name__,
            event,
            mirror=source.name,
            place=said,
            kind=type(error).__name__,
            error=error.message,
        )

    def _well(self, source: Source) -> None:
        self._failing.discard(source.name)
        subjects = [None, *("/".join(place) for place in self.held.places)]
        settled = [self._changes.settle(f"mirror {source.name} {said}", "good") for said in subjects]
        if any(settled):  # all are settled before any is looked at
            self._changes.log.say("mirror-good", mirror=source.name)


def _seen(head: MirrorHead) -> Seen:
    return Seen(product=head.product, ledger=head.ledger, issued=head.issued)

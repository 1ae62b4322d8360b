"""What mirrors are to show now: head, ledger, channels, pages; one consistent state of the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

from release.catalog.board import Board
from release.catalog.channel_info import alias_folder
from release.catalog.naming import HEAD_FILE, PAGES_PREFIX, POINTER_FILE, current_prefix
from release.catalog.version import Version
from release.ledger.chain import Chain
from release.ledger.state import base_of
from release.line.channel_documents import present_document
from release.line.head import present_head
from release.line.yard import Yard
from release.mirror.pointers import read_channel_pointer
from release.mirror.replica import CURRENT, Document
from release.mirror.store import LostRaceError
from release.promotion.delivery import MirrorSite
from release.trust.channel_document import (
    CHANNEL_FILE,
    ChannelDocumentError,
    channel_document_key,
    read_channel_document,
    unseal_channel,
)
from release.trust.head import ChannelStatus, HeadError, MirrorHead

_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSaying:
    """What a channel of one board shows. ``version`` is None while nobody shall be led to what it is at."""

    channel: str
    board: Board
    version: Version | None
    pointer: bytes | None
    document: bytes | None
    """The signed channel document, None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """The state of the store that mirrors follow. ``data`` is the stored head, ``pages`` are keys."""

    head: MirrorHead
    data: bytes
    chain: Chain
    channels: tuple[ChannelSaying, ...]
    pages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSaying:
    """A folder in which a channel is shown: its own ``current``, or a stream's name under its base."""

    said: ChannelSaying
    channel: str
    folder: str
    documents: tuple[Document, ...]
    """``version.txt``, which leads to all others, last. A channel document is of its own channel only."""

    @property
    def is_alias(self) -> bool:
        """Whether it shows a channel in the place of another."""
        return self.channel != self.said.channel


def views(saying: Saying, site: MirrorSite) -> Iterator[ViewSaying]:
    """All that a mirror shows of the channels that it serves. Pure."""
    for one in saying.channels:
        if not site.serves(one.channel):
            continue
        prefix = current_prefix(one.channel, one.board)
        found = ((prefix + CHANNEL_FILE, one.document), (prefix + POINTER_FILE, one.pointer))
        documents = tuple(Document(key=key, data=data) for key, data in found if data is not None)
        yield ViewSaying(said=one, channel=one.channel, folder=CURRENT, documents=documents)
        base = base_of(one.channel, saying.chain.state.streams)
        if base is not None and one.pointer is not None:
            folder = alias_folder(base, one.channel)
            pointer = Document(key=f"{base}/{one.board}/{folder}/{POINTER_FILE}", data=one.pointer)
            yield ViewSaying(said=one, channel=base, folder=folder, documents=(pointer,))


def saying_of(yard: Yard) -> Saying | None:
    """What the store says now; None before it has a head.

    The head is read first: all that it names was there before it.

    Raises:
        LostRaceError: the store kept moving while it was read.
        NotVerifiedError: head or channel documents were not signed by the pipeline.
    """
    for _ in range(_TRIES):
        pointer = yard.store.read_pointer(HEAD_FILE)
        if pointer is None:
            return None
        chain = yard.ledger.read()
        head = present_head(yard, chain, pointer.data)
        channels = _channels(yard, chain, head)
        if channels is not None:
            return Saying(
                head=head,
                data=pointer.data,
                chain=chain,
                channels=channels,
                pages=tuple(yard.store.list(PAGES_PREFIX)),
            )
    raise LostRaceError("the store moves on while mirrors are to follow it; run the same command again")


def _channels(yard: Yard, chain: Chain, head: MirrorHead) -> tuple[ChannelSaying, ...] | None:
    """What each channel shows, None when the store does not agree with the head any more, or yet."""
    found = []
    for name, channel in head.channels.items():
        for board in channel.boards:
            key = channel_document_key(name, board)
            stored = yard.store.read_pointer(key)
            pointer = read_channel_pointer(yard.store, name, board, naming=yard.naming)
            is_shown = channel.status is not ChannelStatus.WITHDRAWN
            if is_shown and (pointer is None or pointer.version != channel.version):
                return None
            if stored is not None:
                document = present_document(yard, chain, key, stored.data)
                if document.offers[0].release.version != channel.version:
                    return None
            found.append(
                ChannelSaying(
                    channel=name,
                    board=board,
                    version=channel.version if is_shown else None,
                    pointer=pointer.text if is_shown and pointer is not None else None,
                    document=None if stored is None else stored.data,
                )
            )
    return tuple(found)


class Judge:
    """Tells what is newer of two signed documents. For several threads."""

    def __init__(self, yard: Yard, chain: Chain) -> None:
        self._yard = yard
        self._chain = chain
        self._lock = Lock()  # one keyring is read by one program at a time

    def head(self, data: bytes) -> MirrorHead | None:
        """The head that a mirror has, None when the pipeline did not sign it: then nobody believes it.

        Raises NotVerifiedError when the pipeline signed it on another ledger than this.
        """
        with self._lock:
            try:
                return present_head(self._yard, self._chain, data)
            except HeadError:
                return None

    def may_follow(self, document: Document, there: bytes) -> bool:
        """Whether a document is not older than what is there. What nobody signed may always go."""
        if document.key == HEAD_FILE:
            ours, theirs = self.head(document.data), self.head(there)
            return theirs is None or (ours is not None and not is_newer(theirs, ours))
        if document.key.rpartition("/")[2] == CHANNEL_FILE:
            return self._channel_may_follow(document, there)
        return True

    def _channel_may_follow(self, document: Document, there: bytes) -> bool:
        """An alias has the document of the stream that it stands for, or stood for before."""
        sealed = read_channel_document(unseal_channel(document.data, document.key).body, document.key)
        key = channel_document_key(sealed.channel, sealed.board)
        with self._lock:
            try:
                found = present_document(self._yard, self._chain, key, there)
            except ChannelDocumentError:
                return True
        return (found.ledger.sequence, found.issued) <= (sealed.ledger.sequence, sealed.issued)


def is_newer(one: MirrorHead, other: MirrorHead) -> bool:
    """Whether ``one`` was signed after ``other``."""
    return (one.ledger.sequence, one.issued) > (other.ledger.sequence, other.issued)

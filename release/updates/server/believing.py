"""When an update server believes a channel document. Pure; the first rule that fails has the word.

1. It is signed by a key of the pipeline that is trusted here and good now.
2. It is a document of this format, of the product, for the channel and board asked for.
3. It was not issued in the future, and has not expired.
4. It is not older than the one believed before, by ledger entry and by time; nor of another ledger.
5. It does not lag behind the head that the same mirror shows, which is believed by rules of its own
   (``release.trust.verify``): neither in what the channel is at, nor in whether machines may have it.
"""

from __future__ import annotations

from dataclasses import replace

from release.catalog.board import Board
from release.catalog.naming import HEAD_FILE
from release.errors import NotVerifiedError
from release.ledger.entries import CLOCK_SKEW
from release.ledger.fields import format_time
from release.trust.channel_document import (
    ChannelDocument,
    ChannelDocumentError,
    channel_document_key,
    read_channel_document,
    unseal_channel,
)
from release.trust.head import ChannelStatus, MirrorHead, read_head, unseal
from release.trust.verify import FrozenError, MixedError, RolledBackError, Visitor, verify_head


def recalled_head(data: bytes, visitor: Visitor) -> MirrorHead:
    """A head that this server believed before. It may have expired since, or be older than another one.

    What it withdraws and pauses is held back all the same; nothing is offered because of it.

    Raises:
        HeadError: not a head, not signed by a trusted key of the pipeline that was good when it was
            issued, another product's, or issued in the future.
    """
    issued = read_head(unseal(data, HEAD_FILE).body, HEAD_FILE).issued
    return verify_head(data, replace(visitor, now=min(visitor.now, issued), seen=None)).head


def open_document(data: bytes, channel: str, board: Board, visitor: Visitor) -> ChannelDocument:
    """Rules 1 and 2.

    Raises:
        ChannelDocumentError: not one, not signed by a trusted key of the pipeline, or another's.
    """
    key = channel_document_key(channel, board)
    sealed = unseal_channel(data, key)
    try:  # (1)
        signer = visitor.verifier.verify(sealed.signed_bytes, sealed.signature, at=visitor.now)
    except NotVerifiedError as error:
        raise ChannelDocumentError(f"{key}: {error.message}", hint=error.hint) from error
    if signer not in visitor.trust.pipeline:
        raise ChannelDocumentError(f"{key}: signed by {signer}, which is no key of the pipeline")
    document = read_channel_document(sealed.body, key)  # (2)
    found = (document.product, document.channel, document.board)
    if found != (visitor.product, channel, board):
        raise ChannelDocumentError(f"{key}: is of {found[0]!r}, {found[1]}/{found[2]}")
    return document


def check_time(document: ChannelDocument, visitor: Visitor) -> None:
    """Rule 3.

    Raises:
        ChannelDocumentError: issued in the future.
        FrozenError: expired.
    """
    key = channel_document_key(document.channel, document.board)
    now = format_time(visitor.now)
    if document.issued > visitor.now + CLOCK_SKEW:
        raise ChannelDocumentError(
            f"{key}: issued {format_time(document.issued)}, but it is {now}",
            hint="check this machine's clock",
        )
    if visitor.now >= document.expires:
        raise FrozenError(f"{key}: expired {format_time(document.expires)}: it is {now}")


def check_forward(document: ChannelDocument, before: ChannelDocument | None) -> None:
    """Rule 4. Raises RolledBackError."""
    if before is None:
        return
    key = channel_document_key(document.channel, document.board)
    if document.ledger.sequence < before.ledger.sequence or document.issued < before.issued:
        raise RolledBackError(
            f"{key}: of {format_time(document.issued)}, at ledger entry {document.ledger.sequence}; believed"
            f" before was one of {format_time(before.issued)}, at entry {before.ledger.sequence}",
            hint="this mirror lags behind, or is taken back in time by somebody",
        )
    same_entry = document.ledger.sequence == before.ledger.sequence
    if same_entry and document.ledger.digest != before.ledger.digest:
        raise RolledBackError(f"{key}: of another ledger than the one believed before")


def check_head(document: ChannelDocument, head: MirrorHead) -> None:
    """Rule 5; a document that is newer than the head may say more. Raises MixedError."""
    now = head.channels.get(document.channel)
    if now is None or document.ledger.sequence > head.ledger.sequence:
        return
    key = channel_document_key(document.channel, document.board)
    first = document.offers[0]
    found = (document.generation, first.release.version, first.status)
    if found != (now.generation, now.version, now.status):
        raise MixedError(
            f"{key}: says that {document.channel} is at {first.release.version}, {first.status}; the head"
            f" says {now.version}, {now.status}",
            hint="the channel is moving just now, or this mirror holds the document back",
        )
    gone = {one.release for one in head.withdrawn}
    for offer in document.offers:
        if offer.release.release in gone and offer.status is not ChannelStatus.WITHDRAWN:
            raise MixedError(f"{key}: offers {offer.release.version}, which the head says is withdrawn")

"""``current/channel.json``: what machines of a channel and board are offered, signed, until when.

All that an update server needs to answer: releases with their payloads, how far each is rolled out, the
releases that old machines must pass through, and which mirrors have the bytes. The object is sealed like
``head.json``; see ``release.trust.head``. It is derived from the ledger, so that it can be checked by it;
an update server believes it on the word of the pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, PlainSerializer, PlainValidator, StrictBool, with_config

from release.canonical import Json
from release.catalog.board import Board
from release.catalog.naming import current_prefix
from release.digests import Digest
from release.errors import InputError, NotVerifiedError
from release.ledger.fields import (
    BoardText,
    ChannelName,
    Count,
    Line,
    Reader,
    Sha256,
    Utc,
    VersionText,
    Whole,
    Word,
)
from release.ledger.sealed import Sealed, SealedKind
from release.mirror.store import POINTER_LIMIT
from release.promotion.delivery import RolloutRules
from release.trust.head import ChannelStatus, LedgerPosition
from release.trust.rollout_fields import RulesFields

FORMAT = "humpyard-channel-1"
CHANNEL_FILE = "channel.json"
CHANNEL_LIMIT = POINTER_LIMIT
"""Bytes of the object. A longer one is refused unread."""


class ChannelDocumentError(NotVerifiedError):
    """A channel document is missing, not one, or not signed by a key that is trusted here."""


def channel_document_key(channel: str, board: Board) -> str:
    """Where the document of a channel and board is."""
    return current_prefix(channel, board) + CHANNEL_FILE


def _rules_from(value: object) -> RolloutRules:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected an object, found {type(value).__name__}")  # noqa: TRY004  pydantic asks for it
    try:
        return _RULES.read(value, "rules").rules()
    except InputError as error:
        raise ValueError(error.message) from error


def _rules_to(rules: RolloutRules) -> dict[str, Json]:
    return _RULES.write(RulesFields.of(rules))


def _sha1(value: object) -> Digest:
    try:
        digest = Digest.parse(str(value))
    except InputError as error:
        raise ValueError(error.message) from error
    if digest.algorithm != "sha1":
        raise ValueError(f"expected sha1, found {digest.algorithm}")
    return digest


_RULES = Reader(RulesFields)
_Rules = Annotated[
    RolloutRules,
    PlainValidator(_rules_from),
    PlainSerializer(lambda rules: _RULES.write(RulesFields.of(rules))),
]
_Sha1 = Annotated[Digest, PlainValidator(_sha1), PlainSerializer(str)]
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}$")]
_Url = Annotated[str, Field(pattern=r"^https?://[!-~]+/$", max_length=200)]


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedPayload:
    """A payload under ``update/<board>/<version>/``; ``size`` in bytes. ``sha1`` is for old clients only.

    ``source`` is the version that a delta needs; None for a full payload. ``extension`` tells of one that
    makes a system extension. ``profile`` names the family of clients that can apply it.
    """

    name: _FileName
    size: Annotated[Whole, Field(ge=1)]
    sha256: Sha256
    sha1: _Sha1
    profile: Word
    source: VersionText | None = None
    extension: StrictBool = False


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedRelease:
    """A release as machines get it. ``mirrors`` names those that have all of it, verified, in their order."""

    version: VersionText
    release: Sha256
    payloads: Annotated[tuple[OfferedPayload, ...], Field(min_length=1)]
    mirrors: tuple[Word, ...]

    @property
    def full(self) -> OfferedPayload:
        """The payload that any machine can take."""
        return next(one for one in self.payloads if one.source is None and not one.extension)

    def __post_init__(self) -> None:
        whole = [one for one in self.payloads if one.source is None and not one.extension]
        if len(whole) != 1:
            raise InputError(f"release {self.version}: expected one full payload, found {len(whole)}")


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How far a release is rolled out. ``active`` counts whole seconds before ``since``, stops left out.

    ``since`` is when it began, or went on, last; None while it is stopped.
    """

    active: Count
    since: Utc | None
    rules: _Rules

    def active_at(self, now: datetime) -> timedelta:
        """For how long it has been rolled out at ``now``."""
        before = timedelta(seconds=self.active)
        return before if self.since is None else before + max(now - self.since, timedelta())


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A release that the channel came to, whether machines get it, and how many."""

    release: OfferedRelease
    status: ChannelStatus
    rollout: Rollout


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class FloorRelease:
    """A release that older machines pass through. A withdrawn one lets nobody pass."""

    release: OfferedRelease
    withdrawn: StrictBool = False


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDocument:
    """What the pipeline said at ``issued``. Nobody believes it from ``expires`` on.

    ``offers`` begin with what the channel is at; then what it was at before, for machines that do not
    get the first yet, or any more. ``floors`` ascend. ``mirrors`` gives the addresses, by name.
    """

    product: Line
    channel: ChannelName
    board: BoardText
    issued: Utc
    expires: Utc
    ledger: LedgerPosition
    generation: Annotated[Count, Field(ge=1)]
    offers: Annotated[tuple[Offer, ...], Field(min_length=1)]
    floors: tuple[FloorRelease, ...] = ()
    mirrors: Mapping[Word, _Url] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.expires <= self.issued:
            raise InputError(f"expires {self.expires}: expected later than issued, {self.issued}")
        offered = [one.release.version for one in self.offers]
        floors = [one.release.version for one in self.floors]
        if offered != sorted(set(offered), reverse=True) or floors != sorted(set(floors)):
            raise InputError("expected offers from the newest to the oldest, and floors the other way")
        releases = [one.release for one in self.offers] + [one.release for one in self.floors]
        named = {name for release in releases for name in release.mirrors}
        if not named <= set(self.mirrors):
            raise InputError(f"mirrors without an address: {', '.join(sorted(named - set(self.mirrors)))}")


_DOCUMENT = SealedKind(
    ChannelDocument,
    text_format=FORMAT,
    limit=CHANNEL_LIMIT,
    what="channel document",
    error=ChannelDocumentError,
)


def write_channel_document(document: ChannelDocument) -> str:
    """The canonical text of a document, to be signed.

    Raises:
        ChannelDocumentError, InputError: it would not be read back as it is.
    """
    return _DOCUMENT.write(document)


def read_channel_document(text: str, where: str) -> ChannelDocument:
    """Read the signed text of a document. Raises ChannelDocumentError for any other format or form."""
    return _DOCUMENT.read(text, where)


def seal_channel(body: str, signature: str) -> bytes:
    """The object to store. Raises InputError when it is longer than ``CHANNEL_LIMIT``."""
    return _DOCUMENT.seal(body, signature)


def unseal_channel(data: bytes, where: str) -> Sealed:
    """Open a stored document. Nothing in it is verified. Raises ChannelDocumentError when it is none."""
    return _DOCUMENT.unseal(data, where)

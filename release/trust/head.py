"""``head.json``: what every channel offers, as of which ledger entry, and until when that is to be believed.

The object is canonical JSON ``{"body": TEXT, "signature": ARMORED}``, so that document and signature
move as one by compare-and-swap. The signature is over exactly the UTF-8 bytes of TEXT, which are never
re-encoded. The whole ledger and every release hang on it by their SHA-256: a mirror that serves a head
which is signed and fresh can alter, mix, roll back or hold back nothing that the head leads to.

Advice about withdrawn releases is in the ledger and on their pages, since a head must stay small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictBool, with_config

from release.errors import InputError, NotVerifiedError
from release.ledger.fields import (
    BoardText,
    ChannelName,
    Count,
    Line,
    Prose,
    Sha256,
    Utc,
    VersionText,
)
from release.ledger.sealed import Sealed, SealedKind

FORMAT = "humpyard-head-1"
HEAD_LIMIT = 64 << 10
"""Bytes of the object. A longer one is refused unread."""


class HeadError(NotVerifiedError):
    """The head is missing, not one, or not signed by a key that is trusted here."""


class ChannelStatus(StrEnum):
    """Whether machines are offered what a channel is at."""

    OFFERED = "offered"
    PAUSED = "paused"
    """Not now: its rollout was stopped and may go on."""
    WITHDRAWN = "withdrawn"
    """Not any more: nobody shall install it."""


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPosition:
    """The last entry of the ledger when the head was signed: its number, and the SHA-256 of its bytes."""

    sequence: Count
    digest: Sha256


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHead:
    """Where a channel is. ``since`` is when it came to this release."""

    version: VersionText
    release: Sha256
    """The release digest."""
    generation: Annotated[Count, Field(ge=1)]
    status: ChannelStatus
    frozen: StrictBool
    """Whether somebody stopped the channel from moving. Windows of the policy's calendar do not show."""
    since: Utc
    boards: Annotated[tuple[BoardText, ...], Field(min_length=1)]
    end_of_life: Utc | None = None
    """When support of a stream ends; None for what is no stream."""


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawnRelease:
    """A release that nobody shall install, whatever channel it is in, or was."""

    version: VersionText
    release: Sha256
    reason: Prose
    since: Utc


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorHead:
    """What the pipeline said at ``issued``. Nobody believes it from ``expires`` on."""

    product: Line
    issued: Utc
    expires: Utc
    ledger: LedgerPosition
    policy: Sha256
    channels: Mapping[ChannelName, ChannelHead]
    withdrawn: tuple[WithdrawnRelease, ...] = ()

    def __post_init__(self) -> None:
        if self.expires <= self.issued:
            raise InputError(f"expires {self.expires}: expected later than issued, {self.issued}")


_HEAD = SealedKind(MirrorHead, text_format=FORMAT, limit=HEAD_LIMIT, what="head", error=HeadError)


def write_head(head: MirrorHead) -> str:
    """The canonical text of a head, to be signed.

    Raises:
        HeadError, InputError: it would not be read back as it is.
    """
    return _HEAD.write(head)


def read_head(text: str, where: str) -> MirrorHead:
    """Read the signed text of a head. Raises HeadError for any other format or form."""
    return _HEAD.read(text, where)


def seal(body: str, signature: str) -> bytes:
    """The object to store. Raises InputError when it is longer than ``HEAD_LIMIT``."""
    return _HEAD.seal(body, signature)


def unseal(data: bytes, where: str) -> Sealed:
    """Open a stored head. Nothing in it is verified. Raises HeadError when it is none."""
    return _HEAD.unseal(data, where)

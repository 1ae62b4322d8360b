"""What an entry can say: one frozen record per kind, read strictly from the entry's ``data``.

A new kind is a class, a line in ``KINDS`` and a step in ``release.ledger.fold``. Older programs meet
it as an unknown kind and stop, because they cannot know what it changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, StrictBool, with_config

from release.canonical import Json
from release.catalog.channel import PromotionKind
from release.catalog.lineage import Lineage
from release.errors import InputError
from release.ledger.fields import (
    Armored,
    BoardText,
    ChannelName,
    Count,
    Fingerprint,
    Line,
    Prose,
    Reader,
    Sha256,
    StatementText,
    Utc,
    VersionText,
    Whole,
    Word,
)


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """Starts a ledger: whose it is, which keys the pipeline signs with, which policy is in force."""

    product: Line
    pipeline_keys: Annotated[tuple[Fingerprint, ...], Field(min_length=1)]
    policy: Sha256
    """SHA-256 of the policy file's bytes."""
    channels: Annotated[tuple[ChannelName, ...], Field(min_length=1)]
    streams: tuple[ChannelName, ...] = ()
    """Those of ``channels`` that have streams: ``lts`` has ``lts-2024``, and follows the newest."""


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRegistered:
    """A release exists and may be asked for.

    ``offered_in`` is for history from before the ledger: channels that point to this release already.
    Each becomes a head without a request. History comes first: the fold allows it only until the
    first request and the first release without it, so that it can never be a way around a gate.
    """

    version: VersionText
    release: Sha256
    """The release digest."""
    boards: Annotated[tuple[BoardText, ...], Field(min_length=1)]
    built_for: ChannelName
    lineage: PromotionKind = PromotionKind.SAME_BITS
    derives_from: VersionText | None = None
    built_by: Fingerprint | None = None
    """Who built it, when a person did. That person's sign-off does not count."""
    offered_in: tuple[ChannelName, ...] = ()

    def __post_init__(self) -> None:
        Lineage(self.lineage, self.derives_from)


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMade:
    """Somebody asks that a channel move, that the policy change, or that a stop be lifted."""

    statement: StatementText
    statement_signature: Armored


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffGiven:
    """Somebody says go or no-go to a request."""

    statement: StatementText
    statement_signature: Armored


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverGiven:
    """Somebody answers for failures that a check of a release found."""

    statement: StatementText
    statement_signature: Armored


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class StopOrdered:
    """Somebody stops a rollout, a channel or a release. It holds from here on."""

    statement: StatementText
    statement_signature: Armored


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFound:
    """A check of a release was made. The latest of one name, and baseline, counts."""

    release: Sha256
    name: Word
    passed: StrictBool
    detail: Prose = ""
    against: VersionText | None = None
    """The release it was compared with; None for a check of the release alone."""
    document: Sha256 | None = None
    """What was found in full: the SHA-256 of an object under ``evidence/``."""
    facts: Mapping[Word, Whole] = field(default_factory=dict)
    """Measured numbers, by name; units are the check's."""
    failed: Annotated[tuple[Line, ...], Field(max_length=1000)] = ()
    """Names of what failed, by which a waiver names it."""


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class PointerMoved:
    """A request was carried out: the channel's head is this release from now on."""

    channel: ChannelName
    version: VersionText
    release: Sha256
    request: Sha256
    generation: Annotated[Count, Field(ge=1)]
    """The channel's generation after the move."""
    from_version: VersionText | None
    decided_at: Utc
    """The time for which the gate was asked. The audit asks it again, and tells of one that is not the
    entry's: that is later where an earlier entry was dated by a wrong clock."""
    decision: tuple[Prose, ...] = ()
    """One line per rule of the gate, for people. The audit derives the decision anew."""


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged:
    """A request was carried out: this policy is in force from now on, and these keys are the pipeline's."""

    policy: Sha256
    previous: Sha256
    request: Sha256
    channels: Annotated[tuple[ChannelName, ...], Field(min_length=1)]
    streams: tuple[ChannelName, ...] = ()
    pipeline_keys: Annotated[tuple[Fingerprint, ...], Field(min_length=1)]
    decided_at: Utc
    decision: tuple[Prose, ...] = ()


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class StopLifted:
    """A request was carried out: the stop does not hold any more."""

    stop: Sha256
    """The digest of the stop's statement."""
    request: Sha256
    decided_at: Utc
    decision: tuple[Prose, ...] = ()


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorVerified:
    """Every file that a channel has of a release was read from a mirror's public address, and compared.

    ``passed`` False takes it back: something is missing there, or differs.
    """

    mirror: Word
    channel: ChannelName
    version: VersionText
    release: Sha256
    passed: StrictBool
    detail: Prose = ""


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutHalted:
    """The pipeline stops a rollout by the rules of the policy. It holds like a person's pause."""

    channel: ChannelName
    version: VersionText
    release: Sha256
    reason: Prose
    facts: Mapping[Word, Whole] = field(default_factory=dict)
    """What was counted when it halted, by name."""


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseCollected:
    """Nobody needs the bytes of a release any more: they may go from every mirror, from here on.

    Its ``release.json`` stays, with its signature. No channel can move to it again.
    """

    version: VersionText
    release: Sha256
    reason: Prose
    files: Count = 0
    size: Annotated[Whole, Field(ge=0)] = 0
    """How many files go, of how many bytes, as ``release.json`` counts them."""


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class NotesRevised:
    """Somebody corrects the notes of a release after it was published; its ``release.json`` stays."""

    statement: StatementText
    statement_signature: Armored


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class IssueTold:
    """Somebody tells of a known issue, or what became of one."""

    statement: StatementText
    statement_signature: Armored


Statement = RequestMade | SignOffGiven | WaiverGiven | StopOrdered | NotesRevised | IssueTold
"""Kinds whose content a person signed with their own key; the pipeline may carry them in."""
Content = (
    Genesis
    | ReleaseRegistered
    | EvidenceFound
    | PointerMoved
    | PolicyChanged
    | StopLifted
    | MirrorVerified
    | RolloutHalted
    | ReleaseCollected
    | Statement
)

KINDS: Mapping[str, type[Content]] = {
    "genesis": Genesis,
    "release": ReleaseRegistered,
    "request": RequestMade,
    "sign-off": SignOffGiven,
    "waiver": WaiverGiven,
    "stop": StopOrdered,
    "evidence": EvidenceFound,
    "pointer": PointerMoved,
    "policy": PolicyChanged,
    "resume": StopLifted,
    "mirror": MirrorVerified,
    "halt": RolloutHalted,
    "collected": ReleaseCollected,
    "revision": NotesRevised,
    "known-issue": IssueTold,
}
_NAMES: Mapping[type[Content], str] = {record: name for name, record in KINDS.items()}
_READERS: Mapping[str, Reader[Any]] = {name: Reader(record) for name, record in KINDS.items()}


def kind_of(content: Content) -> str:
    """The word an entry carries for this content."""
    return _NAMES[type(content)]


def write_content(content: Content) -> dict[str, Json]:
    """The ``data`` of an entry. Raises InputError when ``content`` would not be read back as it is."""
    kind = kind_of(content)
    data = _READERS[kind].write(content)
    if read_content(kind, data, f"new {kind} entry") != content:
        raise InputError(f"new {kind} entry: {data} does not say the same as {content}")
    return data


def read_content(kind: str, data: Mapping[str, Json], where: str) -> Content:
    """Read an entry's ``data``.

    Raises:
        InputError: a kind this program does not know, or fields that are not what the kind has.
    """
    reader = _READERS.get(kind)
    if reader is None:
        raise InputError(
            f"{where}: kind {kind!r} is unknown; known are {', '.join(KINDS)}",
            hint="written by a newer humpyard: update this one before it decides anything",
        )
    content: Content = reader.read(data, where)
    return content

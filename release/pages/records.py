"""What pages are told: releases and what befell them, corrections, issues, rollouts, mirrors, keys. Values.

Nothing here is refused for what people wrote in a hurry, an empty reason included: a page that says
"withdrawn" must come out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from release.bundle.difference import BoardDifference
from release.bundle.release import Release
from release.catalog.board import Board
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError
from release.image.packages import Package
from release.notes.imported import ImportedRelease

AnyRelease = Release | ImportedRelease
"""What pages describe. Both say version, channel, created, notes, software, boards and lineage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Somebody stopped something: a release, its rollout in a channel, or a channel.

    ``automatic``: nobody did, the policy's rules halted the rollout by what machines reported. It
    stands from ``since`` until it is ``lifted`` (aware, UTC; None while it stands). ``reason`` and
    ``advice``, what those who have the release shall do, are plain text as people wrote it.
    """

    since: datetime
    reason: str
    advice: str = ""
    lifted: datetime | None = None
    automatic: bool = False

    def __post_init__(self) -> None:
        check_utc("stop: since", self.since)
        if self.lifted is not None:
            check_utc("stop: lifted", self.lifted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hurry:
    """A promotion that did not wait: ``skipped`` names what for, ``soak`` or ``freeze``.

    ``incident`` is a name or an address; only an address becomes a link.
    """

    skipped: tuple[str, ...]
    reason: str
    incident: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A channel that is a stream of the channel ``stream_of``, supported from ``opened`` until ``ends``."""

    stream_of: str
    opened: datetime
    ends: datetime

    def __post_init__(self) -> None:
        check_utc("support: opened", self.opened)
        check_utc("support: ends", self.ends)
        if self.ends <= self.opened:
            raise InputError(f"support: ends {self.ends}, which is not after it opened, {self.opened}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A correction of a release's notes after it was published: signed by a person, recorded in the ledger.

    ``recorded`` is when (aware, UTC), ``summary`` what was corrected, in plain text, ``notes`` the whole
    new text in Markdown; of one that was corrected since it may be left out, since no page shows it.
    """

    recorded: datetime
    summary: str
    notes: str

    def __post_init__(self) -> None:
        check_utc("revision: recorded", self.recorded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The latest result of one check. ``waived`` where it failed and people let it pass; plain texts."""

    name: str
    passed: bool
    detail: str
    recorded: datetime
    waived: bool = False
    facts: Mapping[str, int] = field(default_factory=dict, hash=False)


class IssueState(StrEnum):
    """How far a known issue is."""

    INVESTIGATING = "investigating"
    MITIGATED = "mitigated"
    FIXED = "fixed"
    CLOSED = "closed"
    """It was none, or nothing will be done."""

    @property
    def is_open(self) -> bool:
        """Whether users must still reckon with it."""
        return self in {IssueState.INVESTIGATING, IssueState.MITIGATED}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIssue:
    """Something that is wrong with releases, and what to do about it. Texts are plain.

    ``name`` is its permanent name, lower-case words joined by ``-``. ``opened`` and ``updated`` are
    times of the ledger (aware, UTC). ``affected`` and ``fixed_in`` ascend.
    """

    name: str
    title: str
    text: str
    workaround: str
    state: IssueState
    opened: datetime
    updated: datetime
    affected: tuple[Version, ...]
    fixed_in: tuple[Version, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How what a channel is at reaches its machines.

    Attributes:
        began: when the first machine could have it (aware, UTC).
        steps: the share (0 to 1) of machines at a time; ascending, the last is 1. Times hold if nothing
            stops the rollout from now on; those that were passed are when they were.
        linear: the share grows evenly between steps; without, it waits for the next.
        share: at the site's ``generated_at``, 0 to 1.
        windows: when updates are offered, in words; empty for any time.
    """

    began: datetime
    steps: tuple[tuple[datetime, Decimal], ...]
    linear: bool
    share: Decimal
    windows: tuple[str, ...] = ()

    @property
    def complete(self) -> datetime:
        """When everybody may have it."""
        return self.steps[-1][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorSite:
    """A mirror that the policy names. ``verified`` has what each channel is at, where it has it whole."""

    name: str
    url: str
    channels: tuple[str, ...]
    """Those that it is to have."""
    verified: tuple[str, ...]
    """Those of which it has what they are at, read back from its public address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key that people or machines are to believe.

    ``purpose`` is ``files`` (OpenPGP, over files and documents), ``payloads`` (RSA, in update payloads) or
    ``ledger``. ``fingerprint`` is hexadecimal. ``expires`` is aware, UTC. ``path`` is where the public key
    is on the pages, relative to their root; ``data`` its bytes.
    """

    purpose: str
    owner: str
    algorithm: str
    fingerprint: str
    created: datetime | None
    expires: datetime | None
    path: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A release that older machines of a channel must pass through, and why, in plain text."""

    channel: str
    version: Version
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """What a distribution makes of the pages by settings; templates can be replaced besides.

    ``accent`` and ``accent_dark`` are colours (``#rrggbb``) of links on light and dark paper, with a
    contrast of at least 4.5 to it (WCAG 2.2, 1.4.3). ``links`` are texts and http(s) addresses for the
    foot of every page. ``home`` is the product's own site.
    """

    tagline: str = ""
    accent: str = "#0b57a4"
    accent_dark: str = "#8ab8f5"
    home: str | None = None
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEntry:
    """``name`` has offered, or still offers, a release from ``since`` (aware, UTC) on.

    ``pauses`` are those of this release's rollout in this channel, in any order. ``approvals`` are the
    roles of the people whose go let it in, one for each of them; no names.
    """

    name: str
    since: datetime
    pauses: tuple[Stop, ...] = ()
    hurry: Hurry | None = None
    approvals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_utc(f"channel {self.name}: since", self.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRelease:
    """A release on the mirror, or one of a history that was imported.

    Attributes:
        release: what it ships.
        release_digest: of its ``release.json``; None for an imported one.
        channels: who offers it, or offered it; empty as long as it was promoted to none.
        withdrawals: in any order. A release is withdrawn while one of them stands.
        collected: since when its files are not kept any more (aware, UTC); None while they are.
        revisions: corrections of the notes after publication, the oldest first.
        evidence: the latest result of each check, sorted by name.
        packages: what is installed, by board; nothing for a board whose list is not at hand.
        differences: by the release it is compared with, board by board.
    """

    release: AnyRelease
    release_digest: Digest | None
    channels: tuple[ChannelEntry, ...] = ()
    withdrawals: tuple[Stop, ...] = ()
    collected: datetime | None = None
    revisions: tuple[Revision, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    packages: Mapping[Board, tuple[Package, ...]] = field(default_factory=dict, hash=False)
    differences: Mapping[Version, tuple[BoardDifference, ...]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.collected is not None:
            check_utc("release: collected", self.collected)

    @property
    def notes(self) -> str:
        """The notes as they read now, Markdown: those of the last revision, if there was one."""
        return self.revisions[-1].notes if self.revisions else self.release.notes

    @property
    def is_imported(self) -> bool:
        """Whether it was published by other means, before this pipeline: no files of it are known."""
        return isinstance(self.release, ImportedRelease)

    @property
    def only_on_record(self) -> bool:
        """Whether nothing of it is there to take."""
        return bool(self.withdrawn) or self.collected is not None

    @property
    def withdrawn(self) -> tuple[Stop, ...]:
        """The withdrawals that stand, the first one first."""
        return standing(self.withdrawals)

    def entry(self, channel: str) -> ChannelEntry | None:
        """When ``channel`` began to offer it; None if it never did."""
        return next((entry for entry in self.channels if entry.name == channel), None)


def standing(stops: tuple[Stop, ...]) -> tuple[Stop, ...]:
    """Those that are not lifted, the first one first."""
    return tuple(sorted((stop for stop in stops if stop.lifted is None), key=_begin))


def _begin(stop: Stop) -> tuple[datetime, str, str]:
    return stop.since, stop.reason, stop.advice


def check_utc(where: str, time: datetime) -> None:
    """Raise InputError unless ``time`` is aware and UTC."""
    if time.utcoffset() != timedelta(0):
        raise InputError(f"{where}: expected a time in UTC, found {time.isoformat()}")


def utc(time: datetime) -> datetime:
    """``time`` in UTC, without fractions of a second."""
    return time.astimezone(UTC).replace(microsecond=0)

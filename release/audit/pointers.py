"""Channel pointers compared with the ledger: each must lead where a decision says, to the last byte."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from release.audit.documents import Had
from release.audit.finding import Code, Finding
from release.audit.opening import without
from release.catalog.board import Board
from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError
from release.ledger.fields import format_time
from release.ledger.state import Head, State
from release.mirror.pointers import pointer_key, pointer_version

GRACE = timedelta(hours=1)
"""How long a pointer may lag behind the ledger: moving it is the next step, and any run makes up for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A pointer: of a channel, for a board."""

    channel: str
    board: Board

    @property
    def key(self) -> str:
        """Where it is on the mirror."""
        return pointer_key(self.channel, self.board)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointerAudit:
    """What pointers are judged by.

    ``versions`` are the digests of the version files of releases, by version and board, as far as their
    ``release.json`` could be believed. ``suspect`` is the first break in the ledger, None for none.
    Without a list (``listed``) a web server may answer anything where there is nothing.
    """

    state: State
    versions: Mapping[tuple[Version, Board], Digest]
    naming: NamingScheme
    now: datetime
    suspect: str | None = None
    listed: bool = True

    def hint(self, otherwise: str) -> str:
        """What to think of first: a channel may have moved in an entry that cannot be believed."""
        return otherwise if self.suspect is None else f"may follow from the break at {self.suspect}"


def places_known(state: State) -> tuple[Place, ...]:
    """Where pointers may be: every channel the ledger knows, every board it has a release for."""
    boards = sorted({board for release in state.releases.values() for board in release.boards})
    channels = dict.fromkeys((*state.channels, *state.heads))
    return tuple(Place(channel=channel, board=board) for channel in channels for board in boards)


def place_of(key: str) -> Place | None:
    """The pointer of a key, None when no pointer has such a key."""
    parts = key.split("/")
    if len(parts) != 4:
        return None
    try:
        place = Place(channel=parts[0], board=Board.parse(parts[1]))
    except InputError:
        return None
    return place if place.key == key else None


def pointer_findings(found: Mapping[Place, Had], audit: PointerAudit) -> Iterator[Finding]:
    """What is wrong with each pointer."""
    for place, had in found.items():
        finding = _judged(place, had, audit)
        if finding is not None:
            yield finding


def _judged(place: Place, had: Had, audit: PointerAudit) -> Finding | None:
    heads = [
        head
        for head in audit.state.history
        if head.channel == place.channel and place.board in _boards(audit.state, head)
    ]
    if not heads:
        return _undecided(place, had.data, audit)
    if had.absent:
        return _late(place, heads[-1], "none", audit)
    if had.data is None:
        return _forged(place, f"{heads[-1].version}", had.problem, audit)
    return _compared(place, had.data, heads, audit)


def _compared(place: Place, text: bytes, heads: Sequence[Head], audit: PointerAudit) -> Finding | None:
    now = heads[-1]
    try:
        version = pointer_version(text, audit.naming.version_field, place.key)
    except InputError as error:
        return _forged(place, f"{now.version}", without(error.message, place.key), audit)
    if version == now.version:
        return _altered(place, text, audit.versions.get((version, place.board)))
    if any(head.version == version for head in heads):
        return _late(place, now, f"{version}, where it was before", audit)
    return _forged(
        place, f"{now.version}, or where the channel was before", _told(version, audit.state), audit
    )


def _altered(place: Place, text: bytes, recorded: Digest | None) -> Finding | None:
    """It names the right version. ``recorded`` is None where the release itself is not believed."""
    found = Digest.sha256(text)
    if recorded in {None, found}:
        return None
    return Finding(
        code=Code.POINTER_ALTERED,
        where=place.key,
        expected=f"the version file of the release, {recorded}",
        found=str(found),
        hint="it names the right version, but has other lines",
    )


def _boards(state: State, head: Head) -> Collection[Board]:
    release = state.releases.get(head.version)
    return () if release is None else release.boards


def _undecided(place: Place, text: bytes | None, audit: PointerAudit) -> Finding | None:
    """No decision put the channel anywhere for this board."""
    if text is None or not (audit.listed or _leads(text, audit.naming, place)):
        return None
    if not audit.state.knows(place.channel):
        known = ", ".join(audit.state.channels)
        return Finding(
            code=Code.POINTER_UNKNOWN,
            where=place.key,
            expected=f"pointers of the channels that the ledger knows: {known}",
            found=f"one of {place.channel!r}",
            hint=audit.hint("somebody made it by hand"),
        )
    return _forged(place, "none: no decision put the channel anywhere for this board", "a pointer", audit)


def _leads(text: bytes, naming: NamingScheme, place: Place) -> bool:
    try:
        pointer_version(text, naming.version_field, place.key)
    except InputError:
        return False
    return True


def _forged(place: Place, expected: str, found: str, audit: PointerAudit) -> Finding:
    return Finding(
        code=Code.POINTER_FORGED,
        where=place.key,
        expected=expected,
        found=found,
        hint=audit.hint("somebody changed it by hand: find out who, and put it back"),
    )


def _told(version: Version, state: State) -> str:
    if version in state.releases:
        return f"{version}, which no decision in the ledger backs"
    return f"{version}, which is not even registered"


def _late(place: Place, head: Head, found: str, audit: PointerAudit) -> Finding:
    """A pointer that lags behind: for a while that happens, after that somebody holds it back.

    Nobody brings a pointer up to a release that is withdrawn.
    """
    withdrawn = audit.state.withdrawal(head.version) is not None
    code = Code.POINTER_LAGGING if withdrawn or audit.now - head.since <= GRACE else Code.POINTER_STALE
    return Finding(
        code=code,
        where=place.key,
        expected=f"{head.version}, since {format_time(head.since)}",
        found=found,
        hint=audit.hint("any promotion run brings it up; if it goes back again, somebody holds it back"),
    )


def all_places(state: State, keys: Iterable[str]) -> tuple[Place, ...]:
    """Those that may be, and those that are, of ``keys``; each once."""
    there = (place_of(key) for key in keys)
    return tuple(dict.fromkeys((*places_known(state), *(place for place in there if place is not None))))

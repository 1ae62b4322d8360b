"""What a release and the ledger want Nebraska to say. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from release.bundle.release import PayloadRecord, Release
from release.catalog.board import Board
from release.catalog.version import Version
from release.digests import Digest
from release.promotion.delivery import Floor
from release.updates.nebraska.options import NebraskaOptions, architecture_of
from release.updates.nebraska.wire import ExtraFile, PackageContent

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one of our channels wants of Nebraska, for one board.

    Attributes:
        channel: ours.
        board: which one.
        named: the id or the name of Nebraska's channel, as in the options.
        head: what the ledger says the channel is at.
        waits: why the head is not for everybody yet, as Nebraska would have it; None when it is.
        stopped: of head, floors and earlier releases, those that nobody may be offered now, and why.
        withdrawn: all releases that nobody shall install.
        earlier: those that the channel was at before, newest first.
        floors: what machines must pass through, ascending. A withdrawn one lets nobody pass.
        contents: the packages of head and floors, and of earlier releases that one could go back to;
            missing where a release ships nothing for the board, or is not known to the ledger.
    """

    channel: str
    board: Board
    named: str
    head: Version
    waits: str | None = None
    stopped: Mapping[Version, str] = field(default_factory=dict, hash=False)
    withdrawn: frozenset[Version] = frozenset()
    earlier: tuple[Version, ...] = ()
    floors: tuple[Floor, ...] = ()
    contents: Mapping[Version, PackageContent] = field(default_factory=dict, hash=False)

    def barrier(self) -> tuple[Version, str] | None:
        """The lowest release that holds machines back, and how it does; None when the head may be offered."""
        found = [
            (floor.version, f"floor {floor.version} is withdrawn")
            for floor in self.floors
            if floor.version <= self.head and floor.version in self.withdrawn
        ]
        if self.head in self.stopped:
            found.append((self.head, f"{self.head} is {self.stopped[self.head]}"))
        return min(found, default=None)

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return f"{self.channel}/{self.board}"


def content_of(release: Release, board: Board, options: NebraskaOptions) -> PackageContent | None:
    """The package that offers a release to machines of a board; None when there is no full payload for it.

    Deltas are left out: Nebraska holds one package for each version and architecture. Extension payloads
    are its extra files, by the names that machines ask for.
    """
    shipped = next((one for one in release.boards if one.board == board), None)
    full = None if shipped is None else next((one for one in shipped.payloads if _is_full(one)), None)
    if shipped is None or full is None:
        return None
    extras = (one.artifact for one in shipped.payloads if one.extension is not None)
    return PackageContent(
        version=str(release.version),
        architecture=architecture_of(board),
        url=options.url_of(board, release.version),
        filename=full.artifact.name,
        size=str(full.artifact.size),
        sha1=_base64(full.artifact.sha1),
        sha256=_base64(full.artifact.sha256),
        extras=tuple(
            sorted(
                ExtraFile(name=one.name, sha1=_base64(one.sha1), sha256=one.sha256.hex, size=str(one.size))
                for one in extras
            )
        ),
    )


def reason_of(floor: Floor) -> str:
    """Why a floor is one, as long as Nebraska takes it."""
    return floor.reason[:LONGEST_REASON]


def _is_full(payload: PayloadRecord) -> bool:
    return payload.source is None and payload.extension is None


def _base64(digest: Digest) -> str:
    return base64.b64encode(digest.value).decode()

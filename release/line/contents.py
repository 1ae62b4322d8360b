"""What is inside released images, and what differs between them, by the releases' own lists.

Lists are believed because the ledger names the digest of ``release.json``, which has theirs. One that is not
there, or is not what it is to be, is left out and named: pages come out without it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from release.bundle.diff import diff_packages
from release.bundle.difference import (
    BoardDifference,
    SbomDifference,
    TreeDifference,
    board_difference,
    sbom_difference,
    tree_difference,
)
from release.bundle.release import BoardRelease, Release
from release.catalog.artifact import Artifact
from release.catalog.board import Board
from release.catalog.naming import NamingScheme, image_prefix
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError
from release.image import contents as file_lists
from release.image import packages as package_lists
from release.image.contents import FileEntry, parse_contents
from release.image.packages import Package, parse_packages
from release.image.sbom import LONGEST_SBOM, Sbom, parse_sbom
from release.ledger.state import State, base_of
from release.line.list_memory import ListMemory
from release.mirror.store import ObjectReader

T = TypeVar("T")

MEMORY = ListMemory()
"""What this process has read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is known of the images of some releases.

    ``packages`` are by release, ``differences`` by release and then by the one it is compared with.
    ``unread`` has a line for every list that could not be read, sorted.
    """

    packages: Mapping[Version, Mapping[Board, tuple[Package, ...]]]
    differences: Mapping[Version, Mapping[Version, tuple[BoardDifference, ...]]]
    unread: tuple[str, ...] = ()


def contents_of(
    store: ObjectReader,
    naming: NamingScheme,
    state: State,
    releases: Mapping[Version, Release],
    memory: ListMemory | None = None,
) -> Contents:
    """The packages of every release that is kept, and how each differs from those it is compared with.

    Each is compared with what every channel that offers it had before, and with what it derives from. A
    board without a package list has no difference, one without a file list none of its tree. Bills of
    materials are not read.

    Args:
        store: holds the releases' files.
        naming: what lists are called.
        state: the ledger's.
        releases: those that are wanted, checked to be what was registered. Others are not looked at.
        memory: what was read before; this process's own when None.

    Raises:
        UnavailableError: the store does not answer.
    """
    kept = {version: release for version, release in releases.items() if version not in state.collected}
    reader = ListReader(store, naming, MEMORY if memory is None else memory)
    packages = {version: reader.packages_by_board(kept[version]) for version in sorted(kept)}
    differences: dict[Version, dict[Version, tuple[BoardDifference, ...]]] = {}
    for version, others in sorted(compared_with(state).items()):
        for other in sorted(others):
            if version in kept and other in kept:
                found = tuple(_board_differences(reader, kept[other], kept[version], packages))
                if found:
                    differences.setdefault(version, {})[other] = found
    return Contents(packages=packages, differences=differences, unread=tuple(sorted(reader.unread)))


def compared_with(state: State) -> dict[Version, frozenset[Version]]:
    """By release: what its channels had before it, and what it derives from. Releases without are left out.

    The first release of a stream follows what the channel had that it is a stream of.
    """
    found: defaultdict[Version, set[Version]] = defaultdict(set)
    latest: dict[str, Version] = {}
    for head in state.history:
        base = base_of(head.channel, state.streams)
        before = latest.get(head.channel) or (None if base is None else latest.get(base))
        if before is not None and before != head.version:
            found[head.version].add(before)
        latest[head.channel] = head.version
    for version, registered in state.releases.items():
        origin = registered.derives_from
        if origin is not None and origin in state.releases:
            found[version].add(origin)
    return {version: frozenset(others) for version, others in found.items()}


def _board_differences(
    reader: ListReader,
    old: Release,
    new: Release,
    packages: Mapping[Version, Mapping[Board, tuple[Package, ...]]],
) -> list[BoardDifference]:
    before, after = packages[old.version], packages[new.version]
    return [
        board_difference(
            old.board(board),
            new.board(board),
            packages=diff_packages(before[board], after[board]),
            tree=reader.tree_difference(old, new, board),
        )
        for board in sorted(before.keys() & after.keys())
    ]


@dataclass(slots=True)
class ListReader:
    """Reads the lists of releases. What it could not read is in ``unread``, a line for each."""

    store: ObjectReader
    naming: NamingScheme
    memory: ListMemory
    unread: set[str] = field(default_factory=set)

    def packages_by_board(self, release: Release) -> dict[Board, tuple[Package, ...]]:
        """What is installed, for the boards whose list can be read."""
        found = {
            board.board: self._or_none(partial(self.packages, release, board)) for board in release.boards
        }
        return {board: packages for board, packages in found.items() if packages is not None}

    def packages(self, release: Release, board: BoardRelease) -> tuple[Package, ...] | None:
        """What is installed on a board; None where the release has no such list.

        Raises:
            InputError: the store does not have it, or it is no such list.
            NotVerifiedError: it is not what the release records.
        """
        artifact = _artifact(board, self.naming.packages)
        if artifact is None:
            return None
        known = self.memory.packages(artifact.sha256)
        if known is None:
            data, where = self._read(release, board, artifact, package_lists.LONGEST_LIST)
            known = self.memory.keep_packages(artifact.sha256, parse_packages(data, where))
        return known

    def tree_difference(self, old: Release, new: Release, board: Board) -> TreeDifference | None:
        """How the file trees of a board differ; None where one of the lists cannot be read."""
        return self._or_none(partial(self.strict_tree_difference, old, new, board))

    def strict_tree_difference(self, old: Release, new: Release, board: Board) -> TreeDifference | None:
        """The same; None only where one of them has no file list. Raises as ``packages``."""
        old_board, new_board = old.board(board), new.board(board)
        before, after = (_artifact(one, self.naming.contents) for one in (old_board, new_board))
        if before is None or after is None:
            return None
        known = self.memory.tree_difference(before.sha256, after.sha256)
        if known is None:
            trees = self._tree(old, old_board, before), self._tree(new, new_board, after)
            known = tree_difference(*trees)
            self.memory.keep_tree_difference(before.sha256, after.sha256, known)
        return known

    def sbom_difference(self, old: Release, new: Release, board: Board) -> SbomDifference | None:
        """How the bills of materials differ; None where one of them has none. Raises as ``packages``."""
        before, after = self.sbom(old, old.board(board)), self.sbom(new, new.board(board))
        return None if before is None or after is None else sbom_difference(before, after)

    def sbom(self, release: Release, board: BoardRelease) -> Sbom | None:
        """The bill of materials of a board; None where the release has none. Raises as ``packages``."""
        artifact = _artifact(board, self.naming.sbom)
        if artifact is None:
            return None
        return parse_sbom(*self._read(release, board, artifact, LONGEST_SBOM))

    def _tree(self, release: Release, board: BoardRelease, artifact: Artifact) -> Mapping[str, FileEntry]:
        known = self.memory.tree(artifact.sha256)
        if known is None:
            data, where = self._read(release, board, artifact, file_lists.LONGEST_LIST)
            known = self.memory.keep_tree(artifact.sha256, parse_contents(data, where))
        return known

    def _read(
        self, release: Release, board: BoardRelease, artifact: Artifact, limit: int
    ) -> tuple[bytes, str]:
        """The bytes of a file of a release, and its key."""
        key = image_prefix(release.channel, board.board, release.version) + artifact.name
        if artifact.size > limit:
            raise InputError(f"{key}: expected at most {limit} bytes, the release records {artifact.size}")
        data = self.store.read(key, artifact.size)
        found = Digest.sha256(data)
        if found != artifact.sha256:
            raise NotVerifiedError(f"{key}: expected {artifact.sha256}, found {found}")
        return data, key

    def _or_none(self, read: Callable[[], T | None]) -> T | None:
        try:
            return read()
        except (InputError, NotVerifiedError) as error:
            self.unread.add(error.message)
            return None


def _artifact(board: BoardRelease, name: str) -> Artifact | None:
    return next((one for one in board.files if one.name == name), None)

"""What differs between any two registered releases, for people who ask: more than pages tell."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from release.bundle.diff import FileChange, diff_files, diff_packages
from release.bundle.difference import BoardDifference, board_difference
from release.bundle.release import Release
from release.catalog.board import Board
from release.catalog.version import Version
from release.errors import InputError
from release.image.packages import Package
from release.line.contents import MEMORY, ListReader
from release.line.sources import kept_pair
from release.line.yard import Yard

FILES, SBOM = "files", "sbom"
"""What is compared only when it is asked for: file trees, and bills of materials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedBoard:
    """What differs on one board.

    ``files`` are the published files that came, went or are of another size. ``missing`` has a line for each
    list that one of the releases does not have, or that is none.
    """

    difference: BoardDifference
    files: tuple[FileChange, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDifference:
    """What differs between two releases, for the boards that both have and that were asked for."""

    old: Release
    new: Release
    boards: tuple[ComparedBoard, ...]

    @property
    def only_old(self) -> tuple[Board, ...]:
        """Boards that are in the old one only."""
        return _without(self.old, self.new)

    @property
    def only_new(self) -> tuple[Board, ...]:
        """Boards that are in the new one only."""
        return _without(self.new, self.old)


def release_difference(
    yard: Yard, old: Version, new: Version, *, board: Board | None = None, wanted: Collection[str]
) -> ReleaseDifference:
    """Compare two registered releases of whatever channels.

    Args:
        yard: where they are.
        old: what it is compared with.
        new: usually the newer one, but it need not be.
        board: the only one that is compared; every board that both have when None.
        wanted: of ``FILES`` and ``SBOM`` those that are compared, too; both take time.

    Raises:
        InputError: a release is not registered, has nothing for the board, or has no package list; or
            they have no board in common.
        NotVerifiedError: what the store holds is not what was registered.
        CollectedError: a release is not kept any more.
    """
    before, after = kept_pair(yard, old, new)
    boards = _common(before, after) if board is None else (board,)
    reader = ListReader(yard.store, yard.naming, MEMORY)
    return ReleaseDifference(
        old=before,
        new=after,
        boards=tuple(_compared(reader, before, after, one, wanted) for one in boards),
    )


def _common(old: Release, new: Release) -> tuple[Board, ...]:
    boards = tuple(one.board for one in new.boards if one.board not in _without(new, old))
    if not boards:
        raise InputError(f"releases {old.version} and {new.version} have no board in common")
    return boards


def _without(release: Release, other: Release) -> tuple[Board, ...]:
    there = {one.board for one in other.boards}
    return tuple(one.board for one in release.boards if one.board not in there)


def _compared(
    reader: ListReader, old: Release, new: Release, board: Board, wanted: Collection[str]
) -> ComparedBoard:
    before, after = old.board(board), new.board(board)
    missing: list[str] = []
    tree = sbom = None
    if FILES in wanted:
        missing += _absent(reader.naming.contents, "file list", old, new, board)
        try:
            tree = reader.strict_tree_difference(old, new, board)
        except InputError as error:
            missing.append(f"file lists cannot be compared: {error.message}")
    if SBOM in wanted:
        missing += _absent(reader.naming.sbom, "bill of materials", old, new, board)
        try:
            sbom = reader.sbom_difference(old, new, board)
        except InputError as error:
            missing.append(f"bills of materials cannot be compared: {error.message}")
    packages = diff_packages(_packages(reader, old, board), _packages(reader, new, board))
    return ComparedBoard(
        difference=board_difference(before, after, packages=packages, tree=tree, sbom=sbom),
        files=diff_files(before, after),
        missing=tuple(missing),
    )


def _packages(reader: ListReader, release: Release, board: Board) -> tuple[Package, ...]:
    packages = reader.packages(release, release.board(board))
    if packages is None:
        raise InputError(f"release {release.version}: has no {reader.naming.packages} for {board}")
    return packages


def _absent(name: str, what: str, old: Release, new: Release, board: Board) -> Iterator[str]:
    for release in (old, new):
        if all(file.name != name for file in release.board(board).files):
            yield f"release {release.version} has no {what} ({name})"

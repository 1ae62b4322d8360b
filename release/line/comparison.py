"""What changed between two published releases, from their own signed lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from release.bundle.diff import FileChange, PackageDiff, diff_files, diff_packages
from release.bundle.release import BoardRelease, Release
from release.catalog.board import Board
from release.catalog.version import Version
from release.image.packages import Package, read_packages
from release.line.sources import download, kept_pair
from release.line.yard import Yard
from release.scratch import scratch_directory


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardComparison:
    """What changed for one board. ``growth`` is bytes of the raw partition."""

    board: Board
    packages: PackageDiff
    files: tuple[FileChange, ...]
    growth: int


def compare(yard: Yard, old: Version, new: Version) -> tuple[BoardComparison, ...]:
    """Compare two registered releases, for every board that both have.

    Raises:
        InputError: a release is not registered, or has no package list.
        NotVerifiedError: what the store holds is not what was registered.
        CollectedError: a release is not kept any more.
    """
    before, after = kept_pair(yard, old, new)
    boards = {one.board for one in before.boards}
    return tuple(_compare(yard, before, after, one) for one in after.boards if one.board in boards)


def _compare(yard: Yard, before: Release, after: Release, new: BoardRelease) -> BoardComparison:
    old = before.board(new.board)
    return BoardComparison(
        board=new.board,
        packages=diff_packages(_packages(yard, before, old), _packages(yard, after, new)),
        files=diff_files(old, new),
        growth=new.image.size - old.image.size,
    )


def _packages(yard: Yard, release: Release, board: BoardRelease) -> tuple[Package, ...]:
    with scratch_directory(yard.work) as folder:
        path: Path = folder / yard.naming.packages
        download(yard.store, release, board, yard.naming.packages, path)
        return read_packages(path)

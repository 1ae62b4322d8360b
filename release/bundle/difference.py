"""What differs between what two releases put on a board: packages, the file tree, sizes. Values."""

from __future__ import annotations

from dataclasses import dataclass

from release.bundle.diff import FileChange, PackageDiff
from release.catalog.board import Board


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDifference:
    """What differs between the files inside two images. Sizes are in bytes, of all regular files.

    ``largest`` are those whose size changed most, whichever way, the largest change first.
    """

    added: int
    removed: int
    changed: int
    before: int
    after: int
    largest: tuple[FileChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardDifference:
    """Everything that differs on one board. ``tree`` is None where a file list is not at hand.

    ``image_before`` and ``image_after`` are bytes of the partition.
    """

    board: Board
    packages: PackageDiff
    tree: TreeDifference | None
    image_before: int
    image_after: int

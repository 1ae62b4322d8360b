"""The incoming directory: where the build system drops image sets, ``<board>/<version>/``."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from release.catalog.board import Board
from release.catalog.version import Version
from release.errors import InputError, storage_errors


def newest_image_sets(
    incoming: Path, *, known: Container[Version], wanted: Version | None = None
) -> tuple[Version, dict[Board, Path]] | None:
    """The newest version that is not ``known`` yet, with its directories by board; None when there is none.

    ``wanted`` looks for that version only. Names that are no boards or versions are passed over; what
    is inside is not looked at. Raises InputError when ``incoming`` cannot be read.
    """
    found: dict[Version, dict[Board, Path]] = {}
    if not incoming.is_dir():
        return None
    with storage_errors(incoming):
        for directory in sorted(incoming.glob("*/*")):
            named = _names(directory)
            if named is not None and named[1] not in known and wanted in {None, named[1]}:
                found.setdefault(named[1], {})[named[0]] = directory
    if not found:
        return None
    newest = max(found)
    return newest, found[newest]


def _names(directory: Path) -> tuple[Board, Version] | None:
    if not directory.is_dir():
        return None
    try:
        return Board.parse(directory.parent.name), Version.parse(directory.name)
    except InputError:
        return None

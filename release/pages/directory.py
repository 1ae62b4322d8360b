"""A site in a directory: the new one is made beside the old one and takes its place in one step."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from release.errors import InputError, RefusedError, storage_errors
from release.pages import addresses
from release.pages.publish_order import check_not_smaller
from release.scratch import scratch_directory

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NAMED = 5
"""Files that a refusal names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How many files the site has, how many of them are new or changed, and how many went."""

    files: int
    changed: int
    removed: int


def read_site(directory: Path) -> dict[str, bytes]:
    """Every file below ``directory``, by its path, sorted. Raises InputError."""
    with storage_errors(directory):
        return {path: (directory / path).read_bytes() for path in _paths(directory)}


def write_site(directory: Path, files: Mapping[str, bytes], *, allow_removal: bool = False) -> Written:
    """Make ``directory`` hold these files and no others. Readers see the old site or the new one.

    Files that are as they were stay the same files (hard links). A run that is killed leaves the old site,
    and a scratch directory beside it that the next run removes. Nothing is flushed to disk: a site that a
    power cut tore is compared byte by byte by the next run, and mended.

    Args:
        directory: missing, empty, or a site; what is in it is replaced. A link is followed.
        files: by path; ``/`` separates names, none of which begins with a dot.
        allow_removal: remove what is there and not among ``files``. What else is there goes, too.

    Raises:
        RefusedError: something would be removed, and that is not allowed.
        InputError: no directory, or one that holds no site.
    """
    directory = directory.resolve()
    with storage_errors(directory):
        there = _paths(directory) if directory.exists() else []
        _check(directory, there, files, allow_removal=allow_removal)
        with scratch_directory(directory.parent) as scratch:
            changed = _lay_out(scratch / "site", directory, set(there), files)
            removed = len(set(there) - files.keys())
            if changed or removed or not directory.exists():
                _exchange(scratch / "site", directory)
    return Written(files=len(files), changed=changed, removed=removed)


def _check(directory: Path, there: list[str], files: Mapping[str, bytes], *, allow_removal: bool) -> None:
    if there and addresses.MACHINE_INDEX not in there:
        raise InputError(
            f"{directory}: holds files and no site ({addresses.MACHINE_INDEX} is missing)",
            hint="name a directory that is new, empty, or a site that was written before",
        )
    if not there or allow_removal:
        return
    check_not_smaller(
        (directory / addresses.MACHINE_INDEX).read_bytes(),
        files.get(addresses.MACHINE_INDEX, b""),
        str(directory),
    )
    gone = sorted(set(there) - files.keys())
    if gone:
        more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
        raise RefusedError(
            f"{directory}: the new site lacks files that are there: {', '.join(gone[:_NAMED])}{more}",
            hint="addresses of pages are permanent; --allow-removal removes them all the same",
        )


def _lay_out(target: Path, old: Path, there: set[str], files: Mapping[str, bytes]) -> int:
    """Write the files below ``target``; returns how many are not as they are below ``old``."""
    changed, made = 0, set[Path]()
    target.mkdir()
    for path, data in files.items():
        place = target / path
        if place.parent not in made:
            place.parent.mkdir(parents=True, exist_ok=True)
            made.add(place.parent)
        if not (path in there and _same(old / path, place, data)):
            place.write_bytes(data)
            changed += 1
    return changed


def _same(old: Path, place: Path, data: bytes) -> bool:
    """Whether the old file has these bytes; ``place`` is that very file then. Else there is none.

    Another run may let another site take the old one's place meanwhile: so what was linked is read, and not
    what is linked after it was read.
    """
    try:
        os.link(old, place)
    except OSError:  # another file system, or one without hard links
        if old.read_bytes() != data:
            return False
        place.write_bytes(data)
        return True
    if not place.is_symlink() and place.read_bytes() == data:  # of links it makes links
        return True
    place.unlink()
    return False


def _exchange(new: Path, directory: Path) -> None:
    """Let ``new`` and ``directory`` swap their places: renameat2(2), or else two renames in a row."""
    if not directory.exists():
        new.rename(directory)
        return
    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(None, use_errno=True)
        names = os.fsencode(new), os.fsencode(directory)
        if library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
            return
    old = new.with_name("old")
    directory.rename(old)
    try:
        new.rename(directory)
    except OSError:
        old.rename(directory)
        raise


def _paths(directory: Path) -> list[str]:
    return sorted(_walk(directory, ""))


def _walk(directory: Path, prefix: str) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(directory / entry.name, f"{prefix}{entry.name}/")
            else:
                yield f"{prefix}{entry.name}"

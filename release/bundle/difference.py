"""What differs between what two releases put on a board: packages, the file tree, sizes, licences. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from release.bundle.diff import FileChange, PackageDiff, diff_packages
from release.bundle.release import BoardRelease
from release.catalog.board import Board
from release.image.contents import FileEntry, FileKind
from release.image.packages import Package
from release.image.sbom import Sbom

LARGEST = 10
"""How many of the largest changes are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDifference:
    """What differs between the files inside two images. Sizes are in bytes, of all regular files.

    ``added``, ``removed`` and ``changed`` count files, links and devices, but no directories. ``largest``
    are those whose size changed most, whichever way, the largest change first.
    """

    added: int
    removed: int
    changed: int
    before: int
    after: int
    largest: tuple[FileChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A licence, and the names of the components that have it, sorted."""

    name: str
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relicensed:
    """A component that is in both under other licences, each sorted."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SbomDifference:
    """What differs between two bills of materials, each part sorted by name.

    ``came`` are licences that nothing had before, ``gone`` those that nothing has any more.
    """

    components: PackageDiff
    came: tuple[Licence, ...]
    gone: tuple[Licence, ...]
    relicensed: tuple[Relicensed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardDifference:
    """Everything that differs on one board. ``tree`` is None where a file list is not at hand.

    ``image_before`` and ``image_after`` are bytes of the partition, ``payload_before`` and
    ``payload_after`` of the full payload, None where there is none. ``sbom`` is None where a bill of
    materials is not at hand, or was not asked for.
    """

    board: Board
    packages: PackageDiff
    tree: TreeDifference | None
    image_before: int
    image_after: int
    payload_before: int | None = None
    payload_after: int | None = None
    sbom: SbomDifference | None = None


def tree_difference(
    old: Mapping[str, FileEntry], new: Mapping[str, FileEntry], *, largest: int = LARGEST
) -> TreeDifference:
    """Compare two file lists, by path.

    A file is changed when its kind, permissions, size, or what it links to changed: other bytes of the same
    size, permissions and place are not seen by a list. A file that was renamed is removed and added. Files
    with several names (hard links) count, and weigh, once for each of them.
    """
    before, after = _files(old), _files(new)
    both = before.keys() & after.keys()
    differing = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    changes = (FileChange(name=path, before=_size(old, path), after=_size(new, path)) for path in differing)
    ranked = sorted(
        (change for change in changes if change.growth), key=lambda change: (-abs(change.growth), change.name)
    )
    return TreeDifference(
        added=len(after) - len(both),
        removed=len(before) - len(both),
        changed=sum(path in both for path in differing),
        before=sum(entry.size for entry in before.values()),
        after=sum(entry.size for entry in after.values()),
        largest=tuple(ranked[:largest]),
    )


def sbom_difference(old: Sbom, new: Sbom) -> SbomDifference:
    """Compare two bills of materials, of either format: components by name and version, and licences.

    The two formats, and different scanners, call things differently: between such documents nearly
    everything differs.
    """
    before, after = _licences_of(old), _licences_of(new)
    return SbomDifference(
        components=diff_packages(_packages(old), _packages(new)),
        came=_licences(new, new.licences - old.licences),
        gone=_licences(old, old.licences - new.licences),
        relicensed=tuple(
            Relicensed(name=name, before=tuple(sorted(before[name])), after=tuple(sorted(after[name])))
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        ),
    )


def board_difference(
    old: BoardRelease,
    new: BoardRelease,
    *,
    packages: PackageDiff,
    tree: TreeDifference | None = None,
    sbom: SbomDifference | None = None,
) -> BoardDifference:
    """Everything that differs on the board that ``old`` and ``new`` are of, from what its lists say."""
    return BoardDifference(
        board=new.board,
        packages=packages,
        tree=tree,
        image_before=old.image.size,
        image_after=new.image.size,
        payload_before=full_payload_size(old),
        payload_after=full_payload_size(new),
        sbom=sbom,
    )


def full_payload_size(board: BoardRelease) -> int | None:
    """Bytes of the board's full payload; None where it has none."""
    full = (one for one in board.payloads if one.source is None and one.extension is None)
    return next((one.artifact.size for one in full), None)


def _files(tree: Mapping[str, FileEntry]) -> dict[str, FileEntry]:
    return {path: entry for path, entry in tree.items() if entry.kind is not FileKind.DIRECTORY}


def _size(tree: Mapping[str, FileEntry], path: str) -> int | None:
    entry = tree.get(path)
    return None if entry is None or entry.kind is FileKind.DIRECTORY else entry.size


def _packages(sbom: Sbom) -> tuple[Package, ...]:
    return tuple(Package(name=one.name, version=one.version) for one in sbom.components)


def _licences_of(sbom: Sbom) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for one in sbom.components:
        found[one.name].update(one.licences)
    return found


def _licences(sbom: Sbom, wanted: Collection[str]) -> tuple[Licence, ...]:
    return tuple(
        Licence(
            name=name,
            components=tuple(sorted({one.name for one in sbom.components if name in one.licences})),
        )
        for name in sorted(wanted)
    )

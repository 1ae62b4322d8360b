"""What the lists of releases said when they were read, by their digests: the same bytes say the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from release.atomic import replacing
from release.bundle.diff import FileChange
from release.bundle.difference import TreeDifference
from release.canonical import Json, dump, load
from release.digests import Digest
from release.errors import HumpyardError
from release.image.contents import FileEntry
from release.image.packages import Package

_TREES = 4
"""Parsed file lists that are kept: some ten megabytes each, and neighbours are compared one after another."""
_FORMAT = "humpyard-list-memory-1"
_COUNTS = ("added", "removed", "changed", "before", "after")
T = TypeVar("T")


@dataclass(slots=True)
class ListMemory:
    """Package lists and differences of file lists that were worked out; the last few file lists whole.

    With a ``folder`` other processes find them there, too: one document a list or pair, which may be
    deleted at any time. It is the pipeline's own, like the rest of its work directory: what is in it is
    believed if it is well formed. A folder that cannot be written is done without.
    """

    folder: Path | None = None
    _packages: dict[Digest, tuple[Package, ...]] = field(default_factory=dict)
    _same: dict[Package, Package] = field(default_factory=dict)
    """Each package once: most of a list is in the next one, too."""
    _trees: OrderedDict[Digest, Mapping[str, FileEntry]] = field(default_factory=OrderedDict)
    _differences: dict[tuple[Digest, Digest], TreeDifference] = field(default_factory=dict)

    def packages(self, digest: Digest) -> tuple[Package, ...] | None:
        """The package list with that digest, if it was read before."""
        if digest not in self._packages:
            found = self._load(f"packages-{digest.hex}", _packages_in)
            return None if found is None else self._keep_packages(digest, found)
        return self._packages[digest]

    def keep_packages(self, digest: Digest, packages: tuple[Package, ...]) -> tuple[Package, ...]:
        """Remember a package list; returns it."""
        self._save(f"packages-{digest.hex}", {"packages": [[one.name, one.version] for one in packages]})
        return self._keep_packages(digest, packages)

    def _keep_packages(self, digest: Digest, packages: tuple[Package, ...]) -> tuple[Package, ...]:
        kept = tuple(self._same.setdefault(package, package) for package in packages)
        self._packages[digest] = kept
        return kept

    def tree(self, digest: Digest) -> Mapping[str, FileEntry] | None:
        """The file list with that digest, if it was read lately."""
        if digest in self._trees:
            self._trees.move_to_end(digest)
        return self._trees.get(digest)

    def keep_tree(self, digest: Digest, tree: Mapping[str, FileEntry]) -> Mapping[str, FileEntry]:
        """Remember a file list for a while; returns it."""
        self._trees[digest] = tree
        while len(self._trees) > _TREES:
            self._trees.popitem(last=False)
        return tree

    def tree_difference(self, before: Digest, after: Digest) -> TreeDifference | None:
        """How the file lists with these digests differ, if it was worked out before."""
        pair = before, after
        if pair not in self._differences:
            found = self._load(f"tree-{before.hex}-{after.hex}", _difference_in)
            if found is None:
                return None
            self._differences[pair] = found
        return self._differences[pair]

    def keep_tree_difference(self, before: Digest, after: Digest, found: TreeDifference) -> None:
        """Remember how two file lists differ."""
        self._differences[before, after] = found
        self._save(f"tree-{before.hex}-{after.hex}", _difference_json(found))

    def _load(self, name: str, read: Callable[[dict[str, Json]], T]) -> T | None:
        """What a document of the folder says; None where there is none, or it is broken."""
        if self.folder is None:
            return None
        path = self.folder / f"{name}.json"
        with suppress(OSError, HumpyardError, TypeError, ValueError):
            document = load(path.read_bytes(), str(path))
            if document.get("format") == _FORMAT:
                return read(document)
        return None

    def _save(self, name: str, fields: Mapping[str, Json]) -> None:
        if self.folder is None:
            return
        with suppress(OSError, HumpyardError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(self.folder / f"{name}.json") as file:
                file.write(dump({"format": _FORMAT, **fields}))


def _packages_in(document: dict[str, Json]) -> tuple[Package, ...]:
    """Raises TypeError or ValueError for a document of another shape."""
    rows = cast("list[tuple[str, str]]", document.get("packages"))
    return tuple(Package(name, version) for name, version in rows)


def _difference_json(found: TreeDifference) -> dict[str, Json]:
    largest: list[Json] = [[change.name, change.before, change.after] for change in found.largest]
    return {**{name: getattr(found, name) for name in _COUNTS}, "largest": largest}


def _difference_in(document: dict[str, Json]) -> TreeDifference:
    """Raises TypeError or ValueError for a document of another shape."""
    rows = cast("list[tuple[str, int | None, int | None]]", document.get("largest"))
    added, removed, changed, before, after = (int(cast("int", document.get(name))) for name in _COUNTS)
    return TreeDifference(
        added=added,
        removed=removed,
        changed=changed,
        before=before,
        after=after,
        largest=tuple(FileChange(name=name, before=old, after=new) for name, old, new in rows),
    )

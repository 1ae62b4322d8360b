"""View models of what is in a release, and how it differs from others: packages, files, sizes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from release.bundle.diff import Direction, FileChange, PackageDiff, compare_versions
from release.bundle.difference import BoardDifference, TreeDifference
from release.catalog.version import Version
from release.pages.lineage import software_versions
from release.pages.links import Link, known_link
from release.pages.reading import Reading
from release.pages.records import AnyRelease, PublishedRelease
from release.pages.rows import NOTHING
from release.pages.wording import size

TOP_FILES = 10
"""Files whose size changed most that a page lists."""

MANY_ROWS = 40
"""A table of differences with more lines is folded."""

_MINUS = "\N{MINUS SIGN}"
_WORDS = {Direction.UP: "updated", Direction.DOWN: "downgraded", Direction.SIDEWAYS: "changed"}
_ORDER = ("added", "removed", "updated", "downgraded", "changed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """A package that differs. ``boards`` names them where it is not all."""

    name: str
    before: str
    after: str
    word: str
    boards: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChangeRow:
    """A file inside the image. ``growth`` has a sign."""

    name: str
    before: str
    after: str
    growth: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeView:
    """What differs between the files inside the images of a board, in words, and the largest changes."""

    board: str
    facts: tuple[tuple[str, str], ...]
    files: tuple[FileChangeRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceView:
    """How the release differs from another. ``counts`` is ``1 added, 14 updated``.

    ``whole``: packages of the whole image were compared, not only what people ask for first.
    """

    name: str
    other: Link
    counts: str
    rows: tuple[ChangeRow, ...]
    trees: tuple[TreeView, ...]
    whole: bool

    @property
    def is_long(self) -> bool:
        """Whether the table is folded."""
        return len(self.rows) > MANY_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRow:
    """A package that is installed, and its version on each board."""

    name: str
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagesView:
    """What is in the release. ``boards`` are the columns of ``installed``, one if they are all alike."""

    software: tuple[tuple[str, str], ...]
    differences: tuple[DifferenceView, ...]
    boards: tuple[str, ...]
    installed: tuple[PackageRow, ...]


def packages_view(reading: Reading, published: PublishedRelease, page: str) -> PackagesView:
    """What is installed, and what changed since the release before and the one it derives from.

    Where package lists are not at hand, what releases say people ask for first is compared.
    """
    boards, installed = _installed(published)
    return PackagesView(
        software=tuple(software_versions(published.release).items()),
        differences=tuple(
            view
            for version in _others(reading, published)
            if (view := _difference(reading, published, version, page))
        ),
        boards=boards,
        installed=installed,
    )


def _others(reading: Reading, published: PublishedRelease) -> tuple[Version, ...]:
    """The release before it in its main channel, the one it derives from, then all it was compared with."""
    found: list[Version] = []
    main = reading.main_channel(published)
    before = reading.beside(main, published.release.version)[0] if main else None
    if before is not None:
        found.append(before.release.version)
    if published.release.lineage.derives_from is not None:
        found.append(published.release.lineage.derives_from)
    return tuple(dict.fromkeys([*found, *sorted(published.differences, reverse=True)]))


def _difference(
    reading: Reading, published: PublishedRelease, version: Version, page: str
) -> DifferenceView | None:
    other = reading.site.find(version)
    compared = published.differences.get(version)
    link = known_link(reading.site, version, page) or Link("", str(version))
    if compared is not None:
        rows = _package_rows(compared)
        trees = tuple(_tree(one) for one in compared)
    elif other is not None:
        rows = tuple(_software_rows(other.release, published.release))
        trees = _images(other.release, published.release)
    else:
        return None
    return DifferenceView(
        name=str(version).replace(".", "-"),
        other=link,
        counts=_counts(row.word for row in rows),
        rows=rows,
        trees=tuple(tree for tree in trees if tree.facts or tree.files),
        whole=compared is not None,
    )


def _package_rows(compared: tuple[BoardDifference, ...]) -> tuple[ChangeRow, ...]:
    """One line for what is the same on several boards, by name."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for one in compared:
        for change in _changes(one.packages):
            found.setdefault(change, []).append(str(one.board))
    return tuple(
        ChangeRow(
            name=name,
            before=before,
            after=after,
            word=word,
            boards="" if len(boards) == len(compared) else ", ".join(boards),
        )
        for (name, before, after, word), boards in sorted(found.items())
    )


def _changes(diff: PackageDiff) -> Iterable[tuple[str, str, str, str]]:
    for package in diff.added:
        yield package.name, NOTHING, package.version, "added"
    for package in diff.removed:
        yield package.name, package.version, NOTHING, "removed"
    for change in diff.changed:
        yield change.name, change.before, change.after, _WORDS[change.direction]


def _software_rows(before: AnyRelease, after: AnyRelease) -> Iterable[ChangeRow]:
    old, new = software_versions(before), software_versions(after)
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        word = "added" if was is None else "removed" if now is None else _WORDS[compare_versions(was, now)]
        yield ChangeRow(name=name, before=was or NOTHING, after=now or NOTHING, word=word, boards="")


def _counts(words: Iterable[str]) -> str:
    given = list(words)
    return ", ".join(f"{given.count(word)} {word}" for word in _ORDER if word in given)


def _tree(one: BoardDifference) -> TreeView:
    facts = [*_sizes(one.image_before, one.image_after, "Image")]
    if one.payload_before is not None and one.payload_after is not None:
        facts += _sizes(one.payload_before, one.payload_after, "Full update")
    if one.tree is not None:
        facts += _tree_facts(one.tree)
    return TreeView(
        board=str(one.board),
        facts=tuple(facts),
        files=() if one.tree is None else tuple(_file(change) for change in one.tree.largest[:TOP_FILES]),
    )


def _tree_facts(tree: TreeDifference) -> Iterable[tuple[str, str]]:
    parts = [(tree.added, "added"), (tree.removed, "removed"), (tree.changed, "changed")]
    yield "Files inside", ", ".join(f"{count} {word}" for count, word in parts if count) or "all as before"
    yield from _sizes(tree.before, tree.after, "All files")


def _images(before: AnyRelease, after: AnyRelease) -> tuple[TreeView, ...]:
    images: Mapping[str, int] = {str(board.board): board.image.size for board in before.boards}
    return tuple(
        TreeView(
            board=str(board.board),
            facts=tuple(_sizes(images.get(str(board.board)), board.image.size, "Image")),
            files=(),
        )
        for board in after.boards
    )


def _sizes(before: int | None, after: int, label: str) -> Iterable[tuple[str, str]]:
    """A line where a size is another one; and where there was none."""
    if before is None:
        yield label, f"{size(after)}, new"
    elif before != after:
        yield label, f"{size(before)} to {size(after)} ({_signed(after - before)})"


def _file(change: FileChange) -> FileChangeRow:
    return FileChangeRow(
        name=change.name,
        before=NOTHING if change.before is None else size(change.before),
        after=NOTHING if change.after is None else size(change.after),
        growth=_signed(change.growth),
    )


def _signed(growth: int) -> str:
    return f"{'+' if growth > 0 else _MINUS}{size(abs(growth))}"


def _installed(published: PublishedRelease) -> tuple[tuple[str, ...], tuple[PackageRow, ...]]:
    boards = sorted(published.packages)
    versions: list[dict[str, list[str]]] = []
    for board in boards:
        found: dict[str, list[str]] = {}
        for package in sorted(published.packages[board]):
            found.setdefault(package.name, []).append(package.version)
        versions.append(found)
    if all(found == versions[0] for found in versions[1:]):
        versions = versions[:1]
    names = sorted({name for found in versions for name in found})
    rows = tuple(
        PackageRow(name=name, versions=tuple(", ".join(found.get(name, [])) or NOTHING for found in versions))
        for name in names
    )
    return tuple(map(str, boards)) if len(versions) > 1 else ("Version",), rows

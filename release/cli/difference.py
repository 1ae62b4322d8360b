"""`humpyard release diff`: what differs between any two releases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated

import typer

from release.bundle.diff import Direction, FileChange, PackageDiff, change_rows
from release.bundle.difference import BoardDifference, Licence, SbomDifference, TreeDifference
from release.canonical import Json
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile, board_of, version_of
from release.cli.output import emit, say, table
from release.line.release_difference import FILES, SBOM, ComparedBoard, release_difference
from release.wiring import open_yard

_FEW = 6
"""Components that are named with a licence on a terminal."""
_DOWN = "DOWN"


class Part(StrEnum):
    """What can be asked for alone."""

    PACKAGES = "packages"
    FILES = FILES
    SIZES = "sizes"
    SBOM = SBOM


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A published release.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Another, of whatever channel.")],
    board: Annotated[str | None, typer.Option(metavar="BOARD", help="Only this board.")] = None,
    only: Annotated[
        Part | None,
        typer.Option(
            help="Only packages, files inside images, sizes of what is published, or bills of materials."
        ),
    ] = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two releases: packages, files, sizes, licences.

    Everything comes from the releases' own lists, which are checked against what was registered.
    Which way a package's version went is judged by its text.
    """
    parts = frozenset(Part) if only is None else frozenset({only})
    before, after = version_of(old), version_of(new)
    wanted = None if board is None else board_of(board)
    with open_yard(settings) as yard:
        found = release_difference(yard, before, after, board=wanted, wanted=parts)
    if as_json:
        emit([board_json(one, parts) for one in found.boards])
        return
    say(f"{before} (built for {found.old.channel}) to {after} (built for {found.new.channel})")
    if after < before:
        say(f"{after} is the older one: up and down are as if machines went back")
    for one in found.boards:
        show_board(one, parts)
    if wanted is None:
        for version, boards in ((before, found.only_old), (after, found.only_new)):
            if boards:
                say(f"only in {version}: {', '.join(map(str, boards))}")


def show_board(one: ComparedBoard, parts: frozenset[Part]) -> None:
    """Print what differs on one board: how much of everything first, then what."""
    found = one.difference
    say("")
    say(f"== {found.board}")
    for name, line in _counts(one, parts):
        say(f"{name:<12}{line}")
    for line in one.missing:
        say(f"not compared: {line}")
    if Part.PACKAGES in parts:
        _show_packages(found.packages, "package")
    if Part.FILES in parts and found.tree is not None and found.tree.largest:
        _show_files("Files of the image, the largest changes of size:", found.tree.largest)
    if Part.SIZES in parts and one.files:
        _show_files("Published files of another size:", one.files)
    if Part.SBOM in parts and found.sbom is not None:
        _show_sbom(found.sbom, components=parts == {Part.SBOM})


def _counts(one: ComparedBoard, parts: frozenset[Part]) -> Iterator[tuple[str, str]]:
    """The lines that come first: how much of each kind there is."""
    found = one.difference
    if Part.PACKAGES in parts:
        yield "packages", _package_counts(found.packages)
    if Part.FILES in parts and found.tree is not None:
        tree = found.tree
        weight = f"together {_growth(tree.before, tree.after)}"
        yield "files", f"{tree.added} added, {tree.removed} removed, {tree.changed} changed; {weight}"
    if Part.SIZES in parts:
        yield "image", _growth(found.image_before, found.image_after)
        yield "payload", _growth(found.payload_before, found.payload_after)
    if Part.SBOM in parts and found.sbom is not None:
        if parts == {Part.SBOM}:
            yield "components", _package_counts(found.sbom.components)
        came, gone, other = map(len, (found.sbom.came, found.sbom.gone, found.sbom.relicensed))
        yield "licences", f"{came} came, {gone} gone; {other} component{'s' * (other != 1)} relicensed"


def _package_counts(found: PackageDiff) -> str:
    counts = {way: sum(one.direction is way for one in found.changed) for way in Direction}
    sideways = f", {counts[Direction.SIDEWAYS]} sideways" if counts[Direction.SIDEWAYS] else ""
    down = counts[Direction.DOWN]
    return (
        f"{len(found.added)} added, {len(found.removed)} removed, {counts[Direction.UP]} up{sideways},"
        f" {down} {_DOWN if down else 'down'}"
    )


def _growth(before: int | None, after: int | None) -> str:
    """``1,000 to 1,100 bytes (+10.0 %)``."""
    if before is None or after is None:
        return f"{_bytes(before)} to {_bytes(after)} bytes"
    share = f", {(after - before) / before:+.1%}".replace("%", " %") if before and after != before else ""
    same = "no change" if after == before else f"{after - before:+,}{share}"
    return f"{before:,} to {after:,} bytes ({same})"


def _show_packages(found: PackageDiff, title: str) -> None:
    rows = sorted(change_rows(found), key=lambda row: (_ORDER.index(row[3]), row[0]))
    if not rows:
        return
    say("")
    cells = [
        (_DOWN if change == "down" else change, name, before or "-", after or "-")
        for name, before, after, change in rows
    ]
    table(("", title, "before", "after"), cells)


_ORDER = ("down", "removed", "added", "sideways", "up")
"""What should be seen first."""


def _show_files(title: str, changes: Sequence[FileChange]) -> None:
    say("")
    say(title)
    rows = [(_bytes(one.before), _bytes(one.after), f"{one.growth:+,}", one.name) for one in changes]
    widths = [max(len(row[at]) for row in rows) for at in range(3)]
    cells = [[*map(str.rjust, row, widths), row[3]] for row in rows]
    table(("before", "after", "growth", "file"), cells)  # names last: they are others' words


def _show_sbom(found: SbomDifference, *, components: bool) -> None:
    if components:
        _show_packages(found.components, "component")
    rows = [("came", one.name, _named(one)) for one in found.came]
    rows += [("gone", one.name, _named(one)) for one in found.gone]
    if rows:
        say("")
        table(("", "licence", "of"), rows)
    if found.relicensed:
        say("")
        table(
            ("relicensed", "before", "after"),
            [
                (one.name, ", ".join(one.before) or "not told", ", ".join(one.after) or "not told")
                for one in found.relicensed
            ],
        )


def _named(licence: Licence) -> str:
    shown, more = licence.components[:_FEW], len(licence.components) - _FEW
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _bytes(size: int | None) -> str:
    return "-" if size is None else f"{size:,}"


def board_json(one: ComparedBoard, parts: frozenset[Part]) -> dict[str, Json]:
    """What differs on one board, for scripts; sizes in bytes, null where there is none."""
    found = one.difference
    document: dict[str, Json] = {"board": str(found.board)}
    if Part.PACKAGES in parts:
        document["packages"] = _packages_json(found.packages)
    if Part.FILES in parts:
        document["tree"] = None if found.tree is None else _tree_json(found.tree)
    if Part.SIZES in parts:
        document |= _sizes_json(found, one.files)
    if Part.SBOM in parts:
        document["sbom"] = None if found.sbom is None else _sbom_json(found.sbom)
    document["not_compared"] = [*one.missing]
    return document


def _packages_json(found: PackageDiff) -> Json:
    return [
        {"name": name, "before": before, "after": after, "change": change}
        for name, before, after, change in change_rows(found)
    ]


def _tree_json(tree: TreeDifference) -> Json:
    return {
        "added": tree.added,
        "removed": tree.removed,
        "changed": tree.changed,
        "before": tree.before,
        "after": tree.after,
        "largest": _files_json(tree.largest),
    }


def _sizes_json(found: BoardDifference, files: Sequence[FileChange]) -> dict[str, Json]:
    return {
        "image_growth": found.image_after - found.image_before,
        "image": {"before": found.image_before, "after": found.image_after},
        "payload": {"before": found.payload_before, "after": found.payload_after},
        "files": _files_json(files),
    }


def _files_json(changes: Sequence[FileChange]) -> Json:
    return [{"name": one.name, "before": one.before, "after": one.after} for one in changes]


def _sbom_json(found: SbomDifference) -> Json:
    return {
        "components": _packages_json(found.components),
        "licences_came": [{"name": one.name, "components": [*one.components]} for one in found.came],
        "licences_gone": [{"name": one.name, "components": [*one.components]} for one in found.gone],
        "relicensed": [
            {"name": one.name, "before": [*one.before], "after": [*one.after]} for one in found.relicensed
        ],
    }

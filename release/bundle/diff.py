"""What changed between two releases: packages by name, files by size. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from release.bundle.release import BoardRelease
from release.image.packages import Package

_TOKEN = re.compile(r"\d+|_?[a-z]+", re.ASCII)
_BEFORE_RELEASE = ("_alpha", "_beta", "_pre", "_rc")


class Direction(StrEnum):
    """Which way a package's version went."""

    UP = "up"
    DOWN = "down"
    SIDEWAYS = "sideways"
    """Another text, but nothing in it tells which is newer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChange:
    """One package that is in both, with another version."""

    name: str
    before: str
    after: str
    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageDiff:
    """Everything that differs between two package lists, each part sorted by name."""

    added: tuple[Package, ...]
    removed: tuple[Package, ...]
    changed: tuple[PackageChange, ...]

    @property
    def downgrades(self) -> tuple[PackageChange, ...]:
        """The changes that went down."""
        return tuple(change for change in self.changed if change.direction is Direction.DOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file whose size in bytes changed; None where it is not there."""

    name: str
    before: int | None
    after: int | None

    @property
    def growth(self) -> int:
        """Bytes gained; negative when it shrank."""
        return (self.after or 0) - (self.before or 0)


def diff_packages(old: Iterable[Package], new: Iterable[Package]) -> PackageDiff:
    """Compare two package lists.

    A name may have several versions side by side (slots). Where exactly one version of a name went
    and one came, that is a change; otherwise versions are added and removed.
    """
    gone, come = _versions(set(old) - set(new)), _versions(set(new) - set(old))
    added: list[Package] = []
    removed: list[Package] = []
    changed: list[PackageChange] = []
    for name in sorted(gone.keys() | come.keys()):
        before, after = gone.get(name, []), come.get(name, [])
        if len(before) == len(after) == 1:
            direction = compare_versions(before[0], after[0])
            changed.append(PackageChange(name=name, before=before[0], after=after[0], direction=direction))
            continue
        removed += [Package(name=name, version=version) for version in before]
        added += [Package(name=name, version=version) for version in after]
    return PackageDiff(added=tuple(added), removed=tuple(removed), changed=tuple(changed))


def change_rows(found: PackageDiff) -> Iterator[tuple[str, str | None, str | None, str]]:
    """Name, version before, version after and what happened, for every package that differs."""
    for package in found.added:
        yield package.name, None, package.version, "added"
    for package in found.removed:
        yield package.name, package.version, None, "removed"
    for change in found.changed:
        yield change.name, change.before, change.after, change.direction.value


def diff_files(old: BoardRelease, new: BoardRelease) -> tuple[FileChange, ...]:
    """Published files that came, went or changed size, sorted by name. Payloads are not compared."""
    before = {artifact.name: artifact.size for artifact in old.files}
    after = {artifact.name: artifact.size for artifact in new.files}
    return tuple(
        FileChange(name=name, before=before.get(name), after=after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def compare_versions(before: str, after: str) -> Direction:
    """Which way a version went, judged by its text alone.

    Numbers compare as numbers, letters as letters; ``_alpha _beta _pre _rc`` come before the
    release they lead to. This is a reader's aid, not the rules of any package manager: epochs and
    letter-case are not understood.
    """
    old, new = _version_key(before), _version_key(after)
    if old == new:
        return Direction.SIDEWAYS
    return Direction.UP if old < new else Direction.DOWN


def _version_key(text: str) -> tuple[tuple[int, int, str], ...]:
    end = (1, 0, "")
    key: list[tuple[int, int, str]] = []
    for token in _TOKEN.findall(text.lower()):
        if token.isdigit():
            digits = token.lstrip("0")  # compared by length first: int() of foreign text has no bound
            key.append((3, len(digits), digits))
        elif token in _BEFORE_RELEASE:
            key.append((0, _BEFORE_RELEASE.index(token), ""))
        else:
            key.append((2, 0, token))
    return (*key, end)


def _versions(packages: Iterable[Package]) -> dict[str, list[str]]:
    versions: defaultdict[str, list[str]] = defaultdict(list)
    for package in sorted(packages):
        versions[package.name].append(package.version)
    return versions

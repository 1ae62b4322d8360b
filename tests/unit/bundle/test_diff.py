"""What changed between two releases."""

from __future__ import annotations

import dataclasses

import pytest

from release.bundle.diff import Direction, compare_versions, diff_files, diff_packages
from release.bundle.release import Release
from release.image.packages import Package


def _packages(**versions: str) -> list[Package]:
    return [Package(name, version) for name, text in versions.items() for version in text.split()]


def test_packages_are_added_removed_and_changed() -> None:
    diff = diff_packages(
        _packages(bash="5.2", curl="8.10.0", nano="7", zlib="1.3"),
        _packages(bash="5.2", curl="8.9.1", vim="9.1", zlib="1.3.1"),
    )
    assert diff.added == (Package("vim", "9.1"),)
    assert diff.removed == (Package("nano", "7"),)
    assert [(change.name, change.direction) for change in diff.changed] == [
        ("curl", Direction.DOWN),
        ("zlib", Direction.UP),
    ]
    assert [change.name for change in diff.downgrades] == ["curl"]


def test_versions_side_by_side_are_added_and_removed_one_by_one() -> None:
    diff = diff_packages(_packages(python="3.11.9 3.12.4"), _packages(python="3.11.9 3.12.5 3.13.0"))
    assert (diff.removed, diff.changed) == ((Package("python", "3.12.4"),), ())
    assert diff.added == (Package("python", "3.12.5"), Package("python", "3.13.0"))


def test_one_of_two_slots_changing_is_a_change() -> None:
    diff = diff_packages(_packages(python="3.11.9 3.12.4"), _packages(python="3.11.9 3.12.5"))
    assert (diff.added, diff.removed) == ((), ())
    assert (diff.changed[0].before, diff.changed[0].after) == ("3.12.4", "3.12.5")


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("4081.3.9", "4081.3.10"),
        ("1.0_rc1", "1.0"),
        ("1.0_alpha2", "1.0_beta1"),
        ("1.0", "1.0.1"),
        ("1.0", "1.0-r1"),
        ("1.0-r1", "1.0-r2"),
        ("9.8_p1", "9.9_p1"),
        ("1.1.1a", "1.1.1b"),
        ("1.1.1w", "1.1.1.1"),
        ("2" + "0" * 5000, "3" + "0" * 5000),
    ],
)
def test_a_versions_text_tells_which_is_newer(older: str, newer: str) -> None:
    assert compare_versions(older, newer) is Direction.UP
    assert compare_versions(newer, older) is Direction.DOWN


def test_a_text_that_tells_nothing_goes_sideways() -> None:
    assert compare_versions("1.0", "1-0") is Direction.SIDEWAYS


def test_files_that_came_went_or_changed_size_are_listed(release: Release) -> None:
    old = release.boards[0]
    kernel, version_file = old.files
    new = dataclasses.replace(
        old,
        files=(
            dataclasses.replace(kernel, size=kernel.size + 5),
            dataclasses.replace(version_file, name="z.txt"),
        ),
    )
    assert [(change.name, change.growth) for change in diff_files(old, new)] == [
        (kernel.name, 5),
        ("version.txt", -version_file.size),
        ("z.txt", version_file.size),
    ]
    assert diff_files(old, old) == ()

"""The incoming directory: the newest image sets that are no release yet."""

from __future__ import annotations

from pathlib import Path

from release.catalog.board import Board
from release.catalog.version import Version
from release.line.incoming import newest_image_sets

AMD64, ARM64 = Board("amd64"), Board("arm64")


def incoming(tmp_path: Path, *names: str) -> Path:
    for name in names:
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def test_the_newest_version_is_found_with_all_its_boards(tmp_path: Path) -> None:
    names = ("amd64-usr/4081.3.9", "amd64-usr/4081.3.10", "arm64-usr/4081.3.10")
    root = incoming(tmp_path, *names)
    assert newest_image_sets(root, known=()) == (
        Version(4081, 3, 10),
        {AMD64: root / names[1], ARM64: root / names[2]},
    )


def test_known_versions_and_other_names_are_passed_over(tmp_path: Path) -> None:
    root = incoming(
        tmp_path, "amd64-usr/1.0.0", "amd64-usr/2.0.0", "amd64-usr/latest", "tmp/3.0.0.part", "x/9.9.9"
    )
    (root / "amd64-usr" / "4.0.0").write_text("a file")
    found = newest_image_sets(root, known={Version(2, 0, 0)})
    assert found is not None
    assert found[0] == Version(1, 0, 0)
    assert newest_image_sets(root, known={Version(1, 0, 0), Version(2, 0, 0)}) is None


def test_a_wanted_version_is_the_only_one_looked_for(tmp_path: Path) -> None:
    root = incoming(tmp_path, "amd64-usr/1.0.0", "amd64-usr/2.0.0")
    found = newest_image_sets(root, known=(), wanted=Version(1, 0, 0))
    assert found is not None
    assert found[0] == Version(1, 0, 0)
    assert newest_image_sets(root, known=(), wanted=Version(3, 0, 0)) is None


def test_no_incoming_directory_is_nothing_new(tmp_path: Path) -> None:
    assert newest_image_sets(tmp_path / "incoming", known=()) is None

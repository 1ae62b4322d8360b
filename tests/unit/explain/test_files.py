"""Reading filesystems: every file is found where it really lies, whoever made the image."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from release.explain.files import StoredFile, UnreadableError, content
from release.explain.images import Side, look_at
from release.payload.operations import BLOCK_SIZE
from release.process import run
from tests.unit.explain.samples import MAKERS, contents, expected, make_tree

PACKED_EROFS = {"erofs-lz4", "erofs-lz4-large", "erofs-lz4-legacy"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("tree"), contents())


@pytest.fixture(scope="module", params=MAKERS)
def image(request: pytest.FixtureRequest, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of the tree, filled up to whole blocks, with something behind it."""
    name: str = request.param
    path = MAKERS[name](tree, tmp_path_factory.mktemp(name) / name)
    with path.open("ab") as file:
        file.write(bytes(-path.stat().st_size % BLOCK_SIZE) + bytes(3 * BLOCK_SIZE))
    return path


def look(image: Path) -> Side:
    found = look_at(image, BLOCK_SIZE)
    assert not found.note
    assert found.files is not None
    return found


def files_of(side: Side) -> dict[str, StoredFile]:
    assert side.files is not None
    return {file.path: file for file in side.files.files}


def test_all_files_are_found_with_their_sizes(image: Path, tree: Path) -> None:
    sizes = {path: file.size for path, file in files_of(look(image)).items()}
    assert sizes == {path: len(data) for path, data in expected(tree).items()}


def test_files_read_back_as_they_were(image: Path, tree: Path) -> None:
    side = look(image)
    if image.name in PACKED_EROFS:
        with pytest.raises(UnreadableError, match="erofs' own"):
            content(side.flat, files_of(side)["bin/tool"], 1 << 20)
        return
    wanted = expected(tree)
    found = {path: content(side.flat, file, 1 << 30) for path, file in files_of(side).items()}
    assert found == wanted
    assert content(side.flat, files_of(side)["bin/tool"], 10) == wanted["bin/tool"][:10]


def test_parts_of_files_do_not_overlap_and_lie_inside(image: Path) -> None:
    side = look(image)
    assert side.files is not None
    # Hard links, and pieces of the same content, may lie in the same place.
    spans = sorted({piece.span() for file in side.files.files for piece in file.pieces})
    assert all(low <= high for low, high in spans)
    assert spans[-1][1] <= side.files.size <= len(side.flat)
    overlaps = [(one, other) for one, other in pairwise(spans) if one[1] > other[0]]
    assert not overlaps


def test_what_is_free_is_no_files(image: Path) -> None:
    side = look(image)
    assert side.files is not None
    used = np.zeros(len(side.flat), dtype=np.bool_)
    for file in side.files.files:
        for piece in file.pieces:
            low, high = piece.span()
            used[low:high] = True
    for low, high in side.files.free:
        assert low < high
        assert not used[low:high].any()
    if image.name.startswith(("ext", "btrfs")):
        assert sum(high - low for low, high in side.files.free) > 1 << 20


def test_packed_erofs_files_lie_where_dump_erofs_says(image: Path) -> None:
    if image.name not in PACKED_EROFS:
        return
    side = look(image)
    for path in ("bin/tool", "bin/dense", "share/wide", "lib/libsome.so.1", "share/holes"):
        output = run(["dump.erofs", "-e", f"--path=/{path}", image]).stdout.decode()
        told = re.findall(r"^ *\d+: +(\d+)\.\. *(\d+) .*: +(\d+)\.\. *(\d+) \|", output, re.MULTILINE)
        assert told, output
        wanted = [tuple(map(int, row)) for row in told]
        found = [
            (piece.at, piece.at + piece.length, piece.start, piece.start + piece.stored)
            for piece in files_of(side)[path].pieces
        ]
        assert found == wanted


@pytest.mark.parametrize("name", ["ext2", "ext4", "squashfs-zstd", "erofs-lz4-large", "erofs-plain", "btrfs"])
def test_no_damage_makes_a_reader_do_anything_but_say_so(name: str, tree: Path, tmp_path: Path) -> None:
    good = bytearray(MAKERS[name](tree, tmp_path / "good").read_bytes())
    good += bytes(-len(good) % BLOCK_SIZE)
    choice = random.Random(name)  # noqa: S311  test data
    used = [at for at in range(0, len(good), BLOCK_SIZE) if any(good[at : at + BLOCK_SIZE])]
    noted = 0
    for _ in range(30):
        damaged = bytearray(good)
        for _ in range(choice.choice((1, 20, 400))):
            place = choice.choice(used[: choice.choice((4, 40, len(used)))]) + choice.randrange(BLOCK_SIZE)
            damaged[place] = choice.choice((0, 1, 0x7F, 0xFF, choice.randrange(256)))
        path = tmp_path / "damaged"
        path.write_bytes(damaged)
        side = look_at(path, BLOCK_SIZE)
        assert (side.files is None) == bool(side.note)
        noted += bool(side.note)
        for file in side.files.files[:20] if side.files else ():
            assert all(low <= high for low, high in (piece.span() for piece in file.pieces))
    assert noted


def test_an_image_of_nothing_that_is_known_has_a_note(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(4 * BLOCK_SIZE))
    side = look_at(path, BLOCK_SIZE)
    assert side.files is None
    assert "no filesystem that is known here" in side.note


def test_a_missing_tool_degrades_to_regions(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = MAKERS["ext4"](tree, tmp_path / "image")
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setattr("release.process._SYSTEM_PROGRAMS", "")
    monkeypatch.setenv("PATH", str(empty))
    side = look_at(path, BLOCK_SIZE)
    assert side.files is None
    assert "dumpe2fs: this program is not installed" in side.note
    assert "e2fsprogs" in side.note

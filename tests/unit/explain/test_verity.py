"""The hash tree: found where veritysetup puts it, made anew like veritysetup makes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from release.explain.verity import differing_hashes, find_verity, is_genuine, make_tree, stored_tree
from release.payload.image_blocks import map_image
from release.payload.operations import BLOCK_SIZE
from release.process import run
from tests.unit.explain.samples import noise

SALT = "aa" * 32


def with_tree(path: Path, data: bytes, salt: str = SALT) -> Path:
    path.write_bytes(data)
    blocks = len(data) // BLOCK_SIZE
    sizes = ["--data-block-size=4096", "--hash-block-size=4096", f"--data-blocks={blocks}"]
    run(["veritysetup", "format", *sizes, f"--hash-offset={len(data)}", f"--salt={salt}", path, path])
    with path.open("ab") as file:
        file.write(bytes(-path.stat().st_size % BLOCK_SIZE))
    return path


@pytest.mark.parametrize("blocks", [2, 128, 129, 300, 128 * 128 + 1])
def test_a_tree_of_veritysetup_is_found_and_made_again_bit_for_bit(tmp_path: Path, blocks: int) -> None:
    image = map_image(with_tree(tmp_path / "image", noise(blocks, blocks * BLOCK_SIZE)), BLOCK_SIZE)
    found = find_verity(image)
    assert found is not None
    assert (found.superblock, found.data_blocks, found.salt.hex()) == (blocks, blocks, SALT)
    assert found.end == len(image)
    assert is_genuine(image, found)
    assert (make_tree(image, found, found.salt) == stored_tree(image, found)).all()


def test_another_salt_gives_another_tree_and_one_changed_block_one_changed_leaf(tmp_path: Path) -> None:
    data = bytearray(noise(1, 300 * BLOCK_SIZE))
    old = map_image(with_tree(tmp_path / "old", bytes(data)), BLOCK_SIZE)
    data[200 * BLOCK_SIZE] ^= 1
    new = map_image(with_tree(tmp_path / "new", bytes(data), "bb" * 32), BLOCK_SIZE)
    before, after = find_verity(old), find_verity(new)
    assert before is not None
    assert after is not None
    assert differing_hashes(stored_tree(new, after), stored_tree(old, before)).sum() > 300
    remade = make_tree(new, after, before.salt)
    assert differing_hashes(remade, stored_tree(old, before)).sum(axis=1).tolist() == [1, 0, 1, 0]
    assert differing_hashes(remade, stored_tree(old, before)[:3]).sum(axis=1).tolist() == [1, 0, 1, 128]


def test_a_superblock_that_covers_something_else_is_none(tmp_path: Path) -> None:
    inner = with_tree(tmp_path / "inner", noise(1, 5 * BLOCK_SIZE)).read_bytes()
    outer = tmp_path / "outer"
    outer.write_bytes(noise(2, BLOCK_SIZE) + inner)
    assert find_verity(map_image(outer, BLOCK_SIZE)) is None


def test_a_tree_that_does_not_fit_its_data_is_not_genuine(tmp_path: Path) -> None:
    path = with_tree(tmp_path / "image", noise(1, 5 * BLOCK_SIZE))
    image = np.array(map_image(path, BLOCK_SIZE))
    found = find_verity(image)
    assert found is not None
    image[0] ^= 1
    assert not is_genuine(image, found)

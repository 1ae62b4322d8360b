"""Whose each byte is: nothing is lost, nothing counted twice, regions are told by how they look."""

from __future__ import annotations

import lzma

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from release.explain.files import FileMap, Piece, StoredFile
from release.explain.kinds import Kind, kind_of_file
from release.explain.owners import Map, map_owners
from release.explain.verity import Verity
from tests.unit.explain.samples import noise, prose

BLOCK = 4096
BLOCKS = 8


def piece(start: int, stored: int) -> Piece:
    return Piece(at=0, length=stored, start=start, stored=stored)


def owners_of(found: Map, costs: list[int]) -> dict[str, int]:
    sums = found.sums(np.array(costs, dtype=np.int64), BLOCK).tolist()
    return {owner.title: amount for owner, amount in zip(found.owners, sums, strict=True) if amount}


runs = st.tuples(st.integers(0, BLOCKS * BLOCK + 99), st.integers(0, 3 * BLOCK))


@given(
    st.lists(runs, max_size=12),
    st.lists(runs, max_size=3),
    st.integers(0, (BLOCKS + 1) * BLOCK),
    st.lists(st.integers(0, 1 << 32), min_size=BLOCKS, max_size=BLOCKS),
)
def test_whatever_a_reader_claims_every_byte_is_somebodys_once(
    claims: list[tuple[int, int]], free: list[tuple[int, int]], size: int, costs: list[int]
) -> None:
    image = np.ones((BLOCKS, BLOCK), dtype=np.uint8)
    files = tuple(
        StoredFile(str(number), stored, (piece(start, stored),))
        for number, (start, stored) in enumerate(claims)
    )
    gaps = tuple((start, start + length) for start, length in free)
    found = map_owners(image, FileMap(kind="x", size=size, files=files, free=gaps), None, np.array(costs))
    assert found.cuts[0] == 0
    assert found.cuts[-1] == image.size
    assert (np.diff(found.cuts) > 0).all()
    assert sum(owners_of(found, costs).values()) == sum(costs)
    assert sum(owners_of(found, [BLOCK] * BLOCKS).values()) == image.size


def test_files_that_share_a_block_share_its_bytes_by_size() -> None:
    image = np.ones((2, BLOCK), dtype=np.uint8)
    files = (
        StoredFile("one", 1024, (piece(0, 1024),)),
        StoredFile("three", 3072, (piece(1024, 3072),)),
        StoredFile("same as three", 3072, (piece(1024, 3072),)),
    )
    found = map_owners(image, FileMap(kind="x", size=2 * BLOCK, files=files), None, np.array([400, 7]))
    assert owners_of(found, [400, 7]) == {"one": 100, "three": 300, "x metadata": 7}


def test_a_packed_run_is_shared_by_unpacked_bytes() -> None:
    part = Piece(at=0, length=10, start=1000, stored=50, skip=30, unpacked=100, codec="zstd")
    assert part.span() == (1015, 1020)


def test_tree_free_space_and_what_lies_behind_are_told_apart() -> None:
    image = np.ones((BLOCKS, BLOCK), dtype=np.uint8)
    image[5:] = 0
    files = FileMap(kind="x", size=3 * BLOCK, files=(), free=((BLOCK, 2 * BLOCK),))
    verity = Verity(3, 3, b"", (1,))
    found = map_owners(image, files, verity, np.ones(BLOCKS, dtype=np.int64))
    assert owners_of(found, [1] * BLOCKS) == {
        "x metadata": 2,
        "free space": 1,
        "verity superblock and tree": 2,
        "free space behind the filesystem": 3,
    }


def test_without_files_regions_are_told_by_how_they_begin_or_by_density() -> None:
    packed = lzma.compress(noise(1, 2 * BLOCK - 200))[: 2 * BLOCK].ljust(2 * BLOCK, b"x")
    data = packed + bytes(BLOCK) + noise(2, BLOCK) + prose(3, BLOCK) + b"\x7fELF".ljust(BLOCK, b"y")
    image = np.frombuffer(data, dtype=np.uint8).reshape(-1, BLOCK)
    costs = [1, 2, 4, 8, 16, 32]
    found = map_owners(image, None, None, np.array(costs))
    assert owners_of(found, costs) == {
        "data behind the start of xz": 3,
        "data that begin like nothing known": 4 + 16,
        "dense data that begin like nothing known": 8,
        "data behind the start of ELF": 32,
    }


def test_files_have_the_class_that_name_and_content_tell() -> None:
    elf = b"\x7fELF"
    assert kind_of_file("lib/modules/6.12/kernel/fs/xfs.ko.xz", b"\xfd7zXZ\0") is Kind.MODULE
    assert kind_of_file("lib/modules/6.12/modules.dep", b"kernel/") is Kind.OTHER_FILE
    assert kind_of_file("boot/vmlinuz-6.12", b"MZ") is Kind.KERNEL
    assert kind_of_file("boot/bootengine.img", b"hsqs") is Kind.INITRD
    assert kind_of_file("lib/systemd/system/initrd-root-fs.target", b"[Unit]") is Kind.OTHER_FILE
    assert kind_of_file("share/sysext/docker.raw", b"") is Kind.NESTED
    assert kind_of_file("lib/libc.so.6", elf) is Kind.LIBRARY
    assert kind_of_file("bin/bash", elf) is Kind.PROGRAM
    assert kind_of_file("bin/bash", b"") is Kind.PROGRAM
    assert kind_of_file("bin/script", b"#!/bin/sh") is Kind.OTHER_FILE
    assert kind_of_file("share/man/man1/ls.1.gz", b"\x1f\x8b\x08") is Kind.PACKED_FILE

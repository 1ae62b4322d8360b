"""Unpacking partition images and recognising filesystems, on real images where there is a tool."""

from __future__ import annotations

import bz2
import errno
import hashlib
import os
import resource
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.errors import InputError, StorageFullError
from release.image.partition import BLOCK_SIZE, Filesystem, filesystem_of, superblock_of, unpack_image
from release.process import run
from tests.programs import needed


def noise(size: int) -> bytes:
    """Bytes that do not compress, the same each time."""
    return hashlib.shake_128(b"noise").digest(size)


IMAGE = noise(BLOCK_SIZE * 300) + bytes(BLOCK_SIZE * 200)


def unpack(tmp_path: Path, content: bytes) -> bytes:
    source, target = tmp_path / "image.bin.bz2", tmp_path / "image.bin"
    source.write_bytes(content)
    measured = unpack_image(source, target)
    raw = target.read_bytes()
    assert measured.size == len(raw)
    assert measured.sha256.value == hashlib.sha256(raw).digest()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.bin", "image.bin.bz2"]
    return raw


def test_bzip2_and_raw_are_told_apart_by_content(tmp_path: Path) -> None:
    assert unpack(tmp_path, bz2.compress(IMAGE)) == IMAGE
    assert unpack(tmp_path, IMAGE) == IMAGE
    raw = b"BZh9 is how this raw image starts".ljust(BLOCK_SIZE, b".")
    assert unpack(tmp_path, raw) == raw


def test_several_bzip2_streams_count_as_one(tmp_path: Path) -> None:
    streams = [bz2.compress(IMAGE[at : at + 100_000]) for at in range(0, len(IMAGE), 100_000)]
    assert unpack(tmp_path, b"".join(streams)) == IMAGE
    assert unpack(tmp_path, bz2.compress(b"") + bz2.compress(IMAGE)) == IMAGE


@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    cut=st.integers(1, 40_000),
    extra=st.binary(min_size=1, max_size=30),
)
def test_damaged_bzip2_is_refused_and_writes_nothing(
    tmp_path_factory: pytest.TempPathFactory, cut: int, extra: bytes
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    packed = bz2.compress(noise(BLOCK_SIZE * 10))
    source = folder / "image.bz2"
    for content in (packed[: max(14, len(packed) - cut)], packed + extra, packed + packed[:-cut]):
        source.write_bytes(content)
        if content.startswith(packed) and len(content) == len(packed):
            continue
        with pytest.raises(InputError, match=r"truncated|damaged bzip2"):
            unpack_image(source, folder / "out")
        assert [path.name for path in folder.iterdir()] == ["image.bz2"]


def test_a_flipped_bit_in_bzip2_is_refused(tmp_path: Path) -> None:
    packed = bytearray(bz2.compress(IMAGE))
    packed[len(packed) // 2] ^= 1
    (tmp_path / "image.bz2").write_bytes(packed)
    with pytest.raises(InputError, match="damaged bzip2"):
        unpack_image(tmp_path / "image.bz2", tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found no bytes"),
        (bz2.compress(b""), "found no bytes"),
        (bytes(4097), "expected whole blocks of 4096 bytes, found 4097 bytes"),
        (bz2.compress(bytes(4095)), "found 4095 bytes"),
        (bz2.compress(bytes(4096))[:8], "found 8 bytes"),
    ],
)
def test_what_is_not_whole_blocks_is_refused_and_leaves_the_old_target(
    tmp_path: Path, content: bytes, message: str
) -> None:
    source, target = tmp_path / "image.bz2", tmp_path / "out"
    source.write_bytes(content)
    target.write_bytes(b"older")
    with pytest.raises(InputError, match=message):
        unpack_image(source, target)
    assert target.read_bytes() == b"older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.bz2", "out"]


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "raw").write_bytes(bytes(4096))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError, match="no space left"):
        unpack_image(tmp_path / "raw", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_missing_files_and_folders_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone: No such file"):
        unpack_image(tmp_path / "gone", tmp_path / "out")
    (tmp_path / "raw").write_bytes(bytes(4096))
    with pytest.raises(InputError, match="is no directory"):
        unpack_image(tmp_path / "raw", tmp_path / "gone" / "out")
    with pytest.raises(InputError, match="directory"):
        unpack_image(tmp_path, tmp_path / "out")


def test_a_bzip2_bomb_is_unpacked_in_bounded_memory(tmp_path: Path) -> None:
    size = 512 << 20
    source = tmp_path / "bomb.bz2"
    source.write_bytes(bz2.compress(bytes(32 << 20)) * 16)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    measured = unpack_image(source, tmp_path / "out")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    (tmp_path / "out").unlink()
    assert measured.size == size
    assert grown < 100 << 10, f"grew by {grown} KiB"


def make(tmp_path: Path, *argv: str) -> Path:
    needed(argv[0])
    content = tmp_path / "content"
    content.mkdir()
    (content / "file").write_bytes(os.urandom(100_000))
    image = tmp_path / "image"
    run([word.format(image=image, content=content) for word in argv])
    return image


@pytest.mark.parametrize("kind", ["ext2", "ext4"])
def test_a_real_ext_image_is_recognised_with_its_size(tmp_path: Path, kind: str) -> None:
    image = make(tmp_path, "mke2fs", "-q", "-t", kind, "-b", "4096", "-d", "{content}", "{image}", "8M")
    assert superblock_of(image) == Filesystem("ext4", 8 << 20)
    assert filesystem_of(image) == "ext4"


def test_superblocks_are_recognised_by_magic(tmp_path: Path) -> None:
    """Written by hand from the kernel's headers: the tools for these are rarely installed."""
    path = tmp_path / "image"

    def write(*fields: tuple[int, bytes]) -> None:
        image = bytearray(1 << 20)
        for offset, value in fields:
            image[offset : offset + len(value)] = value
        path.write_bytes(image)

    write((0, b"hsqs"), (40, struct.pack("<Q", 123_456)))
    assert superblock_of(path) == Filesystem("squashfs", 123_456)
    write((0x10040, b"_BHRfS_M"), (0x10070, struct.pack("<Q", 1 << 30)))
    assert superblock_of(path) == Filesystem("btrfs", 1 << 30)
    write((0x400, b"\xe2\xe1\xf5\xe0"), (0x40C, b"\x0c"), (0x424, struct.pack("<I", 100)))
    assert superblock_of(path) == Filesystem("erofs", 409_600)


@pytest.mark.parametrize("content", [b"", b"hsq", bytes(1 << 20), b"\xff" * 100_000])
def test_what_has_no_superblock_has_no_filesystem(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "image").write_bytes(content)
    assert superblock_of(tmp_path / "image") is None
    assert filesystem_of(tmp_path / "image") is None
    with pytest.raises(InputError, match="No such file"):
        filesystem_of(tmp_path / "gone")


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.binary(max_size=2048))
def test_no_superblock_makes_it_raise(tmp_path_factory: pytest.TempPathFactory, rest: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(bytes(0x400) + b"\xe2\xe1\xf5\xe0" + rest)
    found = superblock_of(path)
    assert found is None or found.size >= 0

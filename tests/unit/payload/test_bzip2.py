"""Streams of the bzip2 encoder, taken apart by the decoders of others."""

from __future__ import annotations

import bz2
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from release.payload.bzip2 import compress

LIMIT = 100_000 - 19
"""Bytes of a block of level 1, after runs are counted."""


def _random(size: int, values: int = 256, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).integers(0, values, size, dtype=np.uint8).tobytes()


def _repeated(piece: bytes, size: int) -> bytes:
    return (piece * (size // len(piece) + 1))[:size]


def _fibonacci(size: int) -> bytes:
    one, other = b"a", b"ab"
    while len(other) < size:
        one, other = other, other + one
    return other[:size]


def _thue_morse(size: int) -> bytes:
    word = b"\1"
    while len(word) < size:
        word += bytes(byte ^ 3 for byte in word)
    return word[:size]


def _pairs(size: int) -> bytes:
    """Random bytes, all of which occur twice, in stretches of another order."""
    half = _random(size // 2)
    cuts = [*range(0, size // 2, 4999), size // 2]
    pieces = [half[start:end] for start, end in pairwise(cuts)]
    return half + b"".join(pieces[index * 7 % len(pieces)] for index in range(len(pieces)))


def _differences(size: int) -> bytes:
    """Zeros with a value here and there, like the diff stream of a patch."""
    generator = np.random.default_rng(3)
    content = np.zeros(size, dtype=np.uint8)
    places = generator.integers(0, size, size // 90)
    content[places] = generator.choice(np.array([1, 2, 16, 64, 255], dtype=np.uint8), len(places))
    return content.tobytes()


def _rare(size: int) -> bytes:
    """Values of which each is about half as frequent as the one before: the longest codes there are."""
    values = np.random.default_rng(5).geometric(0.45, size)
    return (255 - np.minimum(values, 255)).astype(np.uint8).tobytes()


SAMPLES = {
    "zeros": bytes(3_000_000),
    "a byte like its count": b"\xfb" * 255_000,
    "random": _random(250_000),
    "rare values": _rare(890_000),
    "few values": _random(250_000, 5),
    "fibonacci": _fibonacci(250_000),
    "thue-morse": _thue_morse(250_000),
    "pairs": _pairs(899_000),
    "differences": _differences(2_000_000),
    "rising": b"".join(bytes([value]) * (1 + value % 7) for value in range(256)) * 150,
    "skewed": b"".join(bytes([value]) + bytes([value + 1]) * (value % 3) for value in range(9)) * 9
    + b"".join(bytes([index % 31]) * 2 + bytes([255 - index % 3]) for index in range(60_000)),
    **{f"period {period}": _repeated(_random(period), 210_000) for period in (2, 3, 5, 255, 256, 260, 4096)},
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("level", [1, 9])
def test_a_stream_is_what_libbz2_reads_and_hardly_ever_longer_than_its_own(name: str, level: int) -> None:
    packed = compress(SAMPLES[name], level)
    assert bz2.decompress(packed) == SAMPLES[name]
    assert len(packed) <= len(bz2.compress(SAMPLES[name], level)) * 1.0005 + 2


def test_nothing_is_the_empty_stream_of_libbz2() -> None:
    assert compress(b"") == bz2.compress(b"")


def test_every_short_length_comes_back() -> None:
    for size in range(300):
        for values in (1, 2, 256):
            content = _random(size, values, seed=size)
            assert bz2.decompress(compress(content)) == content


@pytest.mark.parametrize("piece", [b"aaaa", b"aaaab", b"aaaaaaaaaaab", b"ab", bytes(range(256))])
def test_lengths_around_a_full_block_come_back(piece: bytes) -> None:
    for size in range(LIMIT - 20, LIMIT + 21, 4):
        content = _repeated(piece, size)
        assert bz2.decompress(compress(content, 1)) == content


def test_runs_of_every_length_come_back() -> None:
    content = b"".join(b"x" * length + b"y" for length in range(600))
    assert bz2.decompress(compress(content, 1)) == content


def test_blocks_that_need_more_tables_follow_blocks_that_need_fewer() -> None:
    content = b"".join(_random(40_000, values) + bytes(5_000_000) for values in (250, 3, 20, 250))
    assert bz2.decompress(compress(content, 1)) == content


def test_bunzip2_reads_a_stream() -> None:
    bunzip2 = shutil.which("bunzip2")
    assert bunzip2, "bunzip2 is missing: apt-get install bzip2"
    content = SAMPLES["pairs"] + SAMPLES["differences"]
    done = subprocess.run([bunzip2, "-c"], input=compress(content), capture_output=True, check=True)
    assert done.stdout == content


def test_threads_that_pack_at_once_get_what_one_gets() -> None:
    contents = [SAMPLES[name] for name in ("random", "few values", "fibonacci", "period 260")] * 2
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(compress, contents)) == [compress(content) for content in contents]


def test_arrays_and_views_are_packed_like_bytes() -> None:
    content = SAMPLES["few values"]
    assert (
        compress(np.frombuffer(content, dtype=np.uint8)) == compress(memoryview(content)) == compress(content)
    )


def test_a_level_that_bzip2_does_not_have_is_refused() -> None:
    with pytest.raises(RuntimeError, match="levels 1 to 9, not 10"):
        compress(b"content", 10)

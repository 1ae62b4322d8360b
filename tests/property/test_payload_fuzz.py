"""No bytes make a reader of payloads raise anything but our errors."""

from __future__ import annotations

import bz2
import random
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import bsdiff4
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.errors import HumpyardError
from release.payload import blobs, manifest, signature_blob
from release.payload import patch as reading
from release.payload.apply import apply_payload
from release.payload.build import BuildOrder, build_payload
from release.payload.check import check_payload
from release.payload.container import encode_header
from release.payload.operations import BLOCK_SIZE
from release.payload.profile import POSITIONAL_BSPATCH
from release.payload.reader import describe
from release.payload.rules import PayloadFormatError, Rule

QUICK = settings(max_examples=150, derandomize=True, deadline=None, database=None)


def _noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311  test data


@cache
def _sample() -> tuple[bytes, bytes]:
    """A payload with every operation and a kernel, and its source."""
    old = b"".join(_noise(label, BLOCK_SIZE) for label in range(12))
    changed = bytearray(old[: 4 * BLOCK_SIZE])
    changed[100:103] = b"abc"
    new = bytes(changed) + old[8 * BLOCK_SIZE :] + bytes(BLOCK_SIZE) + _noise(99, BLOCK_SIZE)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "old").write_bytes(old)
        (here / "new").write_bytes(new)
        (here / "kernel").write_bytes(_noise(5, 6000))
        build_payload(
            BuildOrder(
                new_image=here / "new",
                old_image=here / "old",
                kernel=here / "kernel",
                out=here / "p",
                profile=POSITIONAL_BSPATCH,
                signature_sizes=(256,),
            )
        )
        return (here / "p").read_bytes(), old


def _read_everything(payload: bytes, source: bytes | None) -> None:
    """Run all readers; anything but our own errors fails the test, and nothing is left behind."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "p").write_bytes(payload)
        (here / "old").write_bytes(source or b"")
        with suppress(HumpyardError):
            describe(here / "p")
        with suppress(HumpyardError):
            check_payload(here / "p", POSITIONAL_BSPATCH)
        try:
            apply_payload(
                here / "p", here / "out", source=here / "old" if source else None, kernel_out=here / "kernel"
            )
        except HumpyardError:
            assert {path.name for path in here.iterdir()} == {"p", "old"}


def test_the_sample_has_everything() -> None:
    payload, source = _sample()
    _read_everything(payload, source)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "p").write_bytes(payload)
        operations = describe(Path(folder) / "p")["operations"]
    assert isinstance(operations, dict)
    assert set(operations) == {"REPLACE", "REPLACE_BZ", "MOVE", "BSDIFF"}


@given(st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=1, max_size=4))
@QUICK
def test_mutated_payloads(changes: list[tuple[int, int]]) -> None:
    payload, source = _sample()
    mutated = bytearray(payload)
    for place, value in changes:
        # Most of the meaning is in the first kilobyte.
        mutated[place % (1000 if place % 2 else len(payload))] = value
    _read_everything(bytes(mutated), source)


@given(cut=st.integers(0, 2**20), source=st.booleans())
@QUICK
def test_truncated_payloads(cut: int, source: bool) -> None:
    payload, old = _sample()
    _read_everything(payload[: cut % len(payload)], old if source else None)


@given(data=st.binary(max_size=300), rest=st.binary(max_size=50))
@QUICK
def test_arbitrary_manifests(data: bytes, rest: bytes) -> None:
    _read_everything(encode_header(len(data)) + data + rest, None)


@given(st.binary(max_size=200))
@QUICK
def test_arbitrary_bytes(data: bytes) -> None:
    _read_everything(data, None)
    for read in (manifest.decode, signature_blob.decode):
        with suppress(PayloadFormatError):
            read(data)


@given(data=st.binary(max_size=200), limit=st.integers(0, 300), pieces=st.integers(1, 50))
@QUICK
def test_bzip2_streams_come_back_within_their_limit(data: bytes, limit: int, pieces: int) -> None:
    packed = bz2.compress(data)
    split = [packed[at : at + pieces] for at in range(0, len(packed), pieces)]
    if len(data) <= limit:
        assert b"".join(blobs.unpack(split, limit, "blob")) == data
        return
    with pytest.raises(PayloadFormatError, match="blob: unpacks to more than"):
        list(blobs.unpack(split, limit, "blob"))


def _patched(old: bytes, patch: bytes, size: int) -> bytes:
    """What both ways of reading a patch make, or the error that both raise."""
    source = np.frombuffer(old, np.uint8)
    results: list[bytes | str] = []
    for read in (reading.read, reading.unpack):
        try:
            found = read(patch, size, "patch")
            results.append(b"".join(map(bytes, reading.apply(source, found))) if found else b"")
        except PayloadFormatError as error:
            results.append(error.message)
    if isinstance(results[0], str):
        assert isinstance(results[1], str)
        raise PayloadFormatError(Rule.PATCH, results[0])
    assert results[0] == results[1]
    return results[0]


BYTES = st.one_of(st.binary(max_size=300), st.sampled_from([b"abc" * 99, b"abx" * 99, bytes(500)]))


@given(old=BYTES, new=BYTES)
@QUICK
def test_patches_agree_with_another_implementation(old: bytes, new: bytes) -> None:
    assert _patched(old, bsdiff4.diff(old, new), len(new)) == new


@given(changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=3))
@QUICK
def test_mutated_patches(changes: list[tuple[int, int]]) -> None:
    old, new = _noise(1, 3000), _noise(1, 1400) + b"other" + _noise(1, 3000)[1400:]
    patch = bytearray(bsdiff4.diff(old, new))
    for place, value in changes:
        patch[place % len(patch)] = value
    with suppress(PayloadFormatError):
        assert len(_patched(old, bytes(patch), len(new))) == len(new)

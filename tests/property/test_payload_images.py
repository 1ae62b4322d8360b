"""Whole images with content that moves by bytes, repeats itself and is packed, held to every rule."""

from __future__ import annotations

import lzma
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.payload.build import BuildOrder, BuiltPayload, build_payload
from release.payload.profile import FLATCAR, POSITIONAL_BSPATCH, Profile
from tests.property.payload_oracle import Report, check_and_apply

BLOCK = 4096
PROFILES = pytest.mark.parametrize("profile", [FLATCAR, POSITIONAL_BSPATCH], ids=lambda profile: profile.name)


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311  test data


def code(seed: int, size: int) -> bytes:
    """Loose data with repeats, like programs: numbers of 4 bytes that often come again."""
    chance = random.Random(seed)  # noqa: S311  test data
    words = [chance.randbytes(4) for _ in range(300)]
    return b"".join(chance.choices(words, k=size // 4 + 1))[:size]


def packed(seed: int, size: int) -> bytes:
    return lzma.compress(code(seed, 3 * size))[:size].ljust(size, b"\0")


def padded(data: bytes, block: int = BLOCK) -> bytes:
    return data + bytes(-len(data) % block)


def edited(data: bytes, every: int = 1000) -> bytes:
    """A few bytes changed here and there, as addresses are when a program is built anew."""
    changed = bytearray(data)
    for place in range(every // 2, len(changed), every):
        changed[place : place + 2] = bytes((changed[place] ^ 0x55, 7))
    return bytes(changed)


def build(old: bytes | None, new: bytes, profile: Profile, workers: int = 1) -> tuple[BuiltPayload, Report]:
    """Build a payload and hold it to every rule; the second implementation must make ``new`` of it."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "new").write_bytes(new)
        if old is not None:
            (here / "old").write_bytes(old)
        order = BuildOrder(
            new_image=here / "new",
            old_image=None if old is None else here / "old",
            out=here / "p",
            profile=profile,
            workers=workers,
        )
        built = build_payload(order)
        return built, check_and_apply(here / "p", profile.name, old, new)


def data_of(built: BuiltPayload) -> int:
    return sum(built.blob_bytes.values())


OLD = padded(noise(1, 50_000)) + padded(code(2, 90_000)) + padded(packed(3, 70_000)) + bytes(20 * BLOCK)
CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a byte in front": lambda old: padded(b"x" + old),
    "a byte less": lambda old: padded(old[1:]),
    "a byte in the middle": lambda old: padded(old[:60_000] + b"x" + old[60_000:]),
    "edits everywhere": edited,
    "edits, moved by bytes": lambda old: padded(b"xyz" + edited(old)),
    "backwards": lambda old: b"".join(
        old[place : place + BLOCK] for place in reversed(range(0, len(old), BLOCK))
    ),
    "halves swapped inside a block": lambda old: padded(old[101_000:] + old[:101_000]),
    "everything twice, the second time by bytes": lambda old: padded(old + b"12345" + old),
    "new content twice": lambda old: padded(old + noise(8, 40_000) + b"1" + noise(8, 40_000)),
    "all new": lambda old: noise(9, len(old)),
    "zeros": lambda old: bytes(len(old)),
    "a third": lambda old: old[: len(old) // 3 // BLOCK * BLOCK],
}


@PROFILES
@pytest.mark.parametrize("change", CHANGES)
def test_changes_that_know_no_blocks(change: str, profile: Profile) -> None:
    new = CHANGES[change](OLD)
    delta, _ = build(OLD, new, profile)
    full, _ = build(None, new, profile)
    assert data_of(delta) <= data_of(full) * 1.01 + 200


PIECES = st.lists(
    st.tuples(
        st.sampled_from(["old", "edited", "noise", "code", "zeros", "again"]),
        st.integers(0, len(OLD)),
        st.integers(1, 40_000),
    ),
    min_size=1,
    max_size=12,
)


@PROFILES
@given(pieces=PIECES)
@settings(max_examples=25, derandomize=True, deadline=None, database=None)
def test_images_of_any_pieces(profile: Profile, pieces: list[tuple[str, int, int]]) -> None:
    new = b""
    for kind, place, length in pieces:
        makers: dict[str, Callable[[], bytes]] = {
            "old": lambda: OLD[place : place + length],  # noqa: B023  called at once
            "edited": lambda: edited(OLD[place : place + length]),  # noqa: B023
            "noise": lambda: noise(place, length),  # noqa: B023
            "code": lambda: code(place, length),  # noqa: B023
            "zeros": lambda: bytes(length),  # noqa: B023
            "again": lambda: new[place % max(len(new), 1) :][:length],  # noqa: B023
        }
        new += makers[kind]()
    build(OLD, padded(new or b"1"), profile)


def test_content_that_moved_by_bytes_costs_next_to_nothing() -> None:
    old = noise(1, 100 * BLOCK)
    built, report = build(old, padded(b"0123456789" + old)[: 100 * BLOCK], POSITIONAL_BSPATCH)
    assert data_of(built) < 2 * BLOCK
    assert report.operations["BSDIFF"] == 1


def test_new_content_is_sent_once_however_often_it_stands_in_the_image() -> None:
    old, fresh = noise(1, 50 * BLOCK), noise(2, 60 * BLOCK)
    new = old + fresh + padded(b"shifted" + fresh) + fresh
    built, report = build(old, new, POSITIONAL_BSPATCH)
    assert data_of(built) < len(fresh) + 2 * BLOCK
    assert report.bytes_written >= 180 * BLOCK
    assert report.not_repeatable == 0


def test_repeats_are_packed_together_for_clients_that_do_not_patch() -> None:
    fresh = noise(2, 60 * BLOCK)
    built, _ = build(noise(1, BLOCK), fresh + noise(3, 300 * BLOCK) + padded(b"shifted" + fresh), FLATCAR)
    assert data_of(built) < 300 * BLOCK + 1.3 * len(fresh)


def test_packed_data_are_left_as_they_are_and_loose_data_packed() -> None:
    new = b"".join(noise(block, BLOCK) + code(block, BLOCK) for block in range(40))
    built, report = build(None, new, FLATCAR)
    assert built.blob_bytes["REPLACE"] == 40 * BLOCK
    assert report.operations == {"REPLACE": 1, "REPLACE_BZ": 1}


def test_a_full_payload_holds_zeros_and_repeats_once() -> None:
    once = noise(1, 10 * BLOCK)
    built, report = build(None, once + bytes(5000 * BLOCK) + once, FLATCAR)
    assert data_of(built) < 10 * BLOCK + 500
    assert report.operations == {"REPLACE": 1, "REPLACE_BZ": 2, "MOVE": 1}


def test_operations_are_few_and_none_makes_a_client_hold_much() -> None:
    old = noise(1, 3000 * BLOCK)
    new = noise(2, 100 * BLOCK) + old[BLOCK * 1500 :] + old[: BLOCK * 1500]
    built, report = build(old, new, FLATCAR)
    assert report.largest_operation <= 4 << 20
    assert report.operations["MOVE"] <= 50
    assert report.not_repeatable == 0
    assert data_of(built) < 101 * BLOCK


def test_a_small_shift_overwrites_nothing_that_it_reads() -> None:
    """A run that moves by a few blocks is copied aside piece by piece, in blocks that are sent later."""
    old = noise(1, 600 * BLOCK)
    built, report = build(old, noise(2, 40 * BLOCK) + old[: -40 * BLOCK], FLATCAR)
    assert report.not_repeatable == 0
    assert data_of(built) < 41 * BLOCK


def test_in_an_image_without_room_a_swap_costs_a_few_blocks_and_keeps_patches() -> None:
    old = noise(1, 64 * BLOCK) + code(2, 200 * BLOCK)
    new = edited(old[64 * BLOCK :]) + old[: 64 * BLOCK]
    built, _ = build(old, new, POSITIONAL_BSPATCH)
    full, _ = build(None, new, POSITIONAL_BSPATCH)
    assert built.operations["BSDIFF"] == 1
    assert data_of(built) < data_of(full) * 0.6


def test_data_that_are_alike_everywhere_by_half_do_not_take_for_ever() -> None:
    """Every alignment neither gains nor loses: what is looked through once must not be so again and again."""
    old = code(1, 4 << 20)
    new = bytearray(old)
    for place in range(0, len(new), 32):
        new[place : place + 16] = bytes(byte ^ 0x80 for byte in new[place : place + 16])
    build(old, bytes(new), POSITIONAL_BSPATCH)


@PROFILES
def test_several_groups_give_the_same_bytes_for_any_number_of_workers(profile: Profile) -> None:
    old = noise(1, 1200 * BLOCK) + code(2, 1200 * BLOCK)
    fresh = noise(3, 700 * BLOCK)
    new = padded(b"x" + edited(old, 30_000) + fresh + b"y" + fresh)
    built = [build(old, new, profile, workers=workers) for workers in (1, 2, 4)]
    assert len({one.size for one, _ in built}) == 1
    assert len({str(sorted(report.blob_bytes.items())) for _, report in built}) == 1

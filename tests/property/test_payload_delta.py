"""Applying what was built gives the new image back, whatever the two images look like."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.digests import Digest
from release.payload.apply import apply_payload
from release.payload.build import BuildOrder, BuiltPayload, build_payload
from release.payload.check import check_payload
from release.payload.operations import BLOCK_SIZE
from release.payload.profile import FLATCAR, POSITIONAL_BSPATCH, PROFILES, REPLACE_ONLY, Profile
from tests.property.payload_oracle import check_and_apply, client_applies, extension_client_unpacks

QUICK = settings(max_examples=60, derandomize=True, deadline=None, database=None)


def block(label: int) -> bytes:
    """Block 0 is zeros; 1 to 99 are noise; 100 on are like 1 on with a few bytes changed."""
    if label == 0:
        return bytes(BLOCK_SIZE)
    data = bytearray(random.Random(label % 100).randbytes(BLOCK_SIZE))  # noqa: S311  test data
    for place in range(label // 100):
        data[place * 7 : place * 7 + 3] = b"new"
    return bytes(data)


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311  test data


def image(labels: list[int]) -> bytes:
    return b"".join(map(block, labels))


LABELS = st.one_of(st.integers(0, 12), st.integers(101, 112), st.sampled_from([0, 1, 1]))
IMAGES = st.lists(LABELS, min_size=1, max_size=24)


def prove(old: bytes, new: bytes, profile: Profile, workers: int = 1) -> BuiltPayload:
    """Build, check and apply a delta; the result is ``new`` to the byte."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "old").write_bytes(old)
        (here / "new").write_bytes(new)
        order = BuildOrder(
            new_image=here / "new", old_image=here / "old", out=here / "p", profile=profile, workers=workers
        )
        built = build_payload(order)
        check_payload(here / "p", profile)
        applied = apply_payload(here / "p", here / "out", source=here / "old", profile=profile)
        assert (here / "out").read_bytes() == new
        report = check_and_apply(here / "p", profile.name, old, new)
        assert report.not_repeatable == built.unrepeatable
        assert applied.image.sha256 == Digest.sha256(new) == built.new_image.sha256
        assert {path.name for path in here.iterdir()} == {"old", "new", "p", "out"}
        return built


@pytest.mark.parametrize("profile", [FLATCAR, POSITIONAL_BSPATCH], ids=lambda profile: profile.name)
@given(old=IMAGES, new=IMAGES)
@QUICK
def test_a_delta_applied_to_the_old_image_gives_the_new_one(
    profile: Profile, old: list[int], new: list[int]
) -> None:
    prove(image(old), image(new), profile)


@pytest.mark.parametrize("profile", [FLATCAR, POSITIONAL_BSPATCH], ids=lambda profile: profile.name)
@given(count=st.integers(2, 24), seed=st.integers(0, 2**32), data=st.data())
@QUICK
def test_any_rearrangement_of_blocks_applies(
    profile: Profile, count: int, seed: int, data: st.DataObject
) -> None:
    old = list(range(1, count + 1))
    new = data.draw(st.permutations(old))
    chance = random.Random(seed)  # noqa: S311  test data
    # Some blocks change too, which makes room aside, or look like others, which makes patches.
    for place in range(count):
        if chance.random() < 0.2:
            new[place] = chance.choice([0, 50 + place, 100 + new[place], new[0]])
    prove(image(old), image(new), profile)


LAYOUTS: dict[str, Callable[[list[int]], list[int]]] = {
    "same": lambda old: old,
    "rotated by one": lambda old: old[1:] + old[:1],
    "rotated back by one": lambda old: old[-1:] + old[:-1],
    "rotated by a third": lambda old: old[len(old) // 3 :] + old[: len(old) // 3],
    "reversed": lambda old: old[::-1],
    "halves swapped": lambda old: old[len(old) // 2 :] + old[: len(old) // 2],
    "neighbours swapped": lambda old: [old[i ^ 1] for i in range(len(old))],
    "doubled": lambda old: old + old,
    "every block twice": lambda old: [label for label in old for _ in range(2)],
    "one block everywhere": lambda old: [old[3]] * len(old),
    "all zeros": lambda old: [0] * len(old),
    "shrunk": lambda old: old[len(old) // 2 :],
    "grown by zeros": lambda old: old + [0] * 5,
    "grown by noise": lambda old: [77, *old, 78],
    "moved by two": lambda old: [0, 0, *old],
    "one block": lambda old: old[-1:],
    "all changed a little": lambda old: [label + 100 for label in old],
    "rotated and changed": lambda old: [label + 100 * (label % 3 == 0) for label in old[5:] + old[:5]],
}


@pytest.mark.parametrize("profile", [FLATCAR, POSITIONAL_BSPATCH], ids=lambda profile: profile.name)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_adversarial_layouts_apply(layout: str, profile: Profile) -> None:
    old = list(range(1, 41))
    prove(image(old), image(LAYOUTS[layout](old)), profile)


def test_a_rotation_costs_one_block_not_all() -> None:
    old = list(range(1, 41))
    built = prove(image(old), image(old[1:] + old[:1]), FLATCAR)
    assert sum(built.blob_bytes.values()) <= 2 * BLOCK_SIZE


def test_similar_blocks_are_patched_where_the_profile_has_it() -> None:
    old = list(range(1, 41))
    new = [label + 100 for label in old]
    assert prove(image(old), image(new), POSITIONAL_BSPATCH).operations == {"BSDIFF": 1}
    assert "BSDIFF" not in prove(image(old), image(new), FLATCAR).operations


@given(old=IMAGES, new=IMAGES, profile=st.sampled_from(list(PROFILES.values())), kernel=st.booleans())
@settings(QUICK, max_examples=25)
def test_the_bytes_do_not_depend_on_the_number_of_workers(
    old: list[int], new: list[int], profile: Profile, kernel: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "old").write_bytes(image(old))
        (here / "new").write_bytes(image(new) * 30)
        (here / "kernel").write_bytes(image(new)[:-100])
        results = set()
        for workers in (1, 2, 4):
            build_payload(
                BuildOrder(
                    new_image=here / "new",
                    out=here / "p",
                    old_image=here / "old" if profile.deltas else None,
                    kernel=here / "kernel" if kernel and profile.procedures else None,
                    profile=profile,
                    signature_sizes=(256,),
                    workers=workers,
                )
            )
            results.add((here / "p").read_bytes())
        assert len(results) == 1


@given(new=IMAGES, profile=st.sampled_from(list(PROFILES.values())))
@settings(QUICK, max_examples=25)
def test_a_full_payload_needs_nothing(new: list[int], profile: Profile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "new").write_bytes(image(new))
        build_payload(BuildOrder(new_image=here / "new", out=here / "p", profile=profile))
        check_payload(here / "p", profile)
        apply_payload(here / "p", here / "out", profile=profile)
        assert (here / "out").read_bytes() == image(new)
        assert client_applies((here / "p").read_bytes(), noise(len(image(new)))) == image(new)
        check_and_apply(here / "p", profile.name, None, image(new))
        if profile is REPLACE_ONLY:
            assert extension_client_unpacks((here / "p").read_bytes()) == image(new)

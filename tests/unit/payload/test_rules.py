"""Each rule, broken by a payload that is right in everything else."""

from __future__ import annotations

import bz2
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bsdiff4
import pytest

from release.errors import InputError
from release.payload.apply import apply_payload
from release.payload.check import check_payload
from release.payload.operations import HOLE, Extent, Info, Manifest, Operation, OperationType
from release.payload.profile import FLATCAR, POSITIONAL_BSPATCH, REPLACE_ONLY, get_profile
from release.payload.rules import PayloadFormatError, Rule
from release.payload.structure import BLOCK_LIMIT
from tests.unit.payload.samples import Planned, assemble, info, move, noise, place, raw, write

NEW = noise(1, 4)
GOOD = [raw(NEW, (0, 4))]
KERNEL = [raw(b"kernel", (0, 1))]


def refused(path: Path, rule: Rule, match: str = "rule") -> None:
    with pytest.raises(PayloadFormatError, match=match) as caught:
        check_payload(path)
    assert caught.value.rule is rule
    assert f"rule {rule.number} ({rule.slug}): {path}" in caught.value.message


def test_a_right_payload_passes_and_applies(tmp_path: Path) -> None:
    path = write(tmp_path / "p", assemble(GOOD, NEW, KERNEL), GOOD + KERNEL)
    check_payload(path, FLATCAR)
    applied = apply_payload(path, tmp_path / "out", kernel_out=tmp_path / "kernel")
    assert (tmp_path / "out").read_bytes() == NEW
    assert (tmp_path / "kernel").read_bytes() == b"kernel"
    assert applied.operations == {"REPLACE": 2}
    assert applied.skipped == ()


@pytest.mark.parametrize(
    ("content", "rule", "match"),
    [
        (b"", Rule.HEADER, "expected 20 bytes, the file has 0"),
        (b"CrAU" + bytes(15), Rule.HEADER, "the file has 19"),
        (b"CrAV" + bytes(16), Rule.HEADER, "magic"),
        (b"CrAU" + (2).to_bytes(8, "big") + bytes(8), Rule.HEADER, "expected format version 1, found 2"),
        (b"CrAU" + (1).to_bytes(8, "big") + b"\xff" * 8, Rule.MANIFEST_SIZE, "the header says 1844"),
        (b"CrAU" + (1).to_bytes(8, "big") + (1).to_bytes(8, "big"), Rule.MANIFEST_SIZE, "at most 0"),
        (b"CrAU" + (1).to_bytes(8, "big") + (2).to_bytes(8, "big") + b"\x0a\x7f", Rule.MANIFEST, "protobuf"),
        (b"CrAU" + (1).to_bytes(8, "big") + (2).to_bytes(8, "big") + b"\x0a\x00", Rule.MANIFEST, "no type"),
        (b"CrAU" + (1).to_bytes(8, "big") + bytes(8), Rule.NEW_INFO, "new_partition_info"),
    ],
)
def test_headers(content: bytes, rule: Rule, match: str, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(content)
    refused(tmp_path / "p", rule, match)


def _first(**changes: object) -> Callable[[Manifest], Manifest]:
    def change(manifest: Manifest) -> Manifest:
        first = replace(manifest.operations[0], **changes)  # type: ignore[arg-type]  # fields by name
        return replace(manifest, operations=(first, *manifest.operations[1:]))

    return change


def _kernel(**changes: object) -> Callable[[Manifest], Manifest]:
    def change(manifest: Manifest) -> Manifest:
        first = replace(manifest.procedures[0], **changes)  # type: ignore[arg-type]  # fields by name
        return replace(manifest, procedures=(first,))

    return change


HASH = bytes(32)


@pytest.mark.parametrize(
    ("change", "rule", "match"),
    [
        (lambda m: replace(m, block_size=0), Rule.BLOCK_SIZE, "found 0"),
        (lambda m: replace(m, block_size=4097), Rule.BLOCK_SIZE, "found 4097"),
        (lambda m: replace(m, new_partition=None), Rule.NEW_INFO, "found none"),
        (lambda m: replace(m, new_partition=Info(5, b"x")), Rule.NEW_INFO, "32 bytes, found 1"),
        (lambda m: replace(m, new_partition=Info(2**60, HASH)), Rule.NEW_INFO, "at most 67108864 blocks"),
        (lambda m: replace(m, old_partition=Info(5, None)), Rule.OLD_INFO, "clients abort"),
        (_kernel(new_info=None), Rule.PROCEDURE, "new_info"),
        (_kernel(old_info=Info(1, b"")), Rule.OLD_INFO, "old_info"),
        (lambda m: replace(m, procedures=m.procedures * 2), Rule.BLOB_ORDER, "procedure 1"),
        (_first(data_offset=1), Rule.BLOB_ORDER, "expected its data at 0, found 1"),
        (_first(data_offset=None), Rule.BLOB_ORDER, "found None"),
        (_first(data_length=5), Rule.BLOB_ORDER, "expected its data at 5"),
        (_first(data_sha256=None), Rule.BLOB_HASH, "no SHA-256"),
        (_first(data_sha256=HASH), Rule.BLOB_HASH, "do not match"),
        (_first(dst_extents=(Extent(0, 3),)), Rule.BLOB_LENGTH, "16384 bytes for 12288"),
        (_first(dst_extents=(Extent(0, 0), Extent(0, 4))), Rule.EXTENTS, "no blocks"),
        (_first(dst_extents=(Extent(BLOCK_LIMIT, 4),)), Rule.EXTENTS, "expected blocks below"),
        (_first(type=OperationType.MOVE), Rule.OPERATION, "a MOVE has no data"),
        (_first(type=OperationType.REPLACE_BZ), Rule.BZIP2, "Invalid data stream"),
        (_first(type=OperationType.BSDIFF), Rule.OPERATION, "src_length"),
        (_first(type=OperationType.BSDIFF, src_length=0), Rule.OPERATION, "dst_length"),
        (_first(type=OperationType.BSDIFF, src_length=0, dst_length=1), Rule.PATCH, "BSDIFF40"),
        (lambda m: replace(m, signatures_offset=0), Rule.SIGNATURES, "both"),
        (
            lambda m: replace(m, signatures_offset=0, signatures_size=8),
            Rule.SIGNATURES,
            "where the blobs end",
        ),
        (lambda m: replace(m, signatures_offset=16390, signatures_size=0), Rule.SIGNATURES, "from 1 to"),
        (lambda m: replace(m, signatures_offset=16390, signatures_size=8), Rule.PAYLOAD_SIZE, "truncated"),
        (lambda m: replace(m, operations=()), Rule.BLOB_ORDER, "procedure 0"),
    ],
)
def test_manifests(change: Callable[[Manifest], Manifest], rule: Rule, match: str, tmp_path: Path) -> None:
    manifest = change(assemble(GOOD, NEW, KERNEL))
    refused(write(tmp_path / "p", manifest, GOOD + KERNEL), rule, match)


def test_each_kind_of_procedure_comes_once(tmp_path: Path) -> None:
    manifest = assemble(GOOD, NEW, KERNEL)
    empty = replace(manifest.procedures[0], operations=())
    manifest = replace(manifest, procedures=(*manifest.procedures, empty))
    refused(write(tmp_path / "p", manifest, GOOD + KERNEL), Rule.PROCEDURE, "one of this kind before")


@pytest.mark.parametrize(
    ("planned", "rule", "match"),
    [
        (move([(0, 1)], [(1, 2)]), Rule.OPERATION, "reads 1 blocks and writes 2"),
        (move([(HOLE, 1)], [(1, 1)]), Rule.OPERATION, "sparse hole"),
        (move([(0, 400000)], [(0, 400000)]), Rule.OPERATION, "reads more than"),
        (raw(b"", (0, 1)), Rule.OPERATION, "expected data, found none"),
    ],
)
def test_operations(planned: Planned, rule: Rule, match: str, tmp_path: Path) -> None:
    manifest = assemble([*GOOD, planned], NEW)
    refused(write(tmp_path / "p", manifest, GOOD), rule, match)


def test_work_is_bounded(tmp_path: Path) -> None:
    planned = [*GOOD, *[move([(0, 200000)], [(0, 200000)])] * 6]
    refused(write(tmp_path / "p", assemble(planned, NEW), GOOD), Rule.WORK, "1200004 blocks are written")


def test_trailing_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "p", assemble(GOOD, NEW), GOOD, b"x")
    refused(path, Rule.PAYLOAD_SIZE, "followed by other bytes")


def test_unreadable_signatures(tmp_path: Path) -> None:
    manifest = replace(assemble(GOOD, NEW), signatures_offset=len(NEW), signatures_size=4)
    refused(write(tmp_path / "p", manifest, GOOD, b"\x0a\x7fxx"), Rule.SIGNATURES, "not a readable")
    refused(write(tmp_path / "p", manifest, GOOD, b"\x10\x01\x10\x01"), Rule.SIGNATURES, "no signature")
    check_payload(write(tmp_path / "p", manifest, GOOD, bytes(4)))


def _patch(old: bytes, new: bytes, src: tuple[int, int], dst: tuple[int, int]) -> Planned:
    operation = Operation(
        type=OperationType.BSDIFF,
        src_extents=(Extent(*src),),
        src_length=len(old),
        dst_extents=(Extent(*dst),),
        dst_length=len(new),
    )
    return Planned(operation, bsdiff4.diff(old, new))


@pytest.mark.parametrize(
    ("manifest", "match"),
    [
        (assemble([_patch(NEW, NEW, (0, 4), (0, 4))], NEW), "flatcar clients apply only MOVE, REPLACE"),
        (replace(assemble(GOOD, NEW), old_partition=info(NEW)), "old_partition_info never matches"),
    ],
)
def test_what_flatcar_forbids(manifest: Manifest, match: str, tmp_path: Path) -> None:
    blobs = [_patch(NEW, NEW, (0, 4), (0, 4))] if manifest.operations[0].dst_length else GOOD
    path = write(tmp_path / "p", manifest, blobs)
    check_payload(path, POSITIONAL_BSPATCH)
    with pytest.raises(PayloadFormatError, match=match) as caught:
        check_payload(path, FLATCAR)
    assert caught.value.rule is Rule.PROFILE


@pytest.mark.parametrize(
    ("planned", "kernel", "match"),
    [
        ([raw(NEW, (0, 2), (2, 2))], [], "exactly one destination extent, found 2"),
        ([raw(NEW[:4096], (0, 1))], [], "block 1 is left as it was"),
        ([*GOOD, move([(0, 1)], [(1, 1)])], [], "apply only REPLACE, REPLACE_BZ"),
        (GOOD, KERNEL, "take no procedures"),
    ],
)
def test_what_replace_only_forbids(
    planned: list[Planned], kernel: list[Planned], match: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "p", assemble(planned, NEW, kernel), planned + kernel)
    check_payload(path, FLATCAR)
    with pytest.raises(PayloadFormatError, match=match):
        check_payload(path, REPLACE_ONLY)


def test_limits_of_the_positional_bspatch(tmp_path: Path) -> None:
    planned = [_patch(NEW, NEW, (0, 4), (0, 4))]
    path = write(tmp_path / "p", assemble(planned, NEW), planned)
    check_payload(path, POSITIONAL_BSPATCH)
    with pytest.raises(PayloadFormatError, match="expected at most 0 extents, found 1"):
        check_payload(path, replace(POSITIONAL_BSPATCH, bsdiff_extent_limit=0))
    with pytest.raises(PayloadFormatError, match="expected at most 5 source bytes, found 16384"):
        check_payload(path, replace(POSITIONAL_BSPATCH, bsdiff_source_limit=5))


def test_one_bzip2_stream_only(tmp_path: Path) -> None:
    for data in (bz2.compress(NEW) * 2, bz2.compress(NEW) + b"\0", bz2.compress(NEW)[:-9], b"BZh9"):
        planned = [raw(data, (0, 4), kind=OperationType.REPLACE_BZ)]
        refused(write(tmp_path / "p", assemble(planned, NEW), planned), Rule.BZIP2)


def test_procedures_of_an_unknown_kind_are_stepped_over(tmp_path: Path) -> None:
    manifest = assemble(GOOD, NEW, KERNEL)
    unknown = replace(manifest.procedures[0], type=None, new_info=None)
    path = write(tmp_path / "p", replace(manifest, procedures=(unknown,)), GOOD + KERNEL)
    assert apply_payload(path, tmp_path / "out").kernel is None
    assert (tmp_path / "out").read_bytes() == NEW


def test_an_unknown_profile_lists_the_known_ones() -> None:
    assert get_profile("flatcar") is FLATCAR
    with pytest.raises(
        InputError, match="'nope': not known; expected one of flatcar, positional-bspatch, re"
    ):
        get_profile("nope")


def test_placing_is_contiguous() -> None:
    first, second = place([raw(b"ab", (0, 1)), raw(b"c", (1, 1))])
    assert (first.data_offset, second.data_offset) == (0, 2)

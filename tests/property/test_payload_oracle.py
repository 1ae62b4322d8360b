"""The second implementation is strict: each of its rules, broken by one change to a payload it accepts."""

from __future__ import annotations

import bz2
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from release.payload.operations import HOLE, Extent, Info, Manifest, Operation, OperationType
from tests.property.payload_oracle import check_and_apply
from tests.property.payload_oracle_wire import OracleError
from tests.unit.payload.samples import Planned, assemble, info, move, noise, raw, write

OLD = noise(1, 4)
A, B, C, D = (OLD[at : at + 4096] for at in range(0, len(OLD), 4096))
NEW = A + A + bytes(4096) + C
KERNEL = b"kernel" * 700
ZERO = bz2.compress(bytes(4096))

PLANNED = [
    move([(2, 1)], [(3, 1)]),
    move([(0, 2)], [(0, 2)]),
    raw(A, (1, 1)),
    raw(ZERO, (2, 1), kind=OperationType.REPLACE_BZ),
]
INSTALL = [raw(KERNEL, (0, 2))]


def _noop(operation: Operation) -> Operation:
    blocks = -(-operation.data_length // 4096)
    return replace(operation, dst_extents=(Extent(HOLE, blocks),))


def _right(planned: list[Planned], new: bytes = NEW) -> Manifest:
    manifest = assemble(planned, new, INSTALL)
    procedure = replace(manifest.procedures[0], new_info=info(KERNEL))
    end = manifest.blobs_size
    place = Operation(type=OperationType.REPLACE, data_offset=end, data_length=8)
    return replace(
        manifest,
        procedures=(procedure,),
        noop_operations=(_noop(procedure.operations[0]), _noop(place)),
        signatures_offset=end,
        signatures_size=8,
    )


def _look(path: Path, profile: str = "flatcar", old: bytes | None = OLD, new: bytes = NEW) -> object:
    return check_and_apply(path, profile, old, new, expect_kernel=KERNEL)


def test_what_is_right_is_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "p", _right(PLANNED), PLANNED + INSTALL, bytes(8))
    report = check_and_apply(path, "flatcar", OLD, NEW, expect_kernel=KERNEL)
    assert report.operations == {"MOVE": 2, "REPLACE": 2, "REPLACE_BZ": 1}
    assert report.blob_bytes["REPLACE_BZ"] == len(ZERO)
    assert (report.not_repeatable, report.largest_not_repeatable) == (1, 8192)
    assert (report.bytes_read, report.bytes_written, report.rewritten_bytes) == (12288, 28672, 4096)
    assert report.largest_operation == 8192
    assert report.payload_size == path.stat().st_size


def _operation(index: int, **changes: object) -> Callable[[Manifest], Manifest]:
    def change(manifest: Manifest) -> Manifest:
        operations = list(manifest.operations)
        operations[index] = replace(operations[index], **changes)  # type: ignore[arg-type]  # fields by name
        return replace(manifest, operations=tuple(operations))

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda m: replace(m, block_size=4095), "block size"),
        (lambda m: replace(m, noop_operations=m.noop_operations[:1]), "noop_operations"),
        (lambda m: replace(m, noop_operations=m.noop_operations[::-1]), "noop_operations"),
        (lambda m: replace(m, signatures_offset=1), "where the blobs end"),
        (lambda m: replace(m, signatures_size=7), "does not end where signatures do"),
        (lambda m: replace(m, old_partition=info(OLD)), "old_partition_info never matches"),
        (lambda m: replace(m, new_partition=None), "new_partition_info: missing"),
        (lambda m: replace(m, new_partition=Info(16384, bytes(32))), "names something else"),
        (lambda m: replace(m, procedures=()), "where the blobs end"),
        (_operation(0, data_offset=0), "has data"),
        (_operation(0, src_extents=(Extent(0, 2),)), "block counts differ"),
        (_operation(0, src_extents=(Extent(4, 1),)), "extent 4"),
        (_operation(0, dst_extents=(Extent(4, 1),)), "extent 4"),
        (_operation(0, dst_extents=(Extent(HOLE, 1),)), "extent 18446744073709551615"),
        (_operation(0, dst_extents=(Extent(3, 1), Extent(3, 0))), "extent 3"),
        (_operation(0, src_length=1), "lengths"),
        (_operation(1, dst_extents=(Extent(0, 1), Extent(0, 1))), "writes a block twice"),
        (_operation(2, data_offset=4), "data_offset is not 0"),
        (_operation(2, data_sha256=bytes(32)), "SHA-256 differs"),
        (_operation(2, dst_extents=(Extent(1, 2),)), "4096 bytes for 8192"),
        (_operation(2, src_extents=(Extent(0, 1),)), "sources"),
        (_operation(2, dst_length=4096), "lengths"),
        (_operation(2, type=OperationType.REPLACE_BZ), "Invalid data stream"),
        (_operation(2, dst_extents=()), "writes nothing"),
        (_operation(2, dst_extents=(Extent(0, 1),)), "not the one expected"),
        (_operation(3, type=OperationType.REPLACE), "bytes for 4096"),
        (_operation(3, type=OperationType.BSDIFF, src_length=1, dst_length=1), "a BSDIFF is an error"),
    ],
)
def test_fields(change: Callable[[Manifest], Manifest], match: str, tmp_path: Path) -> None:
    path = write(tmp_path / "p", change(_right(PLANNED)), PLANNED + INSTALL, bytes(8))
    with pytest.raises(OracleError, match=match):
        _look(path)


@pytest.mark.parametrize("data", [ZERO + b"x", ZERO + ZERO, ZERO[:-1], bz2.compress(bytes(4097))])
def test_one_whole_bzip2_stream(data: bytes, tmp_path: Path) -> None:
    planned = [*PLANNED[:3], raw(data, (2, 1), kind=OperationType.REPLACE_BZ)]
    path = write(tmp_path / "p", _right(planned), planned + INSTALL, bytes(8))
    with pytest.raises(OracleError):
        _look(path)


def test_signatures_and_what_follows_them(tmp_path: Path) -> None:
    for tail in (b"\x0a\x06\x08\x02\x12\x02xx", b"\x0a\x7fxxxxxx", bytes(9)):
        path = write(tmp_path / "p", _right(PLANNED), PLANNED + INSTALL, tail)
        with pytest.raises(OracleError):
            _look(path)


def test_a_field_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    content = write(tmp_path / "p", _right(PLANNED), PLANNED + INSTALL, bytes(8)).read_bytes()
    size = int.from_bytes(content[12:20], "big")
    more = content[:12] + (size + 3).to_bytes(8, "big") + content[20 : 20 + size] + b"\xf8\x01\x01"
    (tmp_path / "p").write_bytes(more + content[20 + size :])
    with pytest.raises(OracleError, match="field 31 is not known"):
        _look(tmp_path / "p")


def test_without_a_source_everything_is_written_before_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "p", _right(PLANNED), PLANNED + INSTALL, bytes(8))
    with pytest.raises(OracleError, match=r"reads 2\+1, which nothing has written"):
        _look(path, old=None)
    planned = [raw(A + A + bytes(4096), (0, 3))]
    path = write(tmp_path / "p", _right(planned), planned + INSTALL, bytes(8))
    with pytest.raises(OracleError, match="a block was never written"):
        _look(path, old=None)
    planned = [raw(A, (1, 1)), move([(1, 1)], [(0, 1)]), raw(bytes(4096) + C, (2, 2))]
    path = write(tmp_path / "p", _right(planned), planned + INSTALL, bytes(8))
    assert _look(path, old=None)
    with pytest.raises(OracleError, match="replace-only: operation 1: a MOVE is an error"):
        _look(path, "replace-only", old=None)


def test_extents_of_a_patch_fit_an_argument(tmp_path: Path) -> None:
    operation = Operation(
        type=OperationType.BSDIFF,
        src_extents=(Extent(0, 1),) * 5001,
        src_length=5001 * 4096,
        dst_extents=(Extent(0, 1),),
        dst_length=4096,
    )
    planned = [Planned(operation, b"x"), *PLANNED]
    path = write(tmp_path / "p", _right(planned), planned + INSTALL, bytes(8))
    with pytest.raises(OracleError, match="5001 extents are 35006 characters"):
        _look(path, "positional-bspatch")


@pytest.mark.shared
def test_the_real_generator_s_payload_is_accepted(shared: Path) -> None:
    folder = shared / "vectors" / "delta_generator"
    new = bz2.decompress((folder / "new.img.bz2").read_bytes())
    assert check_and_apply(folder / "full.payload", "replace-only", None, new).operations == {"REPLACE_BZ": 6}

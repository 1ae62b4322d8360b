"""Applying: in place, in operation order, all or nothing."""

from __future__ import annotations

import bz2
import errno
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bsdiff4
import pytest

from release.errors import InputError, NotVerifiedError, StorageFullError
from release.payload.apply import apply_payload, prove_payload
from release.payload.check import check_payload
from release.payload.operations import HOLE, Extent, Info, Operation, OperationType, Procedure, ProcedureType
from release.payload.reader import open_payload
from release.payload.rules import PayloadFormatError, Rule
from tests.unit.payload.samples import Planned, assemble, info, move, noise, place, raw, write

OLD = noise(1, 4)
A, B, C, D = (OLD[at : at + 4096] for at in range(0, len(OLD), 4096))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    (tmp_path / "old").write_bytes(OLD)
    return tmp_path / "old"


def made(tmp_path: Path, planned: list[Planned], new: bytes) -> Path:
    return write(tmp_path / "p", assemble(planned, new), planned)


def test_a_move_reads_everything_before_it_writes(tmp_path: Path, old: Path) -> None:
    path = made(tmp_path, [move([(0, 3)], [(1, 3)])], A + A + B + C)
    apply_payload(path, tmp_path / "out", source=old)
    assert (tmp_path / "out").read_bytes() == A + A + B + C
    assert old.read_bytes() == OLD


def test_the_source_may_be_replaced_by_the_result(tmp_path: Path, old: Path) -> None:
    apply_payload(made(tmp_path, [move([(3, 1)], [(0, 1)])], D + B + C + D), old, source=old)
    assert old.read_bytes() == D + B + C + D


def test_a_larger_source_is_cut_to_the_new_size(tmp_path: Path, old: Path) -> None:
    path = made(tmp_path, [move([(3, 1)], [(1, 1)])], A + D)
    applied = apply_payload(path, tmp_path / "out", source=old)
    assert (tmp_path / "out").read_bytes() == A + D
    assert applied.image.size == 8192


def test_what_lies_behind_a_smaller_source_is_unknown(tmp_path: Path, old: Path) -> None:
    path = made(tmp_path, [], OLD + bytes(4096))
    with pytest.raises(PayloadFormatError, match="block 4 was never written") as caught:
        apply_payload(path, tmp_path / "out", source=old)
    assert caught.value.rule is Rule.SOURCE_NEEDED
    path = made(tmp_path, [move([(4, 1)], [(0, 1)])], OLD + bytes(4096))
    with pytest.raises(PayloadFormatError, match="neither source nor payload has written"):
        apply_payload(path, tmp_path / "out", source=old)


def test_writing_past_the_target_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path, [raw(OLD, (0, 4)), raw(A, (4, 1))], OLD)
    with pytest.raises(PayloadFormatError, match="writes up to byte 20480, past the end of the 16384"):
        apply_payload(path, tmp_path / "out")
    assert [item.name for item in tmp_path.iterdir()] == ["p"]


def test_extents_may_overshoot_where_no_data_do(tmp_path: Path) -> None:
    """The reference generator's last operation always names a whole chunk."""
    path = made(tmp_path, [raw(bz2.compress(OLD), (0, 256), kind=OperationType.REPLACE_BZ)], OLD)
    apply_payload(path, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == OLD


def test_short_data_are_zero_filled_to_the_end_of_the_block(tmp_path: Path, old: Path) -> None:
    path = made(tmp_path, [raw(b"x", (1, 3))], A + b"x" + bytes(4095) + C + D)
    apply_payload(path, tmp_path / "out", source=old)
    assert (tmp_path / "out").read_bytes()[4096:8192] == b"x" + bytes(4095)


def test_data_for_a_hole_are_dropped(tmp_path: Path, old: Path) -> None:
    path = made(tmp_path, [raw(D + A, (HOLE, 1), (1, 1))], A + A + C + D)
    apply_payload(path, tmp_path / "out", source=old)
    assert (tmp_path / "out").read_bytes() == A + A + C + D


def test_a_payload_may_move_what_it_has_written(tmp_path: Path) -> None:
    path = made(tmp_path, [raw(A, (0, 1)), move([(0, 1)], [(1, 1)]), move([(0, 2)], [(2, 2)])], A * 4)
    apply_payload(path, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == A * 4


def test_a_wrong_source_is_guessed_from_the_result(tmp_path: Path, old: Path) -> None:
    path = made(tmp_path, [move([(0, 1)], [(1, 1)])], A + A + C + D)
    old.write_bytes(B + B + C + D)
    with pytest.raises(PayloadFormatError, match="result hash does not match: wrong source image") as caught:
        apply_payload(path, tmp_path / "out", source=old)
    assert caught.value.rule is Rule.RESULT_HASH
    assert not (tmp_path / "out").exists()


def test_a_failure_keeps_what_was_there_before(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"before")
    planned = [raw(OLD, (0, 4))]
    manifest = replace(assemble(planned, OLD), new_partition=Info(len(OLD), bytes(32)))
    with pytest.raises(PayloadFormatError, match=r"result hash does not match\. Expected"):
        apply_payload(write(tmp_path / "p", manifest, planned), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"before"
    assert {item.name for item in tmp_path.iterdir()} == {"p", "out"}


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space")

    path = made(tmp_path, [raw(OLD, (0, 4))], OLD)
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StorageFullError, match="no space left"):
        apply_payload(path, tmp_path / "out")
    assert [item.name for item in tmp_path.iterdir()] == ["p"]


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent: No such file"):
        apply_payload(tmp_path / "absent", tmp_path / "out")
    with pytest.raises(InputError, match="expected a payload file"):
        apply_payload(tmp_path, tmp_path / "out")
    path = made(tmp_path, [raw(OLD, (0, 4))], OLD)
    with pytest.raises(InputError, match="gone: No such file"):
        apply_payload(path, tmp_path / "out", source=tmp_path / "gone")
    with pytest.raises(InputError, match="carries no kernel"):
        apply_payload(path, tmp_path / "out", kernel_out=tmp_path / "kernel")
    assert [item.name for item in tmp_path.iterdir()] == ["p"]


def _with_kernel_delta(tmp_path: Path) -> Path:
    """A payload whose kernel ``new kernel`` is patched from ``old kernel``."""
    patch = Operation(
        type=OperationType.BSDIFF,
        src_extents=(Extent(0, 1),),
        src_length=10,
        dst_extents=(Extent(0, 1),),
        dst_length=10,
    )
    kernel = [Planned(patch, bsdiff4.diff(b"old kernel", b"new kernel"))]
    planned = [raw(OLD, (0, 4))]
    procedures = (
        Procedure(
            type=ProcedureType.KERNEL,
            operations=place(kernel, len(OLD)),
            old_info=info(b"old kernel"),
            new_info=info(b"new kernel"),
        ),
        Procedure(type=ProcedureType.PCR_POLICY, new_info=info(b"unknown")),
    )
    manifest = replace(assemble(planned, OLD), procedures=procedures)
    return write(tmp_path / "p", manifest, planned + kernel)


def test_a_kernel_delta_needs_the_old_kernel(tmp_path: Path) -> None:
    path = _with_kernel_delta(tmp_path)
    applied = apply_payload(path, tmp_path / "out")
    assert applied.kernel is None
    assert applied.skipped == ("KERNEL", "PCR_POLICY")
    with pytest.raises(PayloadFormatError, match="needs the old kernel") as caught:
        apply_payload(path, tmp_path / "out2", kernel_out=tmp_path / "kernel")
    assert caught.value.rule is Rule.SOURCE_NEEDED
    (tmp_path / "old").write_bytes(b"other kernel")
    with pytest.raises(PayloadFormatError, match="KERNEL: wrong source") as caught:
        apply_payload(path, tmp_path / "out2", old_kernel=tmp_path / "old")
    assert caught.value.rule is Rule.SOURCE_HASH
    assert not (tmp_path / "out2").exists()


def test_a_kernel_delta_is_applied_and_verified(tmp_path: Path) -> None:
    path = _with_kernel_delta(tmp_path)
    (tmp_path / "old").write_bytes(b"old kernel")
    verified = apply_payload(path, tmp_path / "out", old_kernel=tmp_path / "old")
    applied = apply_payload(
        path, tmp_path / "out", old_kernel=tmp_path / "old", kernel_out=tmp_path / "kernel"
    )
    assert (tmp_path / "kernel").read_bytes() == b"new kernel"
    assert verified == applied
    assert applied.kernel is not None
    assert applied.kernel.size == 10


def test_an_open_payload_is_used_as_it_was_opened_and_stays_open(tmp_path: Path) -> None:
    """Whatever is at its path by then, which can be asked for."""
    data = noise(1, 3)
    path = made(tmp_path, [raw(data, (0, 3))], data)
    with open_payload(path) as payload:
        payload.check_unchanged()
        path.unlink()
        for _ in range(2):
            assert apply_payload(payload, tmp_path / "out").image.sha256.value == info(data).sha256
            check_payload(payload)
        with pytest.raises(InputError, match=r"p: No such file"):
            payload.check_unchanged()
        path.write_bytes(b"other")
        with pytest.raises(NotVerifiedError, match=r"p: was changed or replaced while it was looked at"):
            payload.check_unchanged()


def _of_every_kind(tmp_path: Path) -> tuple[Path, bytes]:
    """A payload of all four operations, one of them too large to be decoded at once, and what it makes."""
    zeros, moved = 25 << 8, 3 << 8
    edited = bytearray(OLD)
    edited[5000:5003] = b"new"
    patch = Operation(
        type=OperationType.BSDIFF,
        src_extents=(Extent(0, 4),),
        src_length=len(OLD),
        dst_extents=(Extent(4 + zeros, 4),),
        dst_length=len(OLD),
    )
    planned = [
        raw(bz2.compress(bytes(zeros * 4096)), (4, zeros), kind=OperationType.REPLACE_BZ),
        raw(A * 5, (4, 5)),
        Planned(patch, bsdiff4.diff(OLD, bytes(edited))),
        move([(0, 2)], [(1, 2)]),
        move([(4, moved)], [(8 + zeros, moved)]),
        raw(bz2.compress(D), (0, 1), kind=OperationType.REPLACE_BZ),
    ]
    begin, rest = A * 5, bytes(4096 * (zeros - 5))
    new = D + A + B + D + begin + rest + bytes(edited) + begin + rest[: 4096 * (moved - 5)]
    return made(tmp_path, planned, new), new


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_workers_makes_the_same(tmp_path: Path, old: Path, workers: int) -> None:
    path, new = _of_every_kind(tmp_path)
    told: list[tuple[int, int]] = []
    applied = apply_payload(
        path, tmp_path / "out", source=old, workers=workers, progress=lambda *done: told.append(done)
    )
    assert (tmp_path / "out").read_bytes() == new
    assert told == sorted(told)
    assert {total for _, total in told} == {told[-1][0]}
    check_payload(path, workers=workers)
    assert prove_payload(path, tmp_path, source=old, workers=workers) == applied
    assert {item.name for item in tmp_path.iterdir()} == {"p", "old", "out"}


def test_the_first_broken_operation_is_reported_whatever_runs_ahead(tmp_path: Path) -> None:
    planned = [raw(A, (0, 1)), move([(3, 1)], [(1, 1)]), *[raw(b"x" * 4096, (at, 1)) for at in range(1, 9)]]
    manifest = assemble(planned, A * 9)
    operations = [*manifest.operations[:4], replace(manifest.operations[4], data_sha256=bytes(32))]
    manifest = replace(manifest, operations=(*operations, *manifest.operations[5:]))
    path = write(tmp_path / "p", manifest, planned)
    (tmp_path / "old").write_bytes(A)
    for workers in (1, 3):
        with pytest.raises(PayloadFormatError, match=r"operation 1 \(MOVE\): reads blocks"):
            apply_payload(path, tmp_path / "out", source=tmp_path / "old", workers=workers)
        with pytest.raises(PayloadFormatError, match=r"operation 4 \(REPLACE\): the data do not match"):
            check_payload(path, workers=workers)


def test_an_interruption_ends_the_threads_and_leaves_nothing(tmp_path: Path, old: Path) -> None:
    path, _ = _of_every_kind(tmp_path)

    def interrupt(done: int, _: int) -> None:
        if done > len(OLD):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_payload(path, tmp_path / "out", source=old, workers=3, progress=interrupt)
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]
    assert {item.name for item in tmp_path.iterdir()} == {"p", "old"}


def test_the_blobs_of_a_kernel_that_is_skipped_are_checked(tmp_path: Path) -> None:
    path = _with_kernel_delta(tmp_path)
    assert prove_payload(path, tmp_path).skipped == ("KERNEL", "PCR_POLICY")
    broken = bytearray(path.read_bytes())
    broken[-1] ^= 1
    path.write_bytes(broken)
    attempts: list[Callable[[], object]] = [
        lambda: prove_payload(path, tmp_path),
        lambda: apply_payload(path, tmp_path / "out"),
    ]
    for attempt in attempts:
        with pytest.raises(PayloadFormatError, match=r"p: procedure KERNEL operation 0 \(BSDIFF\)") as caught:
            attempt()
        assert caught.value.rule is Rule.BLOB_HASH
    assert {item.name for item in tmp_path.iterdir()} == {"p"}


def test_a_source_that_the_kernel_cannot_copy_is_read(
    tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_: object) -> int:
        raise OSError(errno.EXDEV, "another file system")

    path = made(tmp_path, [move([(0, 1)], [(1, 1)])], A + A + C + D)
    monkeypatch.setattr(os, "copy_file_range", cannot)
    apply_payload(path, tmp_path / "out", source=old)
    assert (tmp_path / "out").read_bytes() == A + A + C + D


def test_one_operation_reads_no_more_than_there_is(tmp_path: Path, old: Path) -> None:
    """A MOVE that lists blocks again and again is bounded by the target, or 16 MiB."""
    planned = [move([(0, 4)] * 1025, [(0, 4)] * 1025)]
    with pytest.raises(PayloadFormatError, match="reads 16793600 bytes of a target of 16384") as caught:
        apply_payload(made(tmp_path, planned, OLD), tmp_path / "out", source=old)
    assert caught.value.rule is Rule.WORK

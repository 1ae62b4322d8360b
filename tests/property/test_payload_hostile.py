"""Payloads that are wrong on purpose, deep inside: what is around the fault is right.

Held against the second implementation: what it makes something of, we make the same of.
"""

from __future__ import annotations

import bz2
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from release.digests import Digest
from release.errors import HumpyardError
from release.payload import patch as reading
from release.payload.apply import apply_payload
from release.payload.check import check_payload
from release.payload.operations import HOLE, Extent, Info, Manifest, Operation, OperationType
from release.payload.reader import describe
from release.payload.rules import PayloadFormatError
from release.payload.structure import BLOCK_LIMIT
from tests.property.payload_oracle import what_it_makes
from tests.property.payload_oracle_wire import OracleError, bspatch
from tests.unit.payload.samples import Planned, move, noise, place, raw, write

QUICK = settings(max_examples=250, derandomize=True, deadline=None, database=None)

BLOCKS = 12
OLD = noise(7, BLOCKS)


def _integer(value: int) -> bytes:
    return (abs(value) | (1 << 63 if value < 0 else 0)).to_bytes(8, "little")


def bsdiff40(control: Sequence[tuple[int, int, int]], diff: bytes, extra: bytes, size: int) -> bytes:
    """A patch, whatever sense it makes."""
    packed = bz2.compress(b"".join(_integer(value) for entry in control for value in entry))
    middle = bz2.compress(diff)
    header = _integer(len(packed)) + _integer(len(middle)) + _integer(size)
    return b"BSDIFF40" + header + packed + middle + bz2.compress(extra)


def patched(patch: bytes, src: tuple[int, int], dst: tuple[int, int]) -> Planned:
    operation = Operation(
        type=OperationType.BSDIFF,
        src_extents=(Extent(*src),),
        src_length=src[1] * 4096,
        dst_extents=(Extent(*dst),),
        dst_length=dst[1] * 4096,
    )
    return Planned(operation, patch)


_PATCH = bsdiff40([(3000, 96, -200), (5000, 96, 0)], bytes(8000), noise(9)[:192], 8192)

RIGHT = (
    raw(noise(1, 2), (0, 1), (3, 1)),
    raw(bz2.compress(noise(2, 2)), (1, 2), kind=OperationType.REPLACE_BZ),
    move([(4, 2)], [(5, 2)]),
    move([(0, 1), (3, 1)], [(7, 2)]),
    patched(_PATCH, (8, 3), (9, 2)),
    raw(bz2.compress(bytes(4096)), (11, 1), kind=OperationType.REPLACE_BZ),
)

NUMBERS = st.one_of(
    st.integers(0, BLOCKS + 1),
    st.sampled_from([255, 4095, 4096, 8191, 8192, 8193, BLOCK_LIMIT - 1, BLOCK_LIMIT, 2**31, 2**32 - 1]),
    st.sampled_from([2**32, 2**63 - 1, 2**63, HOLE - 1, HOLE]),
)


def _with(planned: Planned, **changes: object) -> Planned:
    operation = replace(planned.operation, **changes)  # type: ignore[arg-type]  # fields by name
    return replace(planned, operation=operation)


def _extent(index: int, field: str, *, destination: bool) -> Callable[[Planned, int], Planned]:
    def change(planned: Planned, value: int) -> Planned:
        name = "dst_extents" if destination else "src_extents"
        extents = list(getattr(planned.operation, name))
        if not extents:
            extents = [Extent(0, 1)]
        at = index % len(extents)
        extents[at] = replace(extents[at], **{field: value})
        return _with(planned, **{name: tuple(extents)})

    return change


def _field(name: str) -> Callable[[Planned, int], Planned]:
    def change(planned: Planned, value: int) -> Planned:
        return _with(planned, **{name: value})

    return change


def _type(planned: Planned, value: int) -> Planned:
    return _with(planned, type=OperationType(value % 4))


def _extents(planned: Planned, value: int) -> Planned:
    """Another extent, or none, on one side."""
    name = "dst_extents" if value % 2 else "src_extents"
    extents = getattr(planned.operation, name)
    extents = (*extents, Extent(value % BLOCKS, 1)) if value % 3 else ()
    return _with(planned, **{name: extents})


def _data(planned: Planned, value: int) -> Planned:
    """Cut, lengthened, changed, or packed zeros."""
    data = planned.data
    changed = bytearray(data or b"x")
    changed[value % len(changed)] ^= 1 << value % 8
    choices = [
        data[: value % (len(data) + 1)],
        data + b"x",
        bytes(changed),
        bz2.compress(bytes(value % 2**20)),
    ]
    return replace(planned, data=choices[value % 4])


def _hash(planned: Planned, value: int) -> Planned:
    return _with(planned, data_sha256=bytes([value % 256]) * 32)


MUTATIONS: list[Callable[[Planned, int], Planned]] = [
    *(
        _extent(index, field, destination=destination)
        for index in (0, 1)
        for field in ("start", "count")
        for destination in (False, True)
    ),
    _field("src_length"),
    _field("dst_length"),
    _type,
    _extents,
    _data,
    _hash,
]


def _verdict(path: Path, source: Path | None, workers: int) -> bytes | str:
    """What applying makes, or the message it is refused with. Nothing else may come out."""
    out = path.with_name("out")
    before = {item.name for item in path.parent.iterdir()}
    try:
        check_payload(path, workers=workers)
        apply_payload(path, out, source=source, workers=workers)
    except HumpyardError as error:
        assert {item.name for item in path.parent.iterdir()} == before
        return error.message
    made = out.read_bytes()
    out.unlink()
    return made


def _hold(manifest: Manifest, planned: list[Planned], *, with_source: bool) -> bytes | str:
    """Hold a payload against the other implementation; the hash of the result is what that makes."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        source = here / "old" if with_source else None
        if source is not None:
            source.write_bytes(OLD)
        path = write(here / "p", manifest, planned)
        wanted: bytes | None = None
        try:
            wanted = what_it_makes(path.read_bytes(), OLD if with_source else None)
            named = Info(len(wanted), Digest.sha256(wanted).value)
            path = write(here / "p", replace(manifest, new_partition=named), planned)
        except OracleError:
            pass
        found = _verdict(path, source, 1)
        assert found == _verdict(path, source, 2)
        if wanted is not None:
            assert found == wanted
        if not isinstance(found, str):
            describe(path)
        return found


def _manifest(planned: list[Planned], blocks: int = BLOCKS, block_size: int = 4096) -> Manifest:
    operations = place(planned)
    return Manifest(
        operations=operations, new_partition=Info(blocks * 4096, bytes(32)), block_size=block_size
    )


def test_what_is_right_is_applied() -> None:
    planned = list(RIGHT)
    assert isinstance(_hold(_manifest(planned), planned, with_source=True), bytes)


@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(RIGHT) - 1), st.sampled_from(MUTATIONS), NUMBERS), min_size=1, max_size=2
    ),
    order=st.integers(0, 2**16),
    with_source=st.sampled_from([True, True, True, False]),
)
@QUICK
def test_operations_that_say_something_else(
    changes: list[tuple[int, Callable[[Planned, int], Planned], int]], order: int, with_source: bool
) -> None:
    planned = list(RIGHT)
    for index, change, value in changes:
        planned[index] = change(planned[index], value)
    if order % 4 == 0:
        random.Random(order).shuffle(planned)  # noqa: S311  test data
    try:
        manifest = _manifest(planned)
        write(Path("/dev/null"), manifest, [])
    except (ValueError, OverflowError):
        return  # nothing that a manifest can hold
    _hold(manifest, planned, with_source=with_source)


@given(
    blocks=NUMBERS,
    block_size=st.sampled_from([0, 1, 512, 4096, 8192, 1 << 20, 2**32 - 1]),
    lies=st.lists(st.tuples(st.integers(0, 5), NUMBERS), max_size=2),
)
@QUICK
def test_places_and_sizes_that_are_wrong(blocks: int, block_size: int, lies: list[tuple[int, int]]) -> None:
    planned = list(RIGHT)
    manifest = _manifest(planned, min(blocks, 2**51), block_size)
    operations = list(manifest.operations)
    for index, value in lies:
        changes: dict[str, int] = {("data_offset", "data_length")[value % 2]: value % 2**32}
        operations[index] = replace(operations[index], **changes)  # type: ignore[arg-type]  # fields by name
    _hold(replace(manifest, operations=tuple(operations)), planned, with_source=True)


ENTRIES = st.tuples(
    st.one_of(st.integers(0, 60), st.sampled_from([-1, 2**31 - 1, 2**31, 2**40, -(2**62)])),
    st.one_of(st.integers(0, 60), st.sampled_from([-1, 2**31, 2**62])),
    st.one_of(st.integers(-80, 80), st.sampled_from([2**31 - 1, -(2**31), 2**40])),
)
SMALL_ENTRIES = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(-80, 80))


@given(
    control=st.one_of(st.lists(SMALL_ENTRIES, max_size=12), st.lists(ENTRIES, max_size=4)),
    off=st.tuples(*[st.sampled_from([0, 0, 0, 0, 0, 1, -1])] * 3),
    tail=st.sampled_from([b"", b"", b"", b"x"]),
)
@QUICK
def test_control_entries(control: list[tuple[int, int, int]], off: tuple[int, int, int], tail: bytes) -> None:
    add, copy = (sum(entry[side] for entry in control) for side in (0, 1))
    sizes = [value + more for value, more in zip((add, copy, add + copy), off, strict=True)]
    if not all(0 <= size < 4096 for size in sizes):
        sizes = [100, 100, 200]
    old = noise(3)[:100]
    patch = bsdiff40(control, noise(4)[: sizes[0]], noise(5)[: sizes[1]], sizes[2]) + tail
    try:
        wanted: bytes | None = bspatch(old, patch, sizes[2])
    except OracleError:
        wanted = None
    for read in (reading.read, reading.unpack):
        try:
            opened = read(patch, sizes[2], "patch")
            assert opened is not None
            found: bytes | None = b"".join(map(bytes, reading.apply(np.frombuffer(old, np.uint8), opened)))
        except PayloadFormatError:
            found = None
        assert found == wanted


def test_a_patch_of_many_entries_is_read_as_it_is_applied() -> None:
    size = 1 << 18
    control = [(7, 0, -3), (0, 1, 1)] * (size // 8)
    extra = noise(2, 8)
    patch = bsdiff40(control, bytes(7 * len(control) // 2), extra, size)
    assert reading.unpack(patch, size, "patch") is None
    found = b"".join(map(bytes, reading.apply(np.frombuffer(OLD, np.uint8), reading.read(patch, size, "p"))))
    assert found == bspatch(OLD, patch, size)
    reading.check(reading.read(patch, size, "patch"))

"""Applies hostile payloads in a process that may take only so much more memory: ``python -m … FOLDER BYTES``.

Prints a line for each: its name and what came of it.
"""

from __future__ import annotations

import bz2
import re
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from release.errors import HumpyardError
from release.payload import manifest as wire
from release.payload.apply import apply_payload
from release.payload.check import check_payload
from release.payload.container import encode_header
from release.payload.operations import HOLE, Extent, Info, Manifest, Operation, OperationType
from release.payload.reader import describe, open_payload
from tests.property.test_payload_hostile import bsdiff40
from tests.unit.payload.samples import Planned, info, move, noise, place, raw, write

MIB = 1 << 20
OLD = noise(1, 4)
WRONG = bytes(32)

Case = tuple[str, Manifest, list[Planned]]


def _zeros(size: int) -> bytes:
    """Zeros packed: 64 MiB take 3 kB."""
    packer = bz2.BZ2Compressor(9)
    pieces = [packer.compress(bytes(min(MIB, size - at))) for at in range(0, size, MIB)]
    return b"".join(pieces) + packer.flush()


def _bz(data: bytes, start: int, blocks: int) -> Planned:
    return raw(data, (start, blocks), kind=OperationType.REPLACE_BZ)


def _patch(data: bytes, src: list[Extent], length: int, blocks: int) -> Planned:
    operation = Operation(
        type=OperationType.BSDIFF,
        src_extents=tuple(src),
        src_length=length,
        dst_extents=(Extent(0, blocks),),
        dst_length=blocks * 4096,
    )
    return Planned(operation, data)


def _packed_patch(control: bytes, diff: bytes, size: int) -> bytes:
    """A BSDIFF40 patch of streams that are packed already."""
    numbers = b"".join(value.to_bytes(8, "little") for value in (len(control), len(diff), size))
    return b"BSDIFF40" + numbers + control + diff + bz2.compress(b"")


def _made(planned: list[Planned], size: int = len(OLD)) -> Manifest:
    return Manifest(operations=place(planned), new_partition=Info(size, WRONG))


def _cases() -> Iterator[Case]:
    bomb = _zeros(64 * MIB)
    yield "64 MiB of zeros at once", _made([_bz(bomb, 0, 16384)], 64 * MIB), [_bz(bomb, 0, 16384)]
    small = [_bz(_zeros(4 * MIB), at * 1024, 1024) for at in range(16)]
    yield "64 MiB of zeros in 16 operations", _made(small, 64 * MIB), small
    over = [_bz(bomb, 0, 4)]
    yield "more than its extents", _made(over), over
    dropped = [_bz(bomb, HOLE, 16384)]
    yield "zeros for a hole", _made(dropped), dropped
    for name, size in (("control data", 4096), ("control data of a large patch", 64 * MIB)):
        control = [_patch(_packed_patch(_zeros(100 * MIB), b"", size), [Extent(0, 1)], 1, size // 4096)]
        yield name, _made(control, max(size, len(OLD))), control
    entry = bz2.compress((64 * MIB).to_bytes(8, "little") + bytes(16))
    diff = [_patch(_packed_patch(entry, _zeros(65 * MIB), 64 * MIB), [Extent(0, 4)], 16384, 16384)]
    yield "more diff than the result", _made(diff, 64 * MIB), diff
    listed = [_patch(bsdiff40([(4096, 0, 0)], bytes(4096), b"", 4096), [Extent(0, 4)] * 65536, 1 << 30, 1)]
    yield "a source listed again and again", _made(listed), listed
    moves = [move([(0, 4)] * 65536, [(0, 4)] * 65536)]
    yield "a move listed again and again", _made(moves), moves
    yield "an image of 256 GiB", _made([], 1 << 38), []
    far = [move([(0, 1)], [((1 << 26) - 1, 1)])]
    yield "the last block of 256 GiB", _made(far, 1 << 38), far


def _million_extents() -> bytes:
    extent = b"\x32\x04\x08\x00\x10\x01"  # destination: one block from block 0 on
    operation = b"\x08\x02" + extent * 1_000_000
    size = len(operation)
    length = bytes((size >> shift & 127) | (128 if size >> shift + 7 else 0) for shift in (0, 7, 14, 21))
    return b"\x0a" + length + operation


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for name, manifest, planned in _cases():
        yield name, write(folder / "p", manifest, planned)
    metadata = _million_extents() + wire.encode(Manifest(operations=(), new_partition=info(OLD)))
    (folder / "p").write_bytes(encode_header(len(metadata)) + metadata)
    yield "a million extents", folder / "p"
    long = _patch(b"x", [Extent(0, 1)], 1, 1)
    stated = replace(long.operation, data_offset=0, data_length=128 * MIB, data_sha256=WRONG)
    path = write(folder / "p", replace(_made([]), operations=(stated,)), [])
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + 128 * MIB)
    yield "a patch of 128 MiB for one block", path


def _tell(name: str, path: Path, folder: Path) -> None:
    """What describing, checking and applying it, without and with a source, come to."""
    out, told = folder / "out", []
    with open_payload(path) as opened:
        readers: tuple[Callable[[], object], ...] = (
            lambda: describe(opened),
            lambda: check_payload(opened, workers=2),
            lambda: apply_payload(opened, out, workers=2),
            lambda: apply_payload(opened, out, source=folder / "old", workers=2),
        )
        for read in readers:
            try:
                read()
                told.append("fine")
            except HumpyardError as error:
                rule = re.search(r"rule \d+ \(([a-z0-9-]+)\)", error.message)
                told.append(rule[1] if rule else type(error).__name__)
    sys.stdout.write(f"{name}: {' '.join(told)}\n")


def main(folder: Path, allowance: int) -> None:
    """Make the payloads, then read them with at most ``allowance`` bytes more than are in use."""
    (folder / "old").write_bytes(OLD)
    for name, path in _files(folder):
        status = Path("/proc/self/status").read_text(encoding="ascii")
        used = int(re.search(r"VmData:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]
        before = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (used + allowance, before[1]))
        _tell(name, path, folder)
        try:
            bytearray(allowance + 64 * MIB)
        except MemoryError:
            resource.setrlimit(resource.RLIMIT_DATA, before)
            continue
        raise SystemExit("the limit on memory does not hold")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

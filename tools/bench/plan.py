"""Which pairs a run measures, and which jobs each of them gets. Data; nothing is started here."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.bench.pair import MACHINE, Pair

WORKERS = (1, 2, 4)
PAYLOADS = FULL, FLATCAR, POSITIONAL = ("full", "delta flatcar", "delta positional-bspatch")
DELTAS = (FLATCAR, POSITIONAL)
RULE, UNPACK = ("bzip2 per MiB", "bunzip2 of full")
PROGRAMS = ZSTD, XDELTA = ("zstd", "xdelta3")
"""Each in Debian's package of that name."""

DATA_LIMIT = 6 * (1 << 30) // 5
"""Bytes of private writable mappings that builds with two workers must do with: 1.2 GiB."""

MACHINE_SIZE = {"small": 64, "large": 512}
"""MiB of files in a pair from the machine's own files, where others cannot be had."""

GROWTH = {"small": (32, 64, 96, 144), "large": (128, 256, 512, 1024)}
"""MiB to which a pair is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A pair to measure.

    Attributes:
        name: of the pair.
        whole: all jobs; otherwise payloads with one worker and the programs only.
        full: with the full payload.
        extra: measured only if it is there already.
    """

    name: str
    whole: bool = False
    full: bool = True
    extra: bool = False


_SMALL = (
    Planned(name="minor-erofs-small"),
    Planned(name="minor-squashfs-small"),
    *(Planned(name=f"tiny-{fs}-small", full=False) for fs in ("ext4", "btrfs-zstd", "erofs", "squashfs")),
)
PAIRS: Mapping[str, tuple[Planned, ...]] = {
    "small": (
        Planned(name="minor-ext4-small", whole=True),
        Planned(name="minor-btrfs-zstd-small", whole=True),
        Planned(name="minor-btrfs-zstd-kernel-small", extra=True),
        *_SMALL,
    ),
    "large": (
        Planned(name="minor-ext4-large", whole=True),
        Planned(name="minor-btrfs-zstd-large", whole=True),
        *_SMALL,
    ),
}
"""By size of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job for ``tools.bench.job``; ``expects_image`` if it must make the new image."""

    name: str
    action: str
    arguments: tuple[str, ...]
    data_limit: int = 0
    expects_image: bool = False


def with_workers(name: str, workers: int) -> str:
    """What a job is called with so many workers; one is not mentioned."""
    return name if workers == 1 else f"{name}, {workers} workers"


def proof(payload: str) -> str:
    """What the proof of a payload is called."""
    return f"prove {payload}"


def profile_of(payload: str) -> str:
    """The client profile for which it is built."""
    return "flatcar" if payload == FULL else payload.removeprefix("delta ")


def missing_programs() -> list[str]:
    """Public programs that are not installed; they are left out."""
    return [program for program in PROGRAMS if not shutil.which(program)]


def jobs(pair: Pair, planned: Planned, work: Path) -> Iterator[Job]:
    """All jobs of a pair, in order; ``work`` is where they write."""
    yield from _public(pair, planned)
    payloads = PAYLOADS if planned.full else DELTAS
    for payload in payloads:
        for workers in WORKERS if planned.whole else (1,):
            yield build(pair, payload, workers)
    if not planned.whole:
        return
    yield Job(name=UNPACK, action="unpack", arguments=(str(work / FULL),))
    for payload in payloads:
        source = () if payload == FULL else (str(pair.old),)
        for workers in (1, 2):
            arguments = (profile_of(payload), str(workers), str(work / payload), *source)
            name = with_workers(proof(payload), workers)
            yield Job(name=name, action="prove", arguments=arguments, expects_image=True)


def build(pair: Pair, payload: str, workers: int) -> Job:
    """Build a payload; with two workers under the limit on memory."""
    source = () if payload == FULL else (str(pair.old),)
    return Job(
        name=with_workers(payload, workers),
        action="build",
        arguments=(profile_of(payload), str(workers), str(pair.new), *source),
        data_limit=DATA_LIMIT if workers == 2 else 0,
    )


def _public(pair: Pair, planned: Planned) -> Iterator[Job]:
    old, new = str(pair.old), str(pair.new)
    if planned.whole:
        yield Job(name=RULE, action="rule", arguments=(new,))
    commands = {
        ZSTD: ("-q", "-3", "--long=31", f"--patch-from={old}", "-c", new),
        XDELTA: ("-9", "-e", "-c", "-s", old, new),
    }
    for program, argv in commands.items():
        if program not in missing_programs():
            yield Job(name=program, action="program", arguments=(program, *argv))


def machine_plan(size: int) -> Planned:
    """The pair from this machine's own files."""
    return Planned(name=f"{MACHINE}-{size}", whole=True)

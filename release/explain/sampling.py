"""Measure what a change of the build would save, on a bounded sample of files, with the engine itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.errors import HumpyardError, storage_errors
from release.payload.build import BuildOrder, build_payload
from release.payload.profile import Profile
from release.scratch import scratch_directory

SAMPLE = 4 << 20
"""Bytes of new files in a sample."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One file before and after, as it would be stored. Bytes of the payload and of the image now."""

    old: bytes
    new: bytes
    cost: int
    stored: int


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a sample says. Sizes are bytes.

    Attributes:
        files: how many were looked at, of ``of`` that it stands for.
        cost: what they cost in the payload now.
        delta: what they would cost as they are in the sample.
        size: of the new files in the sample.
        stored: of the same in the image now.
    """

    files: int
    of: int
    cost: int
    delta: int
    size: int
    stored: int

    def saving(self, total: int) -> int:
        """What all files that the sample stands for would save of the ``total`` they cost now."""
        return max(0, total - total * self.delta // self.cost) if self.cost else 0

    def __str__(self) -> str:
        return (
            f"a sample of {self.files} of {self.of:,} files costs {self.cost:,} bytes now and {self.delta:,} "
            f"then, and takes {self.size:,} bytes of the image instead of {self.stored:,}"
        )


Open = Callable[[int], Pair | None]
"""``open_pair(index)``: the pair of a candidate; None for one that cannot be looked at."""


def sample(
    count: int, open_pair: Open, profile: Profile, scratch: Path, limit: int = SAMPLE
) -> Sampled | None:
    """Build the delta of some of ``count`` candidates, spread evenly. None if none can be looked at."""
    pairs = list(_chosen(count, open_pair, limit))
    if not pairs:
        return None
    try:
        delta = _delta(pairs, profile, scratch)
    except HumpyardError:
        return None
    return Sampled(
        files=len(pairs),
        of=count,
        cost=sum(pair.cost for pair in pairs),
        delta=delta,
        size=sum(len(pair.new) for pair in pairs),
        stored=sum(pair.stored for pair in pairs),
    )


def _chosen(count: int, open_pair: Open, limit: int) -> Iterator[Pair]:
    """Pairs in an order that is spread at every length, while they fit in ``limit`` bytes."""
    left = limit
    for index in _spread(count):
        pair = open_pair(index)
        if pair is None or len(pair.new) > left:
            if left < limit // 4:
                return
            continue
        left -= len(pair.new)
        yield pair


def _spread(count: int, most: int = 64) -> Sequence[int]:
    """At most ``most`` of ``range(count)``: the first of each half, quarter, eighth ... in turn."""
    order: dict[int, None] = {}
    parts = 1
    while len(order) < min(count, most) and parts <= 2 * count:
        for part in range(parts):
            order[(2 * part + 1) * count // (2 * parts)] = None
        parts *= 2
    return list(order)[:most]


def _delta(pairs: Sequence[Pair], profile: Profile, scratch: Path) -> int:
    with scratch_directory(scratch) as directory:
        old, new = directory / "old", directory / "new"
        with storage_errors(directory):
            old.write_bytes(_image([pair.old for pair in pairs]))
            new.write_bytes(_image([pair.new for pair in pairs]))
        order = BuildOrder(new_image=new, out=directory / "delta", old_image=old, profile=profile)
        return build_payload(order).size


def _image(contents: Sequence[bytes], block_size: int = 4096) -> bytes:
    """Files one after another, each from the start of a block, as a filesystem without packing has them."""
    return b"".join(data + bytes(-len(data) % block_size) for data in contents) or bytes(block_size)

"""Whose every byte of an image is: a file's, the filesystem's own, the verity tree's, or a region's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from release.explain.fates import Image
from release.explain.files import FileMap
from release.explain.kinds import MAGICS, PACKERS, Kind
from release.explain.shares import entropy_weights
from release.explain.verity import Verity

_DENSE = 7.5 / 8
"""Order-0 entropy, as a share of the bytes, above which data count as packed."""
_BATCH = 4096


@dataclass(frozen=True, slots=True)
class Owner:
    """A file (``kind`` is then None: it takes a look at the content) or a region by its title."""

    title: str
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Map:
    """Runs of an image in order, without gaps or overlaps, and the owner of each.

    Attributes:
        cuts: first byte of each run, then the size of the image.
        owner: of each run, an index into ``owners``.
        owners: files first, in the order of the file map.
    """

    cuts: npt.NDArray[np.int64]
    owner: npt.NDArray[np.int64]
    owners: tuple[Owner, ...]

    def sums(self, per_block: npt.NDArray[np.int64], block_size: int) -> npt.NDArray[np.int64]:
        """What the owners have of an amount that is given per block, by bytes; the sum is kept exactly."""
        reached = np.concatenate(([0], np.cumsum(per_block)))
        block, inside = np.divmod(self.cuts, block_size)
        amounts = np.append(per_block, 0)
        at_cuts = reached[block] + amounts[block] * inside // block_size
        total = np.zeros(len(self.owners), dtype=np.int64)
        np.add.at(total, self.owner, np.diff(at_cuts))
        return total

    def first_owner(self, blocks: int, block_size: int) -> npt.NDArray[np.int64]:
        """The owner of the first byte of each of ``blocks`` blocks."""
        starts = np.arange(blocks, dtype=np.int64) * block_size
        return self.owner[np.searchsorted(self.cuts, starts, side="right") - 1]


Run = tuple[int, int, int]
"""First byte, the one behind the last, index of the owner."""


def map_owners(
    image: Image, files: FileMap | None, verity: Verity | None, cost: npt.NDArray[np.int64]
) -> Map:
    """Say whose every byte of ``image`` is. Where files overlap, the one that begins first has the bytes.

    Without files, the data are told apart by how they look: a run that begins like a known format
    lasts to the next such block or zero block; others that cost something, by their entropy.
    """
    owners: list[Owner] = []
    claims: list[Run] = []
    if files is not None:
        owners += [Owner(file.path) for file in files.files]
        claims += _file_runs(files)
    regions = _Regions(owners)
    if files is not None:
        free = regions.index("free space", Kind.FREE)
        claims += [(low, high, free) for low, high in files.free]
    if verity is not None:
        size = image.shape[1]
        tree = regions.index("verity superblock and tree", Kind.VERITY)
        claims.append((verity.superblock * size, verity.end * size, tree))
    claimed = _without_overlaps(claims, image.size)
    if files is not None:
        claimed = sorted([*claimed, *_gaps(claimed, files, regions, image)])
    filled = list(_fill(claimed, image, cost, regions))
    cuts = np.array([low for low, _, _ in filled] + [image.size], dtype=np.int64)
    return Map(cuts, np.array([owner for _, _, owner in filled], dtype=np.int64), tuple(owners))


class _Regions:
    """Hands out the indices of owners that are no files."""

    def __init__(self, owners: list[Owner]) -> None:
        self._owners = owners
        self._known: dict[str, int] = {}

    def index(self, title: str, kind: Kind) -> int:
        if title not in self._known:
            self._known[title] = len(self._owners)
            self._owners.append(Owner(title, kind))
        return self._known[title]


def _file_runs(files: FileMap) -> Iterator[Run]:
    for number, file in enumerate(files.files):
        for piece in file.pieces:
            yield (*piece.span(), number)


def _without_overlaps(claims: Iterable[Run], size: int) -> list[Run]:
    kept: list[Run] = []
    end = 0
    for low, high, owner in sorted(claims):
        first, behind = max(low, end), min(high, size)
        if first < behind:
            kept.append((first, behind, owner))
            end = behind
    return kept


def _gaps(claimed: Sequence[Run], files: FileMap, regions: _Regions, image: Image) -> Iterator[Run]:
    """What is neither a file's nor free: the filesystem's own, and what lies behind it."""
    metadata = regions.index(f"{files.kind} metadata", Kind.METADATA)
    end = min(files.size, image.size)
    for low, high in _between(claimed, image.size):
        if low < end:
            yield low, min(high, end), metadata
        if high > end:
            rest = image.reshape(-1)[max(low, end) : high]
            kind = Kind.DATA if rest.any() else Kind.FREE
            yield max(low, end), high, regions.index(f"{kind.value} behind the filesystem", kind)


def _between(claimed: Sequence[Run], size: int) -> Iterator[tuple[int, int]]:
    end = 0
    for low, high, _ in claimed:
        if end < min(low, size):
            yield end, min(low, size)
        end = max(end, high)
    if end < size:
        yield end, size


def _fill(
    claimed: Sequence[Run], image: Image, cost: npt.NDArray[np.int64], regions: _Regions
) -> Iterator[Run]:
    """The claimed runs, and the blocks between them by how they look."""
    runs = list(claimed)
    gaps = list(_between(claimed, image.size))
    if gaps:
        looks = _looks(image, cost, regions)
        for low, high in gaps:
            runs += _by_blocks(low, high, looks, image.shape[1])
    return iter(sorted(runs))


def _by_blocks(low: int, high: int, looks: npt.NDArray[np.int64], size: int) -> Iterator[Run]:
    first, last = low // size, -(-high // size)
    changes = np.flatnonzero(np.diff(looks[first:last])) + first + 1
    edges = [low, *(changes * size).tolist(), high]
    for start, end in pairwise(edges):
        yield start, end, int(looks[start // size])


def _looks(image: Image, cost: npt.NDArray[np.int64], regions: _Regions) -> npt.NDArray[np.int64]:
    """An owner for every block by how it and those in front of it look."""
    heads = np.ascontiguousarray(image[:, :8])
    looks = np.full(len(image), regions.index("data that begin like nothing known", Kind.DATA))
    marks = np.zeros(len(image), dtype=np.int64)
    for number, (magic, _) in enumerate(MAGICS, start=1):
        begins = (heads[:, : len(magic)] == np.frombuffer(magic, dtype=np.uint8)).all(axis=1)
        marks[begins] = number
    empty = ~heads.any(axis=1)
    marked = np.where((marks > 0) | empty, np.arange(len(image)), 0)
    last = marks[np.maximum.accumulate(marked)]
    for number, (_, name) in enumerate(MAGICS, start=1):
        kind = Kind.PACKED_DATA if name in PACKERS else Kind.DATA
        if (last == number).any():
            looks[last == number] = regions.index(f"data behind the start of {name}", kind)
    unknown = np.flatnonzero((last == 0) & (cost > 0))
    dense = regions.index("dense data that begin like nothing known", Kind.PACKED_DATA)
    for start in range(0, len(unknown), _BATCH):
        batch = unknown[start : start + _BATCH]
        looks[batch[entropy_weights(image[batch]) > _DENSE * image.shape[1]]] = dense
    return looks

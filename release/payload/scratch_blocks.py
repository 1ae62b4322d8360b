"""Blocks that may be overwritten for a while: handed out in runs, so that they take few extents."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from release.payload.extents import Blocks
from release.payload.matching import Mask


class ScratchBlocks:
    """Free blocks of an image; all numbers are below ``total``.

    ``reserve`` are handed out when nothing else is left; once taken they are like the others.
    """

    def __init__(self, total: int, free: Iterable[int], reserve: Iterable[int]) -> None:
        self._free = np.zeros(total, dtype=np.bool_)
        self._reserve = np.zeros(total, dtype=np.bool_)
        self._free[list(free)] = True
        self._reserve[list(reserve)] = True
        self._count, self._kept = int(self._free.sum()), int(self._reserve.sum())
        self.used: list[int] = []
        """Blocks of the reserve that were taken."""

    def __len__(self) -> int:
        return self._count + self._kept

    def take(self, count: int) -> list[int]:
        """``count`` blocks, of which there must be as many, in as few runs as are to be had."""
        if count > self._count:
            self._open_reserve(count - self._count)
        if count == 1:  # one block is one run wherever it lies: no need to look at all of them
            return self._taken([int(self._free.argmax())])
        starts, lengths = _runs(self._free)
        fitting = np.flatnonzero(lengths >= count)
        if len(fitting):
            # The smallest run that is large enough, the first of several.
            start = int(starts[fitting[np.argmin(lengths[fitting])]])
            taken = list(range(start, start + count))
        else:
            taken = _longest_first(starts, lengths, count)
        return self._taken(taken)

    def _taken(self, blocks: list[int]) -> list[int]:
        self._free[blocks] = False
        self._count -= len(blocks)
        return blocks

    def _open_reserve(self, count: int) -> None:
        opened = _longest_first(*_runs(self._reserve), count)
        self._reserve[opened] = False
        self._free[opened] = True
        self._count, self._kept = self._count + count, self._kept - count
        self.used += opened

    def give_back(self, blocks: Iterable[int]) -> None:
        """These may be overwritten from now on."""
        listed = list(blocks)
        self._free[listed] = True
        self._count += len(listed)


def _runs(flags: Mask) -> tuple[Blocks, Blocks]:
    """Where runs of set flags start, and how long they are."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return edges[::2], edges[1::2] - edges[::2]


def _longest_first(starts: Blocks, lengths: Blocks, count: int) -> list[int]:
    taken: list[int] = []
    for run in np.lexsort((starts, -lengths)).tolist():
        start = int(starts[run])
        taken += range(start, start + min(int(lengths[run]), count - len(taken)))
        if len(taken) == count:
            break
    return taken

"""Blocks that may be overwritten for a while: handed out in runs, so that they take few extents."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from release.payload.extents import to_extents


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
        taken: list[int] = []
        if count:
            # Smallest run that is large enough; failing that, the largest ones.
            runs = sorted(to_extents(np.flatnonzero(self._free)), key=lambda run: (run.count, run.start))
            fitting = next((run for run in runs if run.count >= count), None)
            for run in [fitting] if fitting is not None else reversed(runs):
                taken += range(run.start, min(run.end, run.start + count - len(taken)))
                if len(taken) == count:
                    break
        self._free[taken] = False
        self._count -= count
        return taken

    def _open_reserve(self, count: int) -> None:
        longest = sorted(to_extents(np.flatnonzero(self._reserve)), key=lambda run: (-run.count, run.start))
        opened: list[int] = []
        for run in longest:
            opened += range(run.start, min(run.end, run.start + count - len(opened)))
            if len(opened) == count:
                break
        self._reserve[opened] = False
        self._free[opened] = True
        self._count, self._kept = self._count + count, self._kept - count
        self.used += opened

    def give_back(self, blocks: Iterable[int]) -> None:
        """These may be overwritten from now on."""
        listed = list(blocks)
        self._free[listed] = True
        self._count += len(listed)

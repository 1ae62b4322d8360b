"""In which order steps run that read and write one image in place.

A step may run when nothing that still has to run reads what it writes. Where steps wait for each
other in a circle, the blocks in question are first copied aside, into blocks that the payload
rewrites at its end anyway: that costs no data. Where there is no room aside, the blocks that would
have been made from them are given up, to be sent as data.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_WALK = 64
"""Steps followed in search of a circle. Where it is longer, some step on the way is freed instead."""


@dataclass(slots=True)
class Step:
    """Make the ``dst`` blocks from the ``src`` blocks: one for one if ``patch`` is ``None``.

    Everything is read before anything is written, so the two may overlap.
    """

    dst: list[int]
    src: list[int]
    patch: bytes | None = None


@dataclass(slots=True)
class Arrangement:
    """Steps in the order they run, and the blocks that must be sent as data after all."""

    steps: list[Step] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)


def arrange(steps: Sequence[Step], spare: Iterable[int], total: int) -> Arrangement:
    """Bring ``steps`` into an order in which each finds the old content of what it reads.

    Args:
        steps: each block is written by at most one. The given objects are changed.
        spare: blocks that no step writes and whose content after the last step does not matter.
        total: all block numbers are below this.

    The same input gives the same order.
    """
    return _Arranger(steps, spare, total).run()


class _Arranger:
    def __init__(self, steps: Sequence[Step], spare: Iterable[int], total: int) -> None:
        self._steps = steps
        self._result = Arrangement()
        self._done = [False] * len(steps)
        self._writer = [-1] * total
        for index, step in enumerate(steps):
            for block in step.dst:
                self._writer[block] = index
        self._pending = [0] * total
        """Reads of each block by steps that have not run, except by the step that writes it."""
        self._readers: dict[int, list[int]] = {}
        for index, step in enumerate(steps):
            for block in step.src:
                if self._writer[block] != index:
                    self._pending[block] += 1
                    if self._writer[block] >= 0:
                        self._readers.setdefault(block, []).append(index)
        self._blocked = [sum(1 for block in step.dst if self._pending[block]) for step in steps]
        """For each step the blocks it writes that others still have to read."""
        self._is_spare = [False] * total
        self._aside: deque[int] = deque()
        for block in spare:
            self._is_spare[block] = True
            if not self._pending[block]:
                self._aside.append(block)
        self._ready = [index for index in range(len(steps)) if not self._blocked[index]]

    def run(self) -> Arrangement:
        heapq.heapify(self._ready)
        first = 0
        while True:
            while self._ready:
                index = heapq.heappop(self._ready)
                if not self._done[index]:
                    self._run_step(index)
            while first < len(self._steps) and self._done[first]:
                first += 1
            if first == len(self._steps):
                self._result.given_up.sort()
                return self._result
            self._free(self._choose(first))

    def _run_step(self, index: int) -> None:
        step = self._steps[index]
        self._done[index] = True
        if step.dst:
            self._result.steps.append(step)
        self._release(index, step.src)

    def _release(self, index: int, blocks: Iterable[int]) -> None:
        for block in blocks:
            if self._writer[block] == index:
                continue
            self._pending[block] -= 1
            if not self._pending[block]:
                self._unread(block)

    def _unread(self, block: int) -> None:
        writer = self._writer[block]
        if writer >= 0:
            self._blocked[writer] -= 1
            if not self._blocked[writer]:
                heapq.heappush(self._ready, writer)
        elif self._is_spare[block]:
            self._aside.append(block)

    def _choose(self, start: int) -> int:
        """A step on a circle, the one that is easiest to free."""
        path: list[int] = []
        seen: dict[int, int] = {}
        index = start
        while index not in seen and len(path) < _WALK:
            seen[index] = len(path)
            path.append(index)
            block = next(block for block in self._steps[index].dst if self._pending[block])
            index = next(reader for reader in self._readers[block] if not self._done[reader])
        circle = path[seen[index] :] if index in seen else path
        return min(circle, key=lambda item: (self._blocked[item], item))

    def _free(self, index: int) -> None:
        """Let step ``index`` run: bring what others want to read of its blocks to safety."""
        wanted = [block for block in self._steps[index].dst if self._pending[block]]
        room = min(len(wanted), len(self._aside))
        self._set_aside(wanted[:room])
        for block in wanted[room:]:
            self._give_up_readers(block)

    def _set_aside(self, blocks: list[int]) -> None:
        if not blocks:
            return
        place = {block: self._aside.popleft() for block in blocks}
        self._result.steps.append(Step(list(place.values()), list(place)))
        readers = {reader for block in blocks for reader in self._readers[block] if not self._done[reader]}
        for reader in sorted(readers):
            step = self._steps[reader]
            for position, block in enumerate(step.src):
                if block in place and self._writer[block] != reader:
                    step.src[position] = place[block]
                    self._pending[place[block]] += 1
        for block in blocks:
            self._pending[block] = 0
            self._unread(block)

    def _give_up_readers(self, block: int) -> None:
        for reader in sorted({reader for reader in self._readers[block] if not self._done[reader]}):
            step = self._steps[reader]
            if step.patch is not None:
                lost, step.dst = step.dst, []
                step.src, read = [], step.src
            else:
                pairs = list(zip(step.dst, step.src, strict=True))
                lost = [dst for dst, src in pairs if src == block]
                read = [src for _, src in pairs if src == block]
                step.dst = [dst for dst, src in pairs if src != block]
                step.src = [src for _, src in pairs if src != block]
            self._release(reader, read)
            self._forget(reader, lost)

    def _forget(self, index: int, blocks: list[int]) -> None:
        """Step ``index`` no longer writes ``blocks``; they are spare once nobody reads them."""
        reads = self._steps[index].src
        for block in blocks:
            if self._pending[block]:
                self._blocked[index] -= 1
            self._writer[block] = -1
            self._is_spare[block] = True
            self._pending[block] += reads.count(block)
            if not self._pending[block]:
                self._aside.append(block)
        self._result.given_up.extend(blocks)
        if not self._blocked[index] and not self._done[index]:
            heapq.heappush(self._ready, index)

"""In which order steps run that read and write one image in place.

A step may run when nothing that still has to run reads what it writes. Where steps wait for each
other in a circle, the blocks in question are first copied aside, into blocks that the payload
rewrites at its end anyway: that costs no data. Where there is no room aside, the blocks that would
have been made from them are given up, to be sent as data.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from release.payload.scratch_blocks import ScratchBlocks
from release.payload.spool import Spooled

_PIECE = 16
"""Blocks of the smallest piece that a move is cut into, and of those given up at a time for want of room."""

_WALK = 64
"""Steps followed in search of a circle. Where it is longer, some step on the way is freed instead."""


@dataclass(slots=True)
class Step:
    """Make the ``dst`` blocks from the ``src`` blocks: one for one if ``patch`` is ``None``.

    Everything is read before anything is written, so the two may overlap.
    """

    dst: list[int]
    src: list[int]
    patch: Spooled | None = None

    @property
    def repeatable(self) -> bool:
        """Whether it leaves what it reads as it was."""
        return set(self.dst).isdisjoint(self.src)


@dataclass(slots=True)
class Arrangement:
    """Steps in the order they run.

    ``given_up`` are the blocks that must be sent as data after all, ``used`` the empty blocks that must
    be emptied again.
    """

    steps: list[Step] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)
    used: list[int] = field(default_factory=list)


def arrange(
    steps: Sequence[Step], spare: Iterable[int], total: int, empty: Iterable[int] = ()
) -> Arrangement:
    """Bring ``steps`` into an order in which each finds the old content of what it reads.

    Args:
        steps: each block is written by at most one. The given objects may be changed.
        spare: blocks that no step writes and whose content after the last step does not matter.
        total: all block numbers are below this.
        empty: blocks that are empty before and after, to be used when no spare ones are left.

    The same input gives the same order.
    """
    return _Arranger(steps, spare, total, empty).run()


class _Arranger:
    def __init__(self, steps: Sequence[Step], spare: Iterable[int], total: int, empty: Iterable[int]) -> None:
        self._steps = list(steps)
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
        for block in spare:
            self._is_spare[block] = True
        self._scratch = ScratchBlocks(
            total,
            (block for block in range(total) if self._is_spare[block] and not self._pending[block]),
            (block for block in empty if not self._pending[block]),
        )
        self._ready = [index for index in range(len(steps)) if not self._blocked[index]]
        self._partly = [index for index in range(len(steps)) if self._has_unread(index)]
        """Moves that may write some of their blocks, as far as is known; each may be here several times."""

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
                self._result.used = sorted(self._scratch.used)
                return self._result
            index = self._choose(first)
            if self._steps[index].patch is not None or self._blocked[index] <= len(self._scratch):
                self._free(index)
            else:
                self._free_a_part(index)

    def _run_step(self, index: int) -> None:
        step = self._steps[index]
        read = step.src
        for part in self._peeled(step):
            borrowed = self._separate(part)
            if part.dst:
                self._result.steps.append(part)
            self._scratch.give_back(borrowed)
        self._done[index] = True
        self._release(index, read)

    def _peeled(self, step: Step) -> Iterator[Step]:
        """Parts of a move, each of which overwrites nothing that those behind it read.

        A run that moves by fewer blocks than it has would overwrite what it reads. Where there is no room
        to copy that aside, it is moved in pieces of the distance, unless that would be too many.
        """
        rest = step
        while rest.patch is None:
            reads = set(rest.src)
            peel = {block for block in rest.dst if block not in reads}
            if len(rest.dst) - len(peel) <= len(self._scratch) or len(peel) < _PIECE:
                break
            part, rest = _cut(rest, peel)
            yield part
        yield rest

    def _separate(self, step: Step) -> Sequence[int]:
        """Copy aside what ``step`` overwrites of what it reads, if there is room. Returns where to."""
        both = sorted(set(step.dst).intersection(step.src))
        if not both or len(both) > len(self._scratch):
            return ()
        aside = self._scratch.take(len(both))
        place = dict(zip(both, aside, strict=True))
        self._result.steps.append(Step(aside, both))
        step.src = [place.get(block, block) for block in step.src]
        return aside

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
            elif self._steps[writer].patch is None:
                heapq.heappush(self._partly, writer)
        elif self._is_spare[block]:
            self._scratch.give_back([block])

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
        return min(circle, key=lambda item: (self._loses_a_patch(item), self._blocked[item], item))

    def _loses_a_patch(self, index: int) -> bool:
        """Whether there is too little room to free step ``index``, and it is a patch."""
        return self._steps[index].patch is not None and self._blocked[index] > len(self._scratch)

    def _free(self, index: int) -> None:
        """Let step ``index`` run: bring what others want to read of its blocks to safety."""
        wanted = [block for block in self._steps[index].dst if self._pending[block]]
        room = min(len(wanted), len(self._scratch))
        self._set_aside(wanted[:room])
        for block in wanted[room:]:
            self._give_up_readers(block)

    def _free_a_part(self, index: int) -> None:
        """There is too little room for the move ``index``: let a part of it run, or of another one."""
        while self._partly and not self._has_unread(self._partly[0]):
            heapq.heappop(self._partly)
        if self._partly:
            movable = heapq.heappop(self._partly)
            self._split(movable, {block for block in self._steps[movable].dst if not self._pending[block]})
        elif len(self._scratch):
            blocks = self._steps[index].dst[: len(self._scratch)]
            self._set_aside(blocks)
            self._split(index, set(blocks))
        else:
            self._give_up_moves(index, set(self._steps[index].dst[:_PIECE]))

    def _has_unread(self, index: int) -> bool:
        """Whether step ``index`` is a move that may write some of its blocks by now."""
        step = self._steps[index]
        return not self._done[index] and step.patch is None and self._blocked[index] < len(step.dst)

    def _split(self, index: int, blocks: set[int]) -> None:
        """Make a move of its own of those ``blocks`` that the move ``index`` writes."""
        part, rest = _cut(self._steps[index], blocks)
        new = len(self._steps)
        self._steps[index] = rest
        self._steps.append(part)
        self._done.append(False)
        for block in part.dst:
            self._writer[block] = new
        for reader, other, step in ((new, index, part), (index, new, rest)):
            for block in step.src:
                # What the other part writes was read and written by one step before.
                self._pending[block] += self._writer[block] == other
                if self._writer[block] >= 0 and self._writer[block] != reader:
                    self._readers.setdefault(block, []).append(reader)
        self._blocked.append(0)
        for number, step in ((new, part), (index, rest)):
            self._blocked[number] = sum(1 for block in step.dst if self._pending[block])
            if not self._blocked[number]:
                heapq.heappush(self._ready, number)

    def _set_aside(self, blocks: list[int]) -> None:
        if not blocks:
            return
        aside = self._scratch.take(len(blocks))
        place = dict(zip(blocks, aside, strict=True))
        for block in aside:
            self._is_spare[block] = True
        self._result.steps.append(Step(aside, list(blocks)))
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
            if step.patch is None:
                pairs = zip(step.dst, step.src, strict=True)
                self._give_up_moves(reader, {dst for dst, src in pairs if src == block})
                continue
            if block not in step.src:  # it reads a copy by now
                continue
            lost, step.dst = step.dst, []
            read, step.src = step.src, []
            self._release(reader, read)
            self._forget(reader, lost)

    def _give_up_moves(self, index: int, blocks: set[int]) -> None:
        """Let the move ``index`` do without these of its blocks."""
        lost, self._steps[index] = _cut(self._steps[index], blocks)
        self._release(index, lost.src)
        self._forget(index, lost.dst)

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
                self._scratch.give_back([block])
        self._result.given_up.extend(blocks)
        if not self._blocked[index] and not self._done[index]:
            heapq.heappush(self._ready, index)


def _cut(move: Step, blocks: set[int]) -> tuple[Step, Step]:
    """The move of ``blocks``, and that of the others."""
    parts = (Step([], []), Step([], []))
    for dst, src in zip(move.dst, move.src, strict=True):
        part = parts[dst not in blocks]
        part.dst.append(dst)
        part.src.append(src)
    return parts

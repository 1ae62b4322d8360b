"""Fewer, larger moves: each operation costs a client several small writes of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from release.payload.extents import to_extents
from release.payload.order import Step

_BLOCKS = 1024
"""Most blocks of one MOVE: the client holds its 4 MiB in memory."""

_EXTENTS = 512
"""Most extents on either side of one MOVE that was put together from several."""


class _Open:
    """Moves that have been put together so far."""

    def __init__(self, step: Step) -> None:
        self.step = Step(list(step.dst), list(step.src))
        self._reads, self._writes = set(step.src), set(step.dst)
        self._extents = _extent_count(step)

    def takes(self, step: Step) -> bool:
        """Put ``step`` behind the others, if that changes neither the result nor repeatability."""
        extents = self._extents + _extent_count(step)
        fits = (
            len(self.step.dst) + len(step.dst) <= _BLOCKS
            and extents <= _EXTENTS
            and self._writes.isdisjoint(step.src)
            and self._writes.isdisjoint(step.dst)
            and self._reads.isdisjoint(step.dst)
            and step.repeatable
        )
        if fits:
            self.step.dst += step.dst
            self.step.src += step.src
            self._reads.update(step.src)
            self._writes.update(step.dst)
            self._extents = extents
        return fits


def merge_moves(steps: Iterable[Step]) -> Iterator[Step]:
    """Neighbouring moves put together. A move that cannot be repeated stays alone, none is made here."""
    moves: _Open | None = None
    for step in steps:
        if step.patch is None and moves is not None and moves.takes(step):
            continue
        if moves is not None:
            yield moves.step
            moves = None
        if step.patch is None and step.repeatable:
            moves = _Open(step)
        else:
            yield step
    if moves is not None:
        yield moves.step


def _extent_count(step: Step) -> int:
    return max(len(to_extents(step.dst)), len(to_extents(step.src)))

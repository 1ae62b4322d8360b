"""An index of an image by its 32-byte seeds: where may these bytes come from, at whatever offset?"""

from __future__ import annotations

import numpy as np

from release.payload import native
from release.payload.extents import Blocks
from release.payload.image_blocks import Blocks2D
from release.payload.parallel import ordered_map

_PART = 8192
"""Blocks that one thread adds in one go."""

_ENTRY = 4
"""Bytes of an entry of the table."""


class SeedIndex:
    """The seeds of ``blocks`` of ``image``, of which the first ``always`` may be used by every block.

    A stretch of 63 bytes that is the same in both places holds a seed and is found, unless another seed
    has its place in the table: a smaller table (``memory``, bytes) finds less. Blocks beyond the first
    128 GiB are left out.
    """

    def __init__(
        self, image: Blocks2D, blocks: Blocks, *, memory: int, workers: int, always: int = 0
    ) -> None:
        blocks = blocks[: native.INDEXED]
        self._image = image.reshape(-1)
        self._blocks = blocks
        self._always = always
        wanted = max(len(blocks) * native.SEEDS * 5 // 4, 1024).bit_length()
        bits = max(min(wanted, (memory // _ENTRY).bit_length() - 1), 10)
        self._table = np.zeros(1 << bits, dtype=np.uint32)

        def add(start: int) -> None:
            count = min(_PART, len(blocks) - start)
            native.index_seeds(self._image, blocks, self._table, first=start, count=count)

        for _ in ordered_map(add, range(0, len(blocks), _PART), workers):
            pass

    def cover(self, new: native.Bytes, own: Blocks | None = None) -> native.Covers:
        """Stretches of ``new`` that are in the image. See ``native.cover_by_seeds`` for ``own``."""
        return native.cover_by_seeds(
            self._image, self._blocks, self._table, new, own=own, always=self._always
        )

"""An image on disk as an array of blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from release.errors import InputError, storage_errors

Blocks2D = npt.NDArray[np.uint8]
"""One row per block."""


def map_image(path: Path, block_size: int) -> Blocks2D:
    """Map the image at ``path`` read-only, one row per block. Nothing is read yet.

    Raises:
        InputError: the file is missing, empty, or not whole blocks.
    """
    with storage_errors(path):
        size = path.stat().st_size
        if not size or size % block_size:
            raise InputError(
                f"{path}: expected an image of whole blocks of {block_size} bytes, found {size} bytes"
            )
        flat = np.memmap(path, dtype=np.uint8, mode="r")
    return flat[:size].reshape(-1, block_size)


def map_file(path: Path) -> npt.NDArray[np.uint8]:
    """Map a file of any size but zero read-only. Raises InputError when it is missing or empty."""
    with storage_errors(path):
        if not path.stat().st_size:
            raise InputError(f"{path}: expected a file with content, found an empty one")
        return np.memmap(path, dtype=np.uint8, mode="r")

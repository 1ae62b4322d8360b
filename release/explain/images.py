"""One image as it is looked at here: blocks, files if they can be read, the verity tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from release.errors import ToolMissingError
from release.explain.btrfs import read_btrfs
from release.explain.erofs import read_erofs
from release.explain.ext import read_ext
from release.explain.fates import Image
from release.explain.files import FileMap, Flat, UnreadableError
from release.explain.squashfs import read_squashfs
from release.explain.verity import Verity, find_verity
from release.image.partition import filesystem_of
from release.payload.image_blocks import map_image

READERS: Mapping[str, Callable[[Path], FileMap]] = MappingProxyType(
    {"ext4": read_ext, "squashfs": read_squashfs, "erofs": read_erofs, "btrfs": read_btrfs}
)


@dataclass(frozen=True, slots=True)
class Side:
    """The old or the new image.

    Attributes:
        path: the file.
        blocks: its bytes, one row per block.
        kind: the filesystem that it seems to hold, or None.
        files: None when they cannot be read; ``note`` then says why.
        verity: the tree behind the filesystem, if there is one.
        note: for people; empty if all is well.
    """

    path: Path
    blocks: Image
    kind: str | None
    files: FileMap | None
    verity: Verity | None
    note: str

    @property
    def flat(self) -> Flat:
        """Its bytes."""
        return self.blocks.reshape(-1)


def look_at(path: Path, block_size: int) -> Side:
    """Read what there is to know of an image. Raises InputError when it is no image of whole blocks."""
    blocks = np.asarray(map_image(path, block_size))  # slices of a plain array are quicker
    kind = filesystem_of(path)
    files, note = _files(path, kind)
    return Side(path, blocks, kind, files, find_verity(blocks), note)


def _files(path: Path, kind: str | None) -> tuple[FileMap | None, str]:
    if kind is None:
        return None, f"{path}: no filesystem that is known here; told by regions"
    try:
        return READERS[kind](path), ""
    except ToolMissingError as error:
        return None, f"{error.message}; {kind} told by regions ({error.hint})"
    except UnreadableError as error:
        return None, f"{error.message}; told by regions"

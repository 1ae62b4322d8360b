"""The dm-verity hash tree behind a filesystem: found, laid out, and made anew with another salt.

Format: ``Documentation/admin-guide/device-mapper/verity.rst`` and cryptsetup's wiki page "DMVerity".
The superblock has a block of its own behind the data, the tree follows, its top level first.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from release.explain.fates import Image

_MAGIC = b"verity\0\0"
_SUPERBLOCK = struct.Struct("<8sII16s32sIIQH6x256s")
_DIGEST = 32
Hashes = npt.NDArray[np.uint8]
"""Blocks of a tree, one row each."""


@dataclass(frozen=True, slots=True)
class Verity:
    """A tree of SHA-256 over blocks of the payload's block size. Positions and counts are blocks.

    Attributes:
        superblock: where its superblock is.
        data_blocks: what it covers, from the first block of the image on.
        salt: what is hashed in front of every block.
        levels: blocks of each level, leaves first.
    """

    superblock: int
    data_blocks: int
    salt: bytes
    levels: tuple[int, ...]

    @property
    def start(self) -> int:
        """The first block of the tree."""
        return self.superblock + 1

    @property
    def end(self) -> int:
        """The block behind the tree."""
        return self.start + sum(self.levels)


def find_verity(image: Image) -> Verity | None:
    """The tree over the whole of the filesystem in front of it; None where there is no such superblock.

    Only version 1, SHA-256, blocks as large as the image's rows. Superblocks inside of nested images
    are told apart by what they cover: they do not lie right behind it. A single block has no tree.
    """
    heads = np.ascontiguousarray(image[:, : len(_MAGIC)]).view("<u8").reshape(-1)
    size = image.shape[1]
    for block in np.flatnonzero(heads == int.from_bytes(_MAGIC, "little")).tolist():
        fields = _SUPERBLOCK.unpack_from(image[block].tobytes())
        _, version, kind, _, algorithm, data_size, hash_size, data_blocks, salt_size, salt = fields
        known = (version, kind, algorithm.rstrip(b"\0"), data_size, hash_size) == (
            1,
            1,
            b"sha256",
            size,
            size,
        )
        if not known or data_blocks != block or data_blocks < 2 or salt_size > len(salt):
            continue
        found = Verity(block, data_blocks, salt[:salt_size], _levels(data_blocks, size))
        if found.end <= len(image):
            return found
    return None


def _levels(data_blocks: int, block_size: int) -> tuple[int, ...]:
    per_block = block_size // _DIGEST
    levels = [-(-data_blocks // per_block)]
    while levels[-1] > 1:
        levels.append(-(-levels[-1] // per_block))
    return tuple(levels)


def stored_tree(image: Image, verity: Verity) -> Hashes:
    """The tree as the image has it, top level first."""
    return image[verity.start : verity.end]


def make_tree(image: Image, verity: Verity, salt: bytes) -> Hashes:
    """The tree over the data that ``verity`` covers, with ``salt`` instead; laid out like the stored one."""
    block_size = image.shape[1]
    level = _hash_level(image[: verity.data_blocks], salt, block_size)
    levels = [level]
    while len(level) > 1:
        level = _hash_level(level, salt, block_size)
        levels.append(level)
    return np.concatenate(levels[::-1])


def is_genuine(image: Image, verity: Verity, samples: int = 16) -> bool:
    """Whether some leaves of the stored tree are what its salt and the data give."""
    leaves = stored_tree(image, verity)[-verity.levels[0] :]
    per_block = image.shape[1] // _DIGEST
    for number in np.linspace(0, verity.data_blocks - 1, samples).astype(int).tolist():
        block, at = divmod(number, per_block)
        found = leaves[block, at * _DIGEST : (at + 1) * _DIGEST].tobytes()
        if found != hashlib.sha256(verity.salt + image[number].tobytes()).digest():
            return False
    return True


def _hash_level(blocks: Hashes, salt: bytes, block_size: int) -> Hashes:
    seed = hashlib.sha256(salt)
    digests = bytearray()
    for block in blocks:
        state = seed.copy()
        state.update(block)
        digests += state.digest()
    padded = np.zeros(-(-len(digests) // block_size) * block_size, dtype=np.uint8)
    padded[: len(digests)] = np.frombuffer(digests, dtype=np.uint8)
    return padded.reshape(-1, block_size)


def differing_hashes(new: Hashes, old: Hashes) -> npt.NDArray[np.bool_]:
    """Which hashes of ``new`` differ from those in the same place of ``old``.

    A row for each block of ``new``. Where ``old`` has no such block, all of them do.
    """
    rows = min(len(new), len(old))
    hashes = [tree[:rows].reshape(rows, -1, _DIGEST) for tree in (new, old)]
    differ = np.ones((len(new), new.shape[1] // _DIGEST), dtype=np.bool_)
    differ[:rows] = (hashes[0] != hashes[1]).any(axis=2)
    return differ

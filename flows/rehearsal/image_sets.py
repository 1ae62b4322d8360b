"""Image sets small enough to be built in a moment: a partition of random blocks, most of them shared."""

from __future__ import annotations

import bz2
import random
from collections.abc import Callable
from pathlib import Path

from release.catalog.naming import NamingScheme
from release.catalog.version import Version

_BLOCK = 4096
_SHARED, _OWN = 64, 4
"""Blocks that all versions have, and blocks of each alone."""


def write_image_set(directory: Path, version: Version, sign: Callable[[Path, Path], None]) -> None:
    """The files that a build system leaves, each with a signature. ``sign(data, signature)`` makes it."""
    naming = NamingScheme()
    directory.mkdir(parents=True)
    files = {
        naming.update_image: bz2.compress(_image(version)),
        naming.kernel: _random(version.major + 7, 9_001),
        naming.version_file: _version_file(version).encode(),
        naming.packages: f"sys-kernel/coreos-kernel-6.12.{version.major - 4500}::rehearsal\n".encode(),
        naming.contents: b"-rwxr-xr-x  1 root    root      26936 2026-07-01 10:11 ./usr/bin/true\n",
    }
    for name, data in files.items():
        path = directory / name
        path.write_bytes(data)
        sign(path, directory / f"{name}{naming.signature_suffix}")


def _image(version: Version) -> bytes:
    shared, own = _random(1, _SHARED * _BLOCK), _random(version.major, _OWN * _BLOCK)
    moved = version.major % _SHARED * _BLOCK
    return own + shared[moved:] + bytes(_OWN * _BLOCK) + shared[:moved]


def _random(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - content, not a secret


def _version_file(version: Version) -> str:
    return (
        f"FLATCAR_BUILD={version.major}\nFLATCAR_BRANCH={version.branch}\nFLATCAR_PATCH={version.patch}\n"
        f"FLATCAR_VERSION={version}\nFLATCAR_VERSION_ID={version}\nFLATCAR_BUILD_ID=\n"
    )

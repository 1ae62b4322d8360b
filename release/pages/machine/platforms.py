"""What the image files of a release are for, by what Flatcar calls them. Pure.

Source of the names: flatcar/scripts ``build_library/vm_image_util.sh`` and the folders of a release:
``flatcar_production_gce.tar.gz`` is for GCP, ``flatcar_production_image.bin.bz2`` for metal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"[a-z0-9]+_production_(?P<words>[a-z0-9_]+)\.(?P<format>[a-z0-9.]+)", re.ASCII)
_DISK = re.compile(
    r"(?:bin|box|img|iso|ova|qcow2|raw|tar|vhd|vhdx|vmdk)(?:\.(?:bz2|gz|xz|zip|zst))?", re.ASCII
)
_KINDS = frozenset({"image", "vmdk", "ova", "iso"})
_CALLED = {"ami": "aws", "gce": "gcp", "": "metal"}
_PXE = {"pxe.vmlinuz": "kernel", "pxe_image.cpio.gz": "initramfs"}
_OTHERS = frozenset({"update", "usr"})
"""Parts of an image, which no machine starts from."""


@dataclass(frozen=True, slots=True)
class Bootable:
    """What a machine starts from: ``platform`` ``qemu``, ``format`` ``img.bz2``, ``part`` ``disk``."""

    platform: str
    format: str
    part: str


def bootable(name: str) -> Bootable | None:
    """What the file of that name is for; None for what no machine starts from."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    if part := _PXE.get(f"{match['words']}.{match['format']}"):
        return Bootable("metal", "pxe", part)
    words = [word for word in match["words"].split("_") if word not in _KINDS]
    if not _DISK.fullmatch(match["format"]) or _OTHERS & {*words}:
        return None
    platform = "_".join(words)
    return Bootable(_CALLED.get(platform, platform), match["format"], "disk")

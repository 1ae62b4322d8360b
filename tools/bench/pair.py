"""The images to measure: an old and a new release, made once and kept."""

from __future__ import annotations

import bz2
import shutil
from pathlib import Path

from flows.demo.image_sets import MIB, ImageSetOrder, build_image_set
from release.catalog.naming import NamingScheme
from release.catalog.version import Version


def make_image(size: int, image: Path, *, changed: bool) -> Path:
    """A raw ext4 image with ``size`` MiB of this machine's files, unless it is there; whole or not at all.

    ``changed`` is for the new release. Raises ToolError when a tool fails, InputError when this machine
    has too few readable files.
    """
    if image.exists():
        return image
    image.parent.mkdir(parents=True, exist_ok=True)
    image_set, partial, naming = image.with_suffix(".set"), image.with_suffix(".partial"), NamingScheme()
    version = Version(2 if changed else 1, 0, 0)
    order = ImageSetOrder(version=version, changed=changed, kernel_version="6.12", content=size * MIB)
    # Nobody verifies this image set.
    build_image_set(order, image_set, lambda _data, signature: signature.touch(), naming)
    with bz2.open(image_set / naming.update_image) as packed, partial.open("wb") as raw:
        shutil.copyfileobj(packed, raw, MIB)
    partial.replace(image)
    shutil.rmtree(image_set)
    return image

"""The images to measure: pairs of an old and a new release, made once and kept."""

from __future__ import annotations

import bz2
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.demo.image_sets import MIB, ImageSetOrder, build_image_set
from release.catalog.naming import NamingScheme
from release.catalog.version import Version

BLOCK = 4096
MAKER = Path(__file__).resolve().parents[3] / "shared/images/make-pair.py"
"""Builds pairs from public Debian packages. It lies beside the checkout, not in it."""

MAKER_NEEDS = {"mksquashfs": "squashfs-tools", "veritysetup": "cryptsetup-bin", "gcc": "gcc"}
"""Programs, and Debian's packages that have them."""

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"

MACHINE = "machine-ext4"
"""Begins the names of pairs made from this machine's own files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two images of one partition. A name tells kind, file system and size: ``minor-ext4-small``."""

    name: str
    old: Path
    new: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Novelty:
    """What an update is about, in blocks of 4 KiB of the new image: all, not zero, nowhere in the old."""

    blocks: int
    filled: int
    new: int


class NoPairError(Exception):
    """A pair is not there and cannot be made; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Where pairs are. Those in ``given`` are used as they are; others are made under ``out``, once."""

    out: Path
    given: Path | None = None
    maker: Path = MAKER

    def find(self, name: str) -> Pair | None:
        """The pair, if it is there already."""
        for folder in (self.given, self.out / "pairs"):
            if folder is not None and (folder / name / "new.img").exists():
                return Pair(name=name, old=folder / name / "old.img", new=folder / name / "new.img")
        return None

    def get(self, name: str) -> Pair:
        """The pair, made if need be. Raises NoPairError."""
        found = self.find(name)
        if found is not None:
            return found
        why = self.cannot_make()
        if why:
            raise NoPairError(f"{name}: {why}")
        return self.make(name)

    def cannot_make(self) -> str | None:
        """Why pairs cannot be made of packages here; ``None`` if nothing is known to prevent it."""
        if not self.maker.exists():
            return f"{self.maker}, which makes pairs of packages, is not there"
        if os.geteuid() != 0:
            return "only root can make pairs of packages"
        missing = [
            package for program, package in MAKER_NEEDS.items() if not shutil.which(program, path=_PATH)
        ]
        return f"first: apt-get install {' '.join(missing)}" if missing else None

    def make(self, name: str) -> Pair:
        """Make the pair of packages; takes minutes, and the network the first time. Raises NoPairError."""
        kind, rest = name.split("-", 1)
        system, size = rest.rsplit("-", 1)
        making = self.out / "making"
        shutil.rmtree(making, ignore_errors=True)
        places = {"CACHE": self.out / "cache", "OUT": making, "MKPAIR_TMP": self.out / "cache/tmp"}
        for place in places.values():
            place.mkdir(parents=True, exist_ok=True)
        print(f"bench: making {name}", file=sys.stderr, flush=True)
        environment = {**os.environ, "PATH": _PATH, **{key: str(place) for key, place in places.items()}}
        argv = [sys.executable, str(self.maker), kind, system, size]
        done = subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise NoPairError(f"{name}: {self.maker.name} failed with exit code {done.returncode}")
        # Whole or not at all.
        folder = self.out / "pairs" / name
        folder.parent.mkdir(exist_ok=True)
        (making / name).rename(folder)
        shutil.rmtree(making)
        return Pair(name=name, old=folder / "old.img", new=folder / "new.img")

    def machine(self, size: int) -> Pair:
        """A pair with ``size`` MiB of this machine's own files per image."""
        name = f"{MACHINE}-{size}"
        folder = self.out / "pairs" / name
        old, new = folder / "old.img", folder / "new.img"
        return Pair(
            name=name, old=make_image(size, old, changed=False), new=make_image(size, new, changed=True)
        )


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


def cut(pair: Pair, size: int, folder: Path) -> Pair:
    """The first ``size`` MiB of both images, as files in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: Mapping[Path, Path] = {pair.old: folder / "old.img", pair.new: folder / "new.img"}
    for whole, part in parts.items():
        with whole.open("rb") as source, part.open("wb") as sink:
            for _ in range(size):
                sink.write(source.read(MIB))
    return Pair(name=f"{pair.name}, {size} MiB", old=parts[pair.old], new=parts[pair.new])


def novelty(pair: Pair) -> Novelty:
    """Compare all blocks by their hashes. Also brings both images into the page cache."""
    zero = _hash(bytes(BLOCK))
    known = {zero, *_hashes(pair.old)}
    blocks = filled = new = 0
    for found in _hashes(pair.new):
        blocks += 1
        filled += found != zero
        new += found not in known
    return Novelty(blocks=blocks, filled=filled, new=new)


def _hashes(image: Path) -> Iterator[bytes]:
    with image.open("rb") as file:
        while data := file.read(MIB):
            for start in range(0, len(data), BLOCK):
                yield _hash(data[start : start + BLOCK])


def _hash(block: bytes) -> bytes:
    return hashlib.blake2b(block, digest_size=16).digest()

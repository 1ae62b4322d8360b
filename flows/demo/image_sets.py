"""Two real image sets, an old one and a new one, from files of this machine.

Public tools make them: ``mke2fs`` an ext4 image of 4 KiB blocks, ``debugfs`` fills it, nothing is
mounted. Times and UUIDs are fixed, so the same files give the same image. ``mke2fs -d`` would not:
e2fsprogs 1.47.0 takes a directory's files in the order the host's filesystem lists them and copies
their change times, which nobody can set; two builds of one tree differed in 465 bytes and more.
"""

from __future__ import annotations

import bz2
import lzma
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from flows.demo.bill import bill_of_materials
from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.digests import chunks
from release.errors import InputError, storage_errors
from release.process import run

EPOCH: Final = 1_700_000_000
"""Seconds since 1970, UTC: every time stamp in the images."""

MIB: Final = 1 << 20
_LARGEST_FILE: Final = 12 * MIB
_UUID = "6f1f4a18-0492-4e2e-97a9-0a6c246b7e39"
_HASH_SEED = "83a7e35b-d634-45ef-a3a8-0461c93b61bd"
_SOURCES = ("bin", "lib", "share")
_EXTENSIONS = ("flatcar-hello.raw", "oem-demo.raw")
"""Two system extensions, one anybody can switch on and one for a place where machines run."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._+/-]+", re.ASCII)

SignFile = Callable[[Path, Path], None]
"""``sign(data, signature)``: write a detached signature of ``data``."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A file of this machine and where it goes in the image."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSetOrder:
    """What to build. ``content`` is in bytes, before the filesystem's own overhead."""

    version: Version
    changed: bool
    """True for the new release: some files changed, added, removed, renamed."""
    kernel_version: str
    content: int = 64 * MIB
    machine: Path = Path("/usr")
    generation: int = 0
    """Which of the files are changed: releases of different generations differ from each other, too."""
    packages: tuple[str, ...] | None = None
    """Lines of the package list; what this machine has installed when left out."""


def build_image_set(order: ImageSetOrder, out: Path, sign: SignFile, naming: NamingScheme) -> str:
    """Make the image set in ``out`` unless it is there. It appears complete or not at all.

    Returns one line for people. Raises ToolError when a tool fails, InputError when this machine has
    too few readable files.
    """
    if out.is_dir():
        return f"{order.version} is there already"
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    tree, target = partial / "usr", partial / "set"
    with storage_errors(partial):
        tree.mkdir(parents=True)
        target.mkdir()
        names = _fill(tree, order)
        raw = partial / "usr.img"
        _make_filesystem(tree, raw)
        _compress(raw, target / naming.update_image)
        _write_reports(target, order, _contents(tree), naming)
        for name in _EXTENSIONS:
            _write_extension(target / name, order.version, partial / name)
        for path in sorted(target.iterdir()):
            sign(path, path.with_name(path.name + naming.signature_suffix))
        size = raw.stat().st_size
        target.rename(out)
        shutil.rmtree(partial)
    extensions = f"{len(_EXTENSIONS)} system extensions"
    return f"{order.version}: {len(names)} files, image of {size // MIB} MiB, {extensions}"


def _fill(tree: Path, order: ImageSetOrder) -> list[str]:
    """Copy files into ``tree`` until ``order.content`` bytes are there; the names, sorted."""
    names, size = [], 0
    wanted = order.content + (order.content // 32 if order.changed else 0)
    for index, source in enumerate(_machine_files(order.machine)):
        if size >= wanted:
            break
        name = _name_in_release(source.name, index + order.generation) if order.changed else source.name
        if name is None:
            continue
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        data = source.path.read_bytes()
        target.write_bytes(_edited(data, index + order.generation) if order.changed else data)
        target.chmod(0o755 if os.access(source.path, os.X_OK) else 0o644)
        names.append(name)
        size += len(data)
    if size < wanted:
        raise InputError(f"{order.machine}: expected {wanted} bytes in readable files, found {size}")
    return sorted(names)


def _machine_files(root: Path) -> Iterator[_Source]:
    """Regular files in a fixed order, none so large that it would be most of the image."""
    for top in _SOURCES:
        for directory, directories, files in os.walk(root / top):
            directories.sort()
            for name in sorted(files):
                path = Path(directory, name)
                status = path.lstat()
                plain = stat.S_ISREG(status.st_mode) and 0 < status.st_size <= _LARGEST_FILE
                relative = path.relative_to(root).as_posix()
                if plain and os.access(path, os.R_OK) and _PLAIN_NAME.fullmatch(relative):
                    yield _Source(path, relative)


def _name_in_release(name: str, index: int) -> str | None:
    """The name in the new release: one file in 40 is removed, one in 50 is renamed."""
    if index % 40 == 39:
        return None
    return f"{name}.1" if index % 50 == 25 else name


def _edited(data: bytes, index: int) -> bytes:
    """One file in nine is changed: text grows by a line, a binary is patched and shifted."""
    if index % 9 != 4:
        return data
    if b"\0" not in data[:4096]:
        return data + b"# changed in the new release\n"
    middle = len(data) // 2
    return data[:middle] + index.to_bytes(16, "little") + data[middle:]


def _make_filesystem(tree: Path, image: Path) -> None:
    """An ext4 image of ``tree``: 4 KiB blocks, no journal, a fifth of room for tables and slack."""
    entries = list(tree.rglob("*"))
    used = sum(-(-path.stat().st_size // 4096) * 4096 for path in entries)
    size = -(-(used + used // 5 + 4 * MIB) // MIB)
    when = {"E2FSPROGS_FAKE_TIME": str(EPOCH)}
    extended = f"hash_seed={_HASH_SEED},root_owner=0:0,lazy_itable_init=0"
    options = ["-t", "ext4", "-b", "4096", "-O", "^has_journal", "-m", "0", "-N", str(2 * len(entries) + 64)]
    run(["mke2fs", "-q", "-F", *options, "-U", _UUID, "-E", extended, image, f"{size}M"], environment=when)
    script = image.with_suffix(".debugfs")
    script.write_text("\n".join(_fill_script(tree)) + "\n")
    run(["debugfs", "-w", "-f", script, image], environment=when)
    run(["e2fsck", "-f", "-n", image])
    expected, found = 11 + len(entries), _used_inodes(image)
    if found != expected:
        raise InputError(f"{image}: expected {expected} used inodes after filling it, found {found}")


def _fill_script(tree: Path) -> Iterator[str]:
    """Commands for debugfs, directories first, each in the order of its names."""
    for directory, directories, files in os.walk(tree):
        directories.sort()
        yield f'cd "/{Path(directory).relative_to(tree).as_posix()}"'
        yield from (f'mkdir "{name}"' for name in directories)
        yield from (f'write "{Path(directory, name)}" "{name}"' for name in sorted(files))


def _used_inodes(image: Path) -> int:
    lines = run(["dumpe2fs", "-h", image]).stdout.decode().splitlines()
    counts = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(counts["Inode count"]) - int(counts["Free inodes"])


def _compress(raw: Path, target: Path) -> None:
    compressor = bz2.BZ2Compressor(9)
    with raw.open("rb") as source, target.open("wb") as sink:
        for data in chunks(source, limit=None):
            sink.write(compressor.compress(data))
        sink.write(compressor.flush())


def _contents(tree: Path) -> Iterator[str]:
    """Every file as ``find -printf`` tells it: mode, links, user, group, size, time and path."""
    when = datetime.fromtimestamp(EPOCH, UTC).strftime("%Y-%m-%d %H:%M")
    for path in sorted([tree, *tree.rglob("*")]):
        status = path.lstat()
        name = path.relative_to(tree.parent).as_posix()
        links, size = (2, 4096) if path.is_dir() else (1, status.st_size)
        yield f"{stat.filemode(status.st_mode)} {links} root root {size:>9} {when} ./{name}"


def _write_reports(target: Path, order: ImageSetOrder, contents: Iterable[str], naming: NamingScheme) -> None:
    version = order.version
    interpreter = Path(sys.executable).resolve().read_bytes()
    kernel = lzma.compress(interpreter, preset=1)
    (target / naming.kernel).write_bytes(b"MZdemo kernel " + order.kernel_version.encode() + b"\n" + kernel)
    (target / naming.version_file).write_text(
        f"FLATCAR_BUILD={version.major}\nFLATCAR_BRANCH={version.branch}\nFLATCAR_PATCH={version.patch}\n"
        f"FLATCAR_VERSION={version}\nFLATCAR_VERSION_ID={version}\nFLATCAR_BUILD_ID=\n"
        f"FLATCAR_SDK_VERSION={version.major}.0.0\n"
    )
    packages = "".join(f"{line}\n" for line in order.packages or _packages(order)).encode()
    (target / naming.packages).write_bytes(packages)
    created = datetime.fromtimestamp(EPOCH, UTC)
    (target / naming.sbom).write_bytes(bill_of_materials(version, packages, created=created))
    (target / naming.contents).write_text("".join(f"{line}\n" for line in contents))


def _write_extension(image: Path, version: Version, tree: Path) -> None:
    """A system extension that fits ``version`` only, as systemd-sysext wants it, with one program."""
    name = image.stem
    said = tree / "usr" / "lib" / "extension-release.d" / f"extension-release.{name}"
    program = tree / "usr" / "bin" / name
    for path in (said, program):
        path.parent.mkdir(parents=True, exist_ok=True)
    said.write_text(f"ID=flatcar\nVERSION_ID={version}\n")
    program.write_text(f"#!/bin/sh\necho {name} of {version}\n")
    _make_filesystem(tree, tree.with_suffix(".img"))
    tree.with_suffix(".img").rename(image)


def _packages(order: ImageSetOrder) -> list[str]:
    """What this machine has installed, in Flatcar's form, with a kernel of the release's own."""
    listing = run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n"]).stdout.decode()
    installed = [line.split(" ", 1) for line in listing.splitlines()]
    lines = [f"debian/{name}-{_plain(version)}::demo" for name, version in installed]
    return sorted({*lines, f"sys-kernel/coreos-kernel-{order.kernel_version}::demo"})


def _plain(debian_version: str) -> str:
    """A Debian version without epoch and Debian revision: ``1:2.39.5-0+deb12u2`` is ``2.39.5``."""
    upstream = debian_version.partition(":")[2] or debian_version
    return upstream.rpartition("-")[0] or upstream

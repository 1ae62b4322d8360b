"""Classes of what lies in an image, told by path and by first bytes."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import PurePosixPath


class Kind(Enum):
    """What some bytes of an image are."""

    MODULE = "kernel modules"
    KERNEL = "kernels"
    INITRD = "initrds"
    NESTED = "nested images"
    PROGRAM = "programs"
    LIBRARY = "libraries"
    PACKED_FILE = "packed files"
    OTHER_FILE = "text and other files"
    METADATA = "filesystem metadata"
    VERITY = "verity tree"
    FREE = "free space"
    PACKED_DATA = "packed data"
    DATA = "other data"


HEAD = 512
"""First bytes of a file that ``kind_of_file`` wants to see."""

MAGICS: tuple[tuple[bytes, str], ...] = (
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"hsqs", "squashfs"),
    (b"\x7fELF", "ELF"),
    (b"PK\x03\x04", "zip"),
    (b"070701", "cpio"),
)
PACKERS = frozenset({"xz", "zstd", "gzip", "bzip2", "squashfs", "zip"})

_MODULE = re.compile(r"\.ko(\.(xz|zst|gz))?$")
_KERNEL = re.compile(r"^(vmlinuz|vmlinux|bzImage|Image)([-.].*)?$|^kernel.*\.efi$")
_INITRD = re.compile(
    r"^(initrd|initramfs|bootengine)\b(?!.*\.(service|target|conf|preset|sh|8|rules)$)|\.cpio(\.\w+)?$"
)
_NESTED = re.compile(r"\.(raw|img|squashfs|sqfs|erofs|iso|qcow2|vhd|vmdk)$")
_LIBRARY = re.compile(r"\.so(\.[\w.]+)?$")
_PACKED = re.compile(r"\.(gz|xz|zst|bz2|lz4|zip|jar|whl|png|jpg|woff2?)$")
_PROGRAMS = frozenset({"bin", "sbin", "libexec"})


def magic_of(head: bytes) -> str:
    """The format that ``head`` begins like; empty for none that is known here."""
    return next((name for magic, name in MAGICS if head.startswith(magic)), "")


def kind_of_file(path: str, head: bytes) -> Kind:
    """The class of a file. ``head``: its first bytes, empty when they cannot be read."""
    name, magic = PurePosixPath(path).name, magic_of(head)
    named = _kind_of_name(name)
    if named is not None:
        return named
    if magic == "squashfs" or head[0x101:0x106] == b"ustar":
        return Kind.NESTED if magic else Kind.OTHER_FILE
    if magic == "ELF":
        return Kind.PROGRAM
    if magic in PACKERS or _PACKED.search(name):
        return Kind.PACKED_FILE
    if not head and _PROGRAMS.intersection(PurePosixPath(path).parts[:-1]):
        return Kind.PROGRAM
    return Kind.OTHER_FILE


def _kind_of_name(name: str) -> Kind | None:
    patterns = (
        (_MODULE, Kind.MODULE),
        (_KERNEL, Kind.KERNEL),
        (_INITRD, Kind.INITRD),
        (_NESTED, Kind.NESTED),
        (_LIBRARY, Kind.LIBRARY),
    )
    return next((kind for pattern, kind in patterns if pattern.search(name)), None)

"""Files of an ext2, ext3 or ext4 image, read by ``debugfs`` and ``dumpe2fs`` without mounting.

Both come with e2fsprogs, the reference implementation of the format, and read images whose
read-only-compatible features are unknown to them (Flatcar sets a whole byte of those), too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.errors import ToolError, ToolMissingError, UnavailableError
from release.explain.files import FileMap, Piece, StoredFile, UnreadableError
from release.process import run

_ROOT = 2
_DEPTH = 64
"""Directories inside one another: more is a loop."""
_FILES = 1_000_000
_TIMEOUT = 120.0
_ENTRY = re.compile(r"/(\d+)/(\d{6})/\d*/\d*/(.*)/(\d*)/")
_RANGE = re.compile(r"\((\w+?)(?:-(\d+))?\):(\d+)(?:-(\d+))?(\[u\])?")
_FREE = re.compile(r"^  Free blocks: (.+)$", re.MULTILINE)
_REGULAR, _DIRECTORY, _FORMAT = 0o100000, 0o040000, 0o170000


@dataclass(frozen=True, slots=True)
class _Entry:
    inode: int
    mode: int
    path: str
    size: int


def read_ext(path: Path) -> FileMap:
    """The files of the filesystem at the start of the image ``path``, and its free blocks.

    Directories, tables, bitmaps and blocks of extended attributes are no files. Nothing is verified
    but that numbers lie within the image.

    Raises:
        ToolMissingError: e2fsprogs is not installed.
        UnreadableError: damaged, or names that its listing cannot tell apart.
    """
    try:
        summary = _text(run(["dumpe2fs", path], timeout=_TIMEOUT).stdout)
        fields = dict(line.split(":", 1) for line in summary.split("\n\n", 1)[0].splitlines() if ":" in line)
        block, count = int(fields["Block size"]), int(fields["Block count"])
        regular = _walk(path)
        places = _places(path, sorted({entry.inode for entry in regular}))
    except ToolMissingError:
        raise
    except (ToolError, UnavailableError, KeyError, ValueError) as error:
        raise UnreadableError(f"{path}: not readable as ext2, ext3 or ext4: {error}") from error
    files = tuple(
        StoredFile(entry.path, entry.size, _pieces(places[entry.inode], entry.size, block))
        for entry in regular
    )
    size = count * block
    if any(piece.start + piece.stored > size for file in files for piece in file.pieces):
        raise UnreadableError(f"{path}: a file lies behind the end of the filesystem")
    free = tuple((low * block, high * block + block) for low, high in _free(summary))
    return FileMap(kind="ext4", size=size, files=files, free=free)


def _text(output: bytes) -> str:
    return output.decode("utf-8", "backslashreplace")


def _walk(path: Path) -> list[_Entry]:
    """Regular files, level by level: one run of debugfs lists all directories of a depth."""
    found: list[_Entry] = []
    level = [(_ROOT, "")]
    for _ in range(_DEPTH):
        if not level:
            return found
        outputs = _ask(path, [f"ls -p <{inode}>" for inode, _ in level])
        entries = [
            entry
            for (_, name), output in zip(level, outputs, strict=True)
            for entry in _entries(output, f"{name}/" if name else "")
        ]
        found += [entry for entry in entries if entry.mode & _FORMAT == _REGULAR]
        level = [(entry.inode, entry.path) for entry in entries if entry.mode & _FORMAT == _DIRECTORY]
        if len(found) + len(level) > _FILES:
            break
    raise UnreadableError(f"{path}: more than {_FILES} files, or directories without end")


def _entries(output: str, prefix: str) -> Iterator[_Entry]:
    for line in output.splitlines():
        match = _ENTRY.fullmatch(line)
        if match is None:
            if line.strip():
                raise UnreadableError(f"{prefix}: a directory entry that cannot be read: {line[:80]!r}")
            continue
        inode, mode, name, size = match.groups()
        if name not in {".", ".."} and inode != "0":
            yield _Entry(int(inode), int(mode, 8), prefix + name, int(size or 0))


def _ask(path: Path, commands: Sequence[str]) -> list[str]:
    """What debugfs answers to each of ``commands``. It repeats a command before it answers."""
    script = "".join(f"{command}\n" for command in commands).encode()
    output = _text(run(["debugfs", "-f", "-", path], stdin=script, timeout=_TIMEOUT).stdout)
    answers = re.split(r"^debugfs: .*\n", output, flags=re.MULTILINE)[1:]
    if len(answers) != len(commands):
        raise UnreadableError(f"{path}: expected {len(commands)} answers of debugfs, found {len(answers)}")
    return answers


def _places(path: Path, inodes: Sequence[int]) -> dict[int, list[tuple[int, int, int]]]:
    """Of each inode: runs of blocks, as the first in the file, the first in the image, and how many."""
    places = {}
    for inode, answer in zip(inodes, _ask(path, [f"stat <{number}>" for number in inodes]), strict=True):
        _, _, listing = answer.partition("\nEXTENTS:\n")
        if not listing:
            _, _, listing = answer.partition("\nBLOCKS:\n")
        places[inode] = [
            (int(first), int(start), int(end or start) - int(start) + 1)
            for first, _, start, end, unwritten in _RANGE.findall(listing)
            if first.isdecimal() and int(start) and not unwritten
        ]
    return places


def _pieces(runs: Sequence[tuple[int, int, int]], size: int, block: int) -> tuple[Piece, ...]:
    return tuple(
        Piece(
            at=first * block,
            length=max(0, min(count * block, size - first * block)),
            start=start * block,
            stored=count * block,
        )
        for first, start, count in runs
    )


def _free(summary: str) -> Iterator[tuple[int, int]]:
    for listing in _FREE.findall(summary):
        for part in listing.split(","):
            low, _, high = part.strip().partition("-")
            if low:
                yield int(low), int(high or low)

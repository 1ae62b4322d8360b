"""Large files copied and hashed, with a report after each piece."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from release.digests import CHUNK_SIZE, Digest, FileDigests, chunks
from release.errors import storage_errors

Report = Callable[[int], None]
"""Told how many bytes were dealt with since the last call."""

_PIECE = 16 << 20
"""Bytes the kernel copies between two reports, about 10 ms."""

_CANNOT = frozenset(
    {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV, errno.EPERM, errno.ETXTBSY, errno.EBADF}
)
"""What copy_file_range(2) says to files that it cannot copy between, whatever else works."""


def copy_into(old: Path, file: BinaryIO, path: Path, report: Report) -> int:
    """Write all of the file at ``old`` to the start of the empty ``file``; returns the bytes copied.

    The kernel copies, sharing blocks where the file system can, if it is able to.

    Args:
        old: a file or block device; read from its start.
        file: open for writing, with nothing buffered.
        path: what to call ``file`` in errors.
        report: called after each piece.

    Raises:
        InputError, StorageFullError, UnavailableError: from the file system.
    """
    with storage_errors(old):
        source = old.open("rb", buffering=0)
    with source, storage_errors(path):
        copied = _copy_in_kernel(source.fileno(), file.fileno(), report)
        if copied is not None:
            return copied
        size = 0
        for data in chunks(source):
            file.write(data)
            size += len(data)
            report(len(data))
        file.flush()
        return size


def _copy_in_kernel(source: int, target: int, report: Report) -> int | None:
    """Bytes copied; ``None`` if the kernel copies nothing between these files."""
    copied = 0
    while True:
        try:
            count = os.copy_file_range(source, target, _PIECE, copied, copied)
        except OSError as error:
            if copied or error.errno not in _CANNOT:
                raise
            return None
        if not count:
            # Nothing at once: empty, or a file whose size the kernel does not know.
            return copied or None
        copied += count
        report(count)


def hash_start(descriptor: int, size: int, path: Path, report: Report) -> FileDigests:
    """Size and SHA-256 of the first ``size`` bytes of an open file, or of all if it has fewer."""
    state = hashlib.sha256()
    buffer = memoryview(bytearray(CHUNK_SIZE))
    offset = 0
    while offset < size:
        with storage_errors(path):
            count = os.preadv(descriptor, [buffer[: min(CHUNK_SIZE, size - offset)]], offset)
        if not count:
            break
        state.update(buffer[:count])
        offset += count
        report(count)
    return FileDigests(offset, (Digest("sha256", state.digest()),))

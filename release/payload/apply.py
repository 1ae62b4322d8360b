"""Apply a payload the way the client does: copy the source, then change the copy in place."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from release.atomic import replacing
from release.digests import FileDigests
from release.errors import InputError, storage_errors
from release.payload import structure
from release.payload.check import check_manifest, check_part
from release.payload.extents import block_count
from release.payload.making import PARTITION, Making, Meter, Progress, needs_source
from release.payload.operations import ProcedureType
from release.payload.profile import Profile
from release.payload.reader import Payload, count_operations, open_payload
from release.payload.rules import PayloadFormatError
from release.payload.structure import Part

_KERNEL = ProcedureType.KERNEL.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applying a payload made.

    ``kernel`` is ``None`` if the payload has none, or has one that needs an old kernel that was not
    given. ``skipped`` names the procedures that were not applied; their blobs were checked all the same.
    """

    image: FileDigests
    kernel: FileDigests | None
    operations: Mapping[str, int]
    skipped: tuple[str, ...] = ()


def apply_payload(
    payload: Path | Payload,
    out: Path,
    *,
    source: Path | None = None,
    old_kernel: Path | None = None,
    kernel_out: Path | None = None,
    profile: Profile | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Applied:
    """Make the new image at ``out``, in operation order, in place on a copy of ``source``.

    Without ``source`` the content of the target is unknown: a payload that leaves a block unwritten,
    or reads one it has not written, is refused. With a source the target has the larger size of the
    two images while operations run and is cut to the new size at the end. ``out`` and ``kernel_out``
    appear only when everything has the hash promised. All that ``check_payload`` checks is checked on
    the way, each blob unpacked once. Signatures are not verified here.

    Operations read and write the target one after the other, whatever ``workers`` is, and the first
    that breaks a rule is the one reported; only reading, hashing and unpacking blobs runs ahead.

    Memory: 48 MiB per worker, two bytes per block of the image, and what the largest BSDIFF, or MOVE
    onto itself, reads, which is at most the image or 1 GiB; for a BSDIFF of more than about 10 MiB also
    its blob and up to 192 MiB for its control data.

    Args:
        payload: a file, or an open payload.
        out: the new image.
        source: the old image, for deltas.
        old_kernel: what a kernel delta finds.
        kernel_out: the new kernel; without it the kernel is made all the same where possible, to be
            compared.
        profile: the client to please; ``None`` for whatever the format allows.
        workers: threads that unpack.
        progress: told after each operation and each MiB copied or hashed.

    Raises:
        PayloadFormatError: the payload breaks a rule, does not fit the source, or the result differs.
        InputError: a file is missing, or ``kernel_out`` is asked of a payload without a kernel.
        StorageFullError, UnavailableError: from the file system.
    """
    files = _Files(
        out.parent, {PARTITION: out, _KERNEL: kernel_out}, {PARTITION: source, _KERNEL: old_kernel}
    )
    with open_payload(payload) as opened:
        return _run(opened, files, profile, workers, progress)


def prove_payload(
    payload: Path | Payload,
    folder: Path,
    *,
    source: Path | None = None,
    old_kernel: Path | None = None,
    profile: Profile | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Applied:
    """Do all that ``apply_payload`` does and keep nothing but the answer.

    The images are files without a name in ``folder``, which needs room for them. A kernel that needs an
    old one which is not given is ``skipped``.

    Raises:
        PayloadFormatError: the payload breaks a rule, does not fit the source, or the result differs.
        InputError: a file is missing.
        StorageFullError, UnavailableError: from the file system.
    """
    files = _Files(folder, {}, {PARTITION: source, _KERNEL: old_kernel})
    with open_payload(payload) as opened:
        return _run(opened, files, profile, workers, progress)


@dataclass(frozen=True, slots=True)
class _Files:
    """What is to be made where, and of what; by name of the part. Without a path it is made unnamed."""

    folder: Path
    wanted: Mapping[str, Path | None]
    old: Mapping[str, Path | None]

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        path = self.wanted.get(name)
        if path is not None:
            return replacing(path)
        with storage_errors(self.folder):
            return tempfile.TemporaryFile(dir=self.folder, prefix=".humpyard-")

    def path(self, name: str) -> Path:
        """What to call the file in errors."""
        return self.wanted.get(name) or self.folder


def _run(
    payload: Payload, files: _Files, profile: Profile | None, workers: int, progress: Progress | None
) -> Applied:
    check_manifest(payload, profile)
    kernel_out = files.wanted.get(_KERNEL)
    if kernel_out is not None and payload.manifest.procedure(ProcedureType.KERNEL) is None:
        raise InputError(f"{payload}: carries no kernel, so {kernel_out} cannot be made")
    parts = structure.parts(payload.manifest)
    skipped = [part for part in parts if _cannot(payload, part, files)]
    meter = Meter(progress, sum(_work(payload, part, files) for part in parts if part not in skipped))
    results: dict[str, FileDigests] = {}
    try:
        with ExitStack() as stack:
            for part in parts:
                if part in skipped:
                    check_part(payload, part, workers)
                    continue
                file = stack.enter_context(files.open(part.name))
                making = Making(payload, part, files.old.get(part.name), file, files.path(part.name), meter)
                results[part.name] = making.run(workers)
    except PayloadFormatError as error:
        raise error.at(payload.path) from error
    return Applied(
        image=results[PARTITION],
        kernel=results.get(_KERNEL),
        operations=count_operations(payload.manifest),
        skipped=tuple(part.name for part in skipped),
    )


def _cannot(payload: Payload, part: Part, files: _Files) -> bool:
    """Whether ``part`` needs something that is missing, and nobody asked for its result."""
    if part.name == PARTITION or files.wanted.get(part.name) or files.old.get(part.name):
        return False
    return needs_source(payload, part) is not None


def _work(payload: Payload, part: Part, files: _Files) -> int:
    """Bytes that are copied, written and hashed for ``part``."""
    old = files.old.get(part.name)
    copied = 0
    if old is not None:
        with storage_errors(old):
            copied = old.stat().st_size * (1 if part.old_info is None else 2)
    written = sum(block_count(step.operation.dst_extents) for step in part.steps)
    return copied + written * payload.manifest.block_size + (part.new_info.size or 0)

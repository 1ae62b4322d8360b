"""Apply a payload the way the client does: copy the source, then change the copy in place."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from release.atomic import replacing
from release.digests import FileDigests, HashingWriter, chunks
from release.errors import InputError, storage_errors
from release.payload import blobs, bsdiff, structure
from release.payload.check import check_manifest
from release.payload.extents import block_count
from release.payload.operations import OperationType, ProcedureType
from release.payload.profile import Profile
from release.payload.reader import Payload, count_operations, open_payload
from release.payload.rules import PayloadFormatError, Rule
from release.payload.structure import Part, Step, blocks_of
from release.payload.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applying a payload made.

    ``kernel`` is ``None`` if the payload has none, or has one that needs an old kernel that was not
    given. ``skipped`` names the procedures that were not applied.
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
) -> Applied:
    """Make the new image at ``out``, in operation order, in place on a copy of ``source``.

    Without ``source`` the content of the target is unknown: a payload that leaves a block unwritten,
    or reads one it has not written, is refused. With a source the target has the larger size of the
    two images while operations run and is cut to the new size at the end. ``out`` and ``kernel_out``
    appear only when everything has the hash promised. Signatures are not verified here.

    Raises:
        PayloadFormatError: the payload breaks a rule, does not fit the source, or the result differs.
        InputError: a file is missing, or ``kernel_out`` is asked of a payload without a kernel.
        StorageFullError, UnavailableError: from the file system.
    """
    with open_payload(payload) as opened:
        check_manifest(opened, profile)
        kernel = opened.manifest.procedure(ProcedureType.KERNEL)
        if kernel_out is not None and kernel is None:
            raise InputError(f"{payload}: carries no kernel, so {kernel_out} cannot be made")
        try:
            return _Run(opened, source, old_kernel).run(out, kernel_out)
        except PayloadFormatError as error:
            raise error.at(opened.path) from error


class _Run:
    def __init__(self, payload: Payload, source: Path | None, old_kernel: Path | None) -> None:
        self._payload = payload
        self._block_size = payload.manifest.block_size
        self._source = source
        self._old_kernel = old_kernel

    def run(self, out: Path, kernel_out: Path | None) -> Applied:
        results: dict[str, FileDigests] = {}
        skipped: list[str] = []
        with ExitStack() as stack:
            for part in structure.parts(self._payload.manifest):
                partition = part.name == "partition"
                wanted = out if partition else kernel_out if part.name == ProcedureType.KERNEL.name else None
                old = self._old_kernel if part.name == ProcedureType.KERNEL.name else None
                old = self._source if partition else old
                if wanted is None and old is None and self._source_reason(part) is not None:
                    skipped.append(part.name)
                    continue
                file = stack.enter_context(_output(wanted, out))
                results[part.name] = self._apply(part, file, wanted or out, old)
        return Applied(
            image=results["partition"],
            kernel=results.get(ProcedureType.KERNEL.name),
            operations=count_operations(self._payload.manifest),
            skipped=tuple(skipped),
        )

    def _source_reason(self, part: Part) -> str | None:
        if part.old_info is not None:
            return f"{part.name}: the payload is made for one source"
        return structure.needs_source(part, self._block_size)

    def _apply(self, part: Part, file: BinaryIO, path: Path, old: Path | None) -> FileDigests:
        if old is None:
            reason = self._source_reason(part)
            if reason is not None:
                what = "source image" if part.name == "partition" else "old kernel"
                raise PayloadFormatError(
                    Rule.SOURCE_NEEDED,
                    f"{reason}: it needs the {what}",
                    hint=f"give the {what} it was made from",
                )
        target = self._prepare(part, file, path, old)
        for step in part.steps:
            self._step(target, step)
        return self._finish(part, target, old)

    def _prepare(self, part: Part, file: BinaryIO, path: Path, old: Path | None) -> Target:
        size = 0
        if old is not None:
            found = _copy(old, file, path)
            size = found.size
            if part.old_info is not None and part.old_info.sha256 != found.sha256.value:
                wanted = part.old_info.sha256.hex() if part.old_info.sha256 else "none"
                raise PayloadFormatError(
                    Rule.SOURCE_HASH,
                    f"{part.name}: wrong source {old}: expected SHA-256 {wanted}, found {found.sha256.hex}",
                )
        # The end of a file is its end; the end of an image inside a partition is followed by anything.
        known = size // self._block_size if part.name == "partition" else blocks_of(size, self._block_size)
        blocks = max(part.blocks(self._block_size), blocks_of(size, self._block_size))
        return Target(file, path, block_size=self._block_size, blocks=blocks, known=known)

    def _step(self, target: Target, step: Step) -> None:
        operation, where = step.operation, step.where
        self._payload.check_blob(operation, where)
        writer = target.writer(operation.dst_extents, where)
        match operation.type:
            case OperationType.REPLACE:
                for piece in self._payload.blob_pieces(operation):
                    writer.write(piece)
            case OperationType.REPLACE_BZ:
                limit = block_count(operation.dst_extents) * self._block_size
                for piece in blobs.unpack(self._payload.blob_pieces(operation), limit, where):
                    writer.write(piece)
            case OperationType.MOVE:
                size = block_count(operation.src_extents) * self._block_size
                writer.write(target.read(operation.src_extents, size, where))
            case OperationType.BSDIFF:
                old = target.read(operation.src_extents, operation.src_length or 0, where)
                patch = self._payload.blob(operation)
                writer.write(bsdiff.apply(old, patch, operation.dst_length or 0, where))
        writer.close()

    def _finish(self, part: Part, target: Target, old: Path | None) -> FileDigests:
        size = part.new_info.size or 0
        unknown = target.first_unknown(part.blocks(self._block_size))
        if unknown is not None:
            raise PayloadFormatError(
                Rule.SOURCE_NEEDED,
                f"{part.name}: block {unknown} was never written: it needs the source image",
            )
        result = target.digest(size)
        if result.sha256.value != part.new_info.sha256:
            guess = f": wrong source image {old}?" if old is not None else "."
            wanted = part.new_info.sha256.hex() if part.new_info.sha256 else "none"
            raise PayloadFormatError(
                Rule.RESULT_HASH,
                f"{part.name}: result hash does not match{guess} "
                f"Expected SHA-256 {wanted}, found {result.sha256.hex}",
            )
        target.truncate(size)
        return result


def _output(wanted: Path | None, out: Path) -> AbstractContextManager[BinaryIO]:
    if wanted is not None:
        return replacing(wanted)
    with storage_errors(out):
        return tempfile.TemporaryFile(dir=out.parent, prefix=".humpyard-")


def _copy(old: Path, file: BinaryIO, path: Path) -> FileDigests:
    with storage_errors(old):
        source = old.open("rb")
    with source, storage_errors(path):
        writer = HashingWriter(file)
        for data in chunks(source):
            writer.write(data)
        file.flush()
        return writer.hasher.result()

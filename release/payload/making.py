"""Making one part of an update, the partition or the file of a procedure, in place and in order."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from release.digests import FileDigests
from release.payload import decode, patch, structure
from release.payload.copying import copy_into, hash_start
from release.payload.decode import Content
from release.payload.extents import block_count
from release.payload.operations import OperationType
from release.payload.patch import Patch
from release.payload.reader import Payload
from release.payload.rules import PayloadFormatError, Rule
from release.payload.structure import Part, Step, blocks_of
from release.payload.target import Target

PARTITION = "partition"
"""The name of the part that is no procedure."""


class Progress(Protocol):
    """Told how far applying is, in bytes copied, written and hashed; never goes back."""

    def __call__(self, done_bytes: int, total_bytes: int, /) -> None:
        """``done_bytes`` of ``total_bytes`` are dealt with. Called in the thread that applies."""


class Meter:
    """Counts bytes towards a total that is not exceeded, and tells."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self.done = 0

    def add(self, count: int) -> None:
        """``count`` more bytes are dealt with."""
        self.done = min(self.done + count, self._total)
        if self._progress is not None:
            self._progress(self.done, self._total)


def needs_source(payload: Payload, part: Part) -> str | None:
    """Why ``part`` can only be made of what was there before; ``None`` if it needs nothing."""
    if part.old_info is not None:
        return f"{part.name}: the payload is made for one source"
    return structure.needs_source(part, payload.manifest.block_size)


@dataclass(frozen=True, slots=True)
class Making:
    """One part on its way.

    Attributes:
        payload: open, its manifest checked.
        part: what is to be made.
        old: what is there before; ``None`` if that is not known.
        file: empty, open for reading and writing.
        path: what to call ``file`` in errors.
        meter: counts bytes copied, written and hashed.
    """

    payload: Payload
    part: Part
    old: Path | None
    file: BinaryIO
    path: Path
    meter: Meter

    def run(self, workers: int) -> FileDigests:
        """Leave the new content in the file. Raises PayloadFormatError as ``apply_payload`` says."""
        if self.old is None:
            self._check_self_contained()
        target = self._prepare()
        with closing(decode.ahead(self.payload, self.part.steps, workers)) as contents:
            for step in self.part.steps:
                self._step(target, step, next(contents) if step.operation.data_length else None)
        return self._finish(target)

    def _check_self_contained(self) -> None:
        reason = needs_source(self.payload, self.part)
        if reason is not None:
            what = "source image" if self.part.name == PARTITION else "old kernel"
            raise PayloadFormatError(
                Rule.SOURCE_NEEDED,
                f"{reason}: it needs the {what}",
                hint=f"give the {what} it was made from",
            )

    def _prepare(self) -> Target:
        size, block_size = 0, self.payload.manifest.block_size
        if self.old is not None:
            size = copy_into(self.old, self.file, self.path, self.meter.add)
            self._check_old(self.old, size)
        # The end of a file is its end; the end of an image inside a partition is followed by anything.
        known = size // block_size if self.part.name == PARTITION else blocks_of(size, block_size)
        blocks = max(self.part.blocks(block_size), blocks_of(size, block_size))
        return Target(self.file, self.path, block_size=block_size, blocks=blocks, known=known)

    def _check_old(self, old: Path, size: int) -> None:
        """Compare the copy, which is what will be changed, with the source that the payload names."""
        info = self.part.old_info
        if info is None:
            return
        found = hash_start(self.file.fileno(), size, self.path, self.meter.add).sha256
        if info.sha256 != found.value:
            wanted = info.sha256.hex() if info.sha256 else "none"
            raise PayloadFormatError(
                Rule.SOURCE_HASH,
                f"{self.part.name}: wrong source {old}: expected SHA-256 {wanted}, found {found.hex}",
            )

    def _step(self, target: Target, step: Step, content: Content) -> None:
        operation, where = step.operation, step.where
        declared = block_count(operation.dst_extents) * target.block_size
        before = self.meter.done
        if operation.type is OperationType.MOVE:
            target.move(operation.src_extents, operation.dst_extents, where)
        else:
            writer = target.writer(operation.dst_extents, where)
            for piece in self._pieces(target, step, content):
                writer.write(piece)
                if content is None:
                    self.meter.add(len(piece))
            writer.close()
        self.meter.add(before + declared - self.meter.done)

    def _pieces(self, target: Target, step: Step, content: Content) -> Iterable[bytes | memoryview]:
        """What an operation that carries data writes; of what was too large to be held, piece by piece."""
        if isinstance(content, bytes):
            return (content,)
        operation = step.operation
        if operation.type is not OperationType.BSDIFF:
            return decode.stream(self.payload, step)
        found = content if isinstance(content, Patch) else decode.read_patch(self.payload, step)
        old = target.read(operation.src_extents, operation.src_length or 0, step.where)
        return patch.apply(old, found)

    def _finish(self, target: Target) -> FileDigests:
        info = self.part.new_info
        size = info.size or 0
        unknown = target.first_unknown(self.part.blocks(target.block_size))
        if unknown is not None:
            raise PayloadFormatError(
                Rule.SOURCE_NEEDED,
                f"{self.part.name}: block {unknown} was never written: it needs the source image",
            )
        result = target.digest(size, self.meter.add)
        if result.sha256.value != info.sha256:
            guess = f": wrong source image {self.old}?" if self.old is not None else "."
            wanted = info.sha256.hex() if info.sha256 else "none"
            raise PayloadFormatError(
                Rule.RESULT_HASH,
                f"{self.part.name}: result hash does not match{guess} "
                f"Expected SHA-256 {wanted}, found {result.sha256.hex}",
            )
        target.truncate(size)
        return result

"""Build a payload from images. Same input, same bytes, for any number of workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from release.atomic import replacing
from release.digests import Digest, FileDigests, hash_file
from release.errors import InputError
from release.payload import delta, packing, patching, signature_blob, similar, writer
from release.payload.delta import Means
from release.payload.image_blocks import Blocks2D, map_file, map_image
from release.payload.operations import (
    BLOCK_SIZE,
    Extent,
    Operation,
    OperationType,
    Procedure,
    ProcedureType,
)
from release.payload.packing import Planned
from release.payload.parallel import beside
from release.payload.profile import FLATCAR, Profile
from release.payload.reader import count_blob_bytes, count_operations
from release.payload.spool import Spool
from release.payload.structure import blocks_of, repeatable
from release.payload.writer import BlobFile

MEMORY = 1 << 30
"""Bytes of memory that a build takes at the most if it is told nothing else."""

_FIXED_MEMORY = 160 << 20
"""Bytes that Python with its libraries, the manifest and the data under way take."""

_MEMORY_PER_BLOCK = 160
"""Bytes of all that is known about one block."""

_INDEX_SHARE = 4
"""The index may take one part in so many of the memory."""

_KERNEL_DIFF_LIMIT = 16 << 20
"""Bytes of the largest kernel that is diffed as one piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOrder:
    """What to build.

    Attributes:
        new_image: the image that the payload makes; whole blocks, except for clients that unpack it into
            a file (a self-contained profile).
        out: the payload file.
        old_image: makes a delta that applies to exactly this image; ``None`` for a full payload.
        kernel: also install this kernel.
        old_kernel: what a delta finds in place of ``kernel``.
        profile: the clients that must be able to apply it.
        signature_sizes: bytes of each signature to come (256 for RSA-2048, 512 for RSA-4096), in the
            order they will be attached; empty for a payload without a place for signatures.
        workers: threads.
        memory: bytes of memory of its own (mapped images do not count) that the build keeps below.
            Less makes it slower, and where the index has to be smaller, a delta larger.
    """

    new_image: Path
    out: Path
    old_image: Path | None = None
    kernel: Path | None = None
    old_kernel: Path | None = None
    profile: Profile = FLATCAR
    signature_sizes: tuple[int, ...] = ()
    workers: int = 1
    memory: int = MEMORY


class OrderError(InputError):
    """What is asked for contradicts itself, or the profile cannot express it, whatever the images."""


class Progress(Protocol):
    """Told how far a build is, in blocks of the new image and kernel; never goes back."""

    def __call__(self, done_blocks: int, total_blocks: int, /) -> None:
        """``done_blocks`` of ``total_blocks`` have their operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPayload:
    """A payload as written. Sizes are bytes.

    Attributes:
        path: the file.
        size: of the whole file, signatures' hole included.
        signed_digest: SHA-256 of what is to be signed; ``None`` if there is no hole.
        signatures_size: of the hole.
        metadata_size: of header and manifest.
        operations: how many of each type, the kernel's included.
        blob_bytes: data of each type.
        new_image: what it makes.
        old_image: what a delta needs.
        kernel: the kernel it installs.
        profile: whom it was built for.
        unrepeatable: operations that overwrite what they read. A client that is stopped in one has to
            start all over.
    """

    path: Path
    size: int
    signed_digest: Digest | None
    signatures_size: int
    metadata_size: int
    operations: Mapping[str, int]
    blob_bytes: Mapping[str, int]
    new_image: FileDigests
    old_image: FileDigests | None
    kernel: FileDigests | None
    profile: str
    unrepeatable: int


def build_payload(order: BuildOrder, progress: Progress | None = None) -> BuiltPayload:
    """Build the payload that ``order`` asks for and put it at ``order.out`` when it is whole.

    Does not apply what it built; ``apply_payload`` proves it. Interrupted, it ends within about a second
    and leaves nothing.

    Raises:
        OrderError: see ``check_order``.
        InputError: an image is missing, empty or not whole blocks, or the memory is too little for it.
        StorageFullError, UnavailableError: from the file system. Nothing is left at ``order.out``.
    """
    signatures_size = signature_blob.blob_size(order.signature_sizes) if order.signature_sizes else 0
    check_order(order)
    return _Build(order, progress).run(signatures_size)


def check_order(order: BuildOrder) -> None:
    """Look at an order by itself, not at its files. Raises OrderError."""
    profile = order.profile
    if order.old_image is not None and not profile.deltas:
        raise OrderError(f"client profile {profile.name}: these clients apply no deltas")
    if order.kernel is not None and not profile.procedures:
        raise OrderError(f"client profile {profile.name}: these clients install no kernel")
    if order.old_kernel is not None and (order.kernel is None or order.old_image is None):
        raise OrderError("an old kernel is of use only with a new kernel and an old image")
    if order.workers < 1:
        raise OrderError(f"workers: expected at least 1, found {order.workers}")


class _Build:
    def __init__(self, order: BuildOrder, progress: Progress | None) -> None:
        self._order = order
        self._progress = progress
        # A file that a client unpacks may end anywhere; a partition has whole blocks.
        to_file = order.profile.self_contained
        self._new = map_file(order.new_image) if to_file else map_image(order.new_image, BLOCK_SIZE)
        self._old = map_image(order.old_image, BLOCK_SIZE) if order.old_image is not None else None
        self._kernel = map_file(order.kernel) if order.kernel is not None else None
        self._blocks = blocks_of(self._new.size, BLOCK_SIZE)
        kernel_blocks = blocks_of(self._kernel.size, BLOCK_SIZE) if self._kernel is not None else 0
        self._total = self._blocks + kernel_blocks
        self._done = 0

    def run(self, signatures_size: int) -> BuiltPayload:
        order = self._order
        self._report(0)
        workers = self._workers()
        files = [path for path in (order.new_image, order.old_image, order.kernel, order.old_kernel) if path]
        with (
            beside(hash_file, files, workers) as hashed,
            replacing(order.out) as file,
            BlobFile(order.out) as blob_file,
            Spool(order.out) as spool,
        ):
            means = Means(
                profile=order.profile,
                spool=spool,
                workers=workers,
                index_memory=order.memory // _INDEX_SHARE,
                count=self._report,
            )
            operations = writer.store(blob_file, self._image_operations(means))
            self._report(self._blocks - self._done)
            procedures = []
            known = dict(zip(files, hashed(), strict=True))
            new = known[order.new_image]
            if order.kernel is not None:
                old_kernel = known[order.old_kernel] if order.old_kernel is not None else None
                procedures.append(self._kernel_procedure(blob_file, known[order.kernel], old_kernel))
            self._report(self._total - self._done)
            manifest = writer.assemble(operations, new, procedures, signatures_size)
            written = writer.write(file, manifest, blob_file)
        return BuiltPayload(
            path=order.out,
            size=written.size,
            signed_digest=written.signed_digest,
            signatures_size=signatures_size,
            metadata_size=written.metadata_size,
            operations=count_operations(manifest),
            blob_bytes=count_blob_bytes(manifest),
            new_image=new,
            old_image=known[order.old_image] if order.old_image is not None else None,
            kernel=known[order.kernel] if order.kernel is not None else None,
            profile=order.profile.name,
            unrepeatable=sum(not repeatable(operation) for operation in operations),
        )

    def _workers(self) -> int:
        """As many as asked for and as the memory is enough for."""
        order = self._order
        blocks = self._blocks + (len(self._old) if self._old is not None else 0)
        left = order.memory - _FIXED_MEMORY - blocks * _MEMORY_PER_BLOCK
        if left < similar.GROUP_MEMORY:
            least = order.memory - left + similar.GROUP_MEMORY
            raise InputError(
                f"memory: expected at least {least >> 20} MiB for images of {blocks} blocks, "
                f"found {order.memory >> 20} MiB"
            )
        return min(order.workers, left // similar.GROUP_MEMORY)

    def _report(self, blocks: int) -> None:
        # A block that lost its operation to another one while they were ordered was told of before.
        self._done = min(self._done + blocks, self._total)
        if self._progress is not None:
            self._progress(self._done, self._total)

    def _image_operations(self, means: Means) -> Iterable[Planned]:
        if means.profile.self_contained:
            return self._counted(packing.carry_front_to_back(self._new, means.workers))
        nothing: Blocks2D = self._new[:0]
        return delta.plan(self._old if self._old is not None else nothing, self._new, means)

    def _counted(self, planned: Iterable[Planned]) -> Iterable[Planned]:
        for item in planned:
            yield item
            self._report(item.blocks)

    def _kernel_procedure(self, blob_file: BlobFile, new: FileDigests, old: FileDigests | None) -> Procedure:
        order = self._order
        kernel = self._kernel
        if kernel is None:
            raise RuntimeError("there is no kernel to install")
        patch = self._kernel_patch(order.old_kernel, old, new) if order.old_kernel and old else None
        # Nothing at all (the same kernel) is smaller than anything.
        planned = list(packing.carry_front_to_back(kernel, order.workers)) if patch != [] else []
        smaller = patch is not None and sum(map(_weight, patch)) <= sum(map(_weight, planned))
        operations = writer.store(blob_file, patch if patch is not None and smaller else planned)
        return Procedure(
            type=ProcedureType.KERNEL,
            operations=tuple(operations),
            old_info=writer.to_info(old) if old is not None and smaller else None,
            new_info=writer.to_info(new),
        )

    def _kernel_patch(self, path: Path, old: FileDigests, new: FileDigests) -> list[Planned] | None:
        """Operations that need the old kernel in place; none if it is the same; ``None`` if no use."""
        if old.sha256 == new.sha256:
            return []
        kernel = self._kernel
        bsdiff_allowed = OperationType.BSDIFF in self._order.profile.operations
        if (
            kernel is None
            or not bsdiff_allowed
            or max(old.size, new.size) > _KERNEL_DIFF_LIMIT
            or not old.size
        ):
            return None
        patch = patching.make_patch(map_file(path), kernel)
        blocks = blocks_of(new.size, BLOCK_SIZE)
        operation = Operation(
            type=OperationType.BSDIFF,
            src_extents=(Extent(0, blocks_of(old.size, BLOCK_SIZE)),),
            src_length=old.size,
            dst_extents=(Extent(0, blocks),),
            dst_length=new.size,
        )
        return [Planned(operation, patch, blocks)]


def _weight(planned: Planned) -> int:
    return len(planned.data) + 64

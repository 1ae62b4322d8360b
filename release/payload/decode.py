"""What an operation writes, as far as that does not depend on the target: read, verified, unpacked.

Operations of a usual size are decoded at once, so that threads can do it before their turn; larger ones
are left to be streamed when their turn comes. The sizes that decide are those the manifest states.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

from release.payload import blobs, patch
from release.payload.extents import block_count
from release.payload.operations import OperationType
from release.payload.parallel import ordered_map
from release.payload.patch import Patch
from release.payload.reader import Payload
from release.payload.structure import Step

AT_ONCE = 48 << 20
"""Bytes per worker that decoding at once, and what waits for its turn, may take."""

Content = bytes | Patch | None
"""What REPLACE and REPLACE_BZ write; a BSDIFF's patch; ``None`` for what is too large to be held."""


def ahead(payload: Payload, steps: Iterable[Step], workers: int) -> Generator[Content, None, None]:
    """The content of each operation that carries data, in their order, decoded over ``workers`` threads.

    At most three operations and 48 MiB per worker are under way or wait to be taken. Close the iterator
    to stop early.

    Raises:
        PayloadFormatError: in an operation's turn; see ``decode``.
    """
    carriers = (step for step in steps if step.operation.data_length)
    return ordered_map(
        lambda step: decode(payload, step),
        carriers,
        workers,
        weigh=lambda step: _weight(payload, step),
        budget=AT_ONCE * workers,
    )


def decode(payload: Payload, step: Step) -> Content:
    """Read, verify and unpack the data of ``step``, unless they are too large to be held.

    Raises:
        PayloadFormatError: rules ``blob-hash``, ``blob-length``, ``bzip2``, ``patch``.
    """
    if not _weight(payload, step):
        return None
    operation = step.operation
    blob = payload.verified_blob(operation, step.where)
    if operation.type is OperationType.REPLACE:
        return blob
    if operation.type is OperationType.REPLACE_BZ:
        return b"".join(blobs.unpack([blob], _room(payload, step), step.where))
    return patch.unpack(blob, operation.dst_length or 0, step.where)


def stream(payload: Payload, step: Step) -> Iterator[bytes]:
    """What a REPLACE or REPLACE_BZ of any size writes, at most 1 MiB at a time, after verifying its hash.

    Raises:
        PayloadFormatError: rules ``blob-hash``, ``blob-length``, ``bzip2``.
    """
    payload.check_blob(step.operation, step.where)
    pieces = payload.blob_pieces(step.operation)
    if step.operation.type is OperationType.REPLACE:
        return pieces
    return blobs.unpack(pieces, _room(payload, step), step.where)


def read_patch(payload: Payload, step: Step) -> Patch:
    """The patch of a BSDIFF of any size, which unpacks while it is applied.

    Raises:
        PayloadFormatError: rules ``blob-hash`` and ``patch``.
    """
    size = step.operation.dst_length or 0
    patch.check_length(step.operation.data_length, size, step.where)
    return patch.read(payload.verified_blob(step.operation, step.where), size, step.where)


def check_data(payload: Payload, step: Step) -> None:
    """The data of one operation that carries some: their hash, and that they unpack to what fits.

    Raises:
        PayloadFormatError: rules ``blob-hash``, ``blob-length``, ``bzip2``, ``patch``.
    """
    content = decode(payload, step)
    if step.operation.type is OperationType.BSDIFF:
        patch.check(content if isinstance(content, Patch) else read_patch(payload, step))
    elif content is None:
        for _ in stream(payload, step):
            pass


def peak(payload: Payload, step: Step) -> int:
    """Bytes that ``check_data`` takes for ``step`` at most, beside a few MiB."""
    weight = _weight(payload, step)
    if weight or step.operation.type is not OperationType.BSDIFF:
        return weight
    return step.operation.data_length + 3 * patch.control_limit(step.operation.dst_length or 0)


def _weight(payload: Payload, step: Step) -> int:
    """Bytes that decoding at once takes and leaves; zero if that is more than is to be held."""
    operation = step.operation
    weight = operation.data_length
    if operation.type is OperationType.REPLACE_BZ:
        weight += 2 * _room(payload, step)
    elif operation.type is OperationType.BSDIFF:
        size = operation.dst_length or 0
        weight += 2 * size + 3 * patch.usual_control(size)
    return weight if weight <= AT_ONCE else 0


def _room(payload: Payload, step: Step) -> int:
    return block_count(step.operation.dst_extents) * payload.manifest.block_size

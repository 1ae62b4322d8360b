"""Hold a finished payload to the rules: all that can be known without applying it."""

from __future__ import annotations

from pathlib import Path

from release.payload import blobs, bsdiff, structure
from release.payload.extents import block_count
from release.payload.operations import OperationType
from release.payload.profile import Profile
from release.payload.reader import Payload, open_payload
from release.payload.rules import PayloadFormatError
from release.payload.structure import Step


def check_payload(path: Path | Payload, profile: Profile | None = None) -> None:
    """Check header, manifest, layout, every blob's hash and stream, and the Signatures message's form.

    Not checked: that signatures verify (no keys here), and that the result has the hash promised,
    which only applying shows.

    Args:
        path: the payload, or an open one.
        profile: the client to please; ``None`` for whatever the format allows.

    Raises:
        PayloadFormatError: naming the rule that is broken. Rules are listed in ``Rule``.
        InputError, UnavailableError: the file cannot be read.
    """
    with open_payload(path) as payload:
        check_manifest(payload, profile)
        try:
            for part in structure.parts(payload.manifest):
                for step in part.steps:
                    check_data(payload, step)
        except PayloadFormatError as error:
            raise error.at(payload.path) from error


def check_manifest(payload: Payload, profile: Profile | None) -> None:
    """The rules that need no blobs: structure, profile, and the form of the Signatures message."""
    try:
        structure.check_structure(payload.manifest, payload.layout, profile)
        _ = payload.signatures
    except PayloadFormatError as error:
        raise error.at(payload.path) from error


def check_data(payload: Payload, step: Step) -> None:
    """The blob of one operation: its hash, and that it decodes within its extents."""
    operation = step.operation
    payload.check_blob(operation, step.where)
    block_size = payload.manifest.block_size
    if operation.type is OperationType.REPLACE_BZ:
        limit = block_count(operation.dst_extents) * block_size
        for _ in blobs.unpack(payload.blob_pieces(operation), limit, step.where):
            pass
    elif operation.type is OperationType.BSDIFF:
        bsdiff.check(payload.blob(operation), operation.dst_length or 0, step.where)

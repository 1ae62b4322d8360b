"""Hold a finished payload to the rules: all that can be known without applying it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from release.payload import decode, structure
from release.payload.parallel import ordered_map
from release.payload.profile import Profile
from release.payload.reader import Payload, open_payload
from release.payload.rules import PayloadFormatError


def check_payload(path: Path | Payload, profile: Profile | None = None, *, workers: int = 1) -> None:
    """Check header, manifest, layout, every blob's hash and stream, and the Signatures message's form.

    Unpacks every blob. ``apply_payload`` and ``prove_payload`` check all of this as well: who calls one
    of them need not call this before.

    Not checked: that signatures verify (no keys here), that the result has the hash promised, which only
    applying shows, and data for procedures of a kind unknown, which clients step over.

    Args:
        path: the payload, or an open one.
        profile: the client to please; ``None`` for whatever the format allows.
        workers: threads that unpack.

    Raises:
        PayloadFormatError: naming the rule that is broken, the first in operation order. Rules are
            listed in ``Rule``.
        InputError, UnavailableError: the file cannot be read.
    """
    with open_payload(path) as payload:
        check_manifest(payload, profile)
        try:
            for part in structure.parts(payload.manifest):
                check_part(payload, part, workers)
        except PayloadFormatError as error:
            raise error.at(payload.path) from error


def check_manifest(payload: Payload, profile: Profile | None) -> None:
    """The rules that need no blobs: structure, profile, and the form of the Signatures message."""
    try:
        structure.check_structure(payload.manifest, payload.layout, profile)
        _ = payload.signatures
    except PayloadFormatError as error:
        raise error.at(payload.path) from error


def check_part(payload: Payload, part: structure.Part, workers: int) -> None:
    """The blobs of one part: each has its hash and decodes to what fits its operation."""
    checked = ordered_map(
        lambda step: decode.check_data(payload, step),
        (step for step in part.steps if step.operation.data_length),
        workers,
        weigh=lambda step: decode.peak(payload, step),
        budget=decode.AT_ONCE * workers,
    )
    with closing(checked):
        for _ in checked:
            pass

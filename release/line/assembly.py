"""Assembling: verified inputs and proven payloads become a staged, signed release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from release.bundle.assemble import (
    BoardInputs,
    BuiltPayload,
    ImageFile,
    describe_board,
    measure,
    stage,
)
from release.bundle.change import Change
from release.bundle.release import Measured, PayloadRecord, Release
from release.catalog.artifact import Artifact
from release.catalog.lineage import Lineage
from release.catalog.version import Version
from release.digests import Digest, hash_file
from release.errors import InputError, NotVerifiedError
from release.image.image_set import ImageSet
from release.image.packages import Package, major_software, read_packages
from release.line.proving import PlannedPayload, Target, is_proven
from release.line.workspace import BoardSpace, Workspace
from release.line.yard import Yard
from release.payload.reader import count_operations, open_payload
from release.signing.payload_signature import verify_payload
from release.signing.trusted_keys import PayloadKey


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPart:
    """One board's part of a candidate.

    ``artifacts`` are the image set's files as they were when their signatures were verified;
    ``target`` is what the payloads make of a machine's partition; ``payloads`` are those to ship.
    """

    image_set: ImageSet
    target: Target
    artifacts: Mapping[str, Artifact]
    payloads: tuple[PlannedPayload, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFacts:
    """What a release says besides its files."""

    version: Version
    channel: str
    created: datetime
    lineage: Lineage
    notes: str
    changes: tuple[Change, ...] = ()


def assemble(yard: Yard, space: Workspace, facts: ReleaseFacts, parts: Sequence[BoardPart]) -> Release:
    """Stage the release under ``space.staging`` and sign it. Safe to run twice.

    Raises:
        InputError: a file changed since it was verified, or software is in a board in two versions.
        NotVerifiedError: a payload was not proven.
    """
    keys = yard.payload_for(facts.channel).keys
    inputs = [_board_inputs(yard, keys, space.board(part.image_set.board), part) for part in parts]
    boards = sorted((describe_board(one) for one in inputs), key=lambda board: board.board)
    release = Release(
        product=yard.product,
        version=facts.version,
        channel=facts.channel,
        created=facts.created,
        lineage=facts.lineage,
        boards=tuple(boards),
        notes=facts.notes,
        software=_software(parts, yard),
        changes=facts.changes,
    )
    stage(release, inputs, space.staging, yard.file_signer, yard.naming)
    return release


def _board_inputs(yard: Yard, keys: Sequence[PayloadKey], space: BoardSpace, part: BoardPart) -> BoardInputs:
    image_set = part.image_set
    return BoardInputs(
        board=image_set.board,
        image=_measured(space.image, part.target.image),
        kernel=None
        if part.target.kernel is None
        else _measured(image_set.path(yard.naming.kernel), part.target.kernel),
        files=tuple(
            ImageFile(path=image_set.path(name), artifact=artifact)
            for name, artifact in part.artifacts.items()
        ),
        payloads=tuple(
            BuiltPayload(path=space.payload(plan.name), record=_record(keys, space, plan))
            for plan in part.payloads
        ),
    )


def _measured(path: Path, expected: Digest) -> Measured:
    measured = hash_file(path)
    if measured.sha256 != expected:
        raise InputError(
            f"{path}: changed since it was verified: expected {expected}, found {measured.sha256}",
            hint="remove the candidate's directory and build it anew",
        )
    return Measured.from_digests(measured)


def _record(keys: Sequence[PayloadKey], space: BoardSpace, plan: PlannedPayload) -> PayloadRecord:
    path = space.payload(plan.name)
    artifact = measure(path)
    if not is_proven(space, plan, artifact.sha256):
        raise NotVerifiedError(f"{path}: was not proven by applying it", hint="run the whole job again")
    slots = verify_payload(path, keys, plan.profile)
    with open_payload(path) as payload:
        return PayloadRecord(
            artifact=artifact,
            extension=plan.extension,
            source=plan.source,
            source_image=None if plan.origin is None else plan.origin.image,
            profile=plan.profile.name,
            metadata_size=payload.metadata_size,
            operations=count_operations(payload.manifest),
            signatures=tuple(slot.key.fingerprint for slot in slots if slot.key is not None),
            proven=True,
        )


def _software(parts: Sequence[BoardPart], yard: Yard) -> tuple[Package, ...]:
    """The software people ask for first, over all boards."""
    found = {
        Package(name, version)
        for part in parts
        for name, version in major_software(read_packages(part.image_set.path(yard.naming.packages))).items()
    }
    return tuple(sorted(found))

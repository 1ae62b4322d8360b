"""What a board's part of a candidate is made from: an image set, verified once and then held to that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from release.canonical import Json
from release.catalog.artifact import Artifact
from release.catalog.board import Board
from release.catalog.version import Version
from release.digests import Digest, FileDigests, hash_file
from release.errors import InputError, storage_errors
from release.image.image_set import ImageSet, read_image_set, verify_image_set
from release.image.packages import major_software, read_packages
from release.image.partition import filesystem_of, unpack_image
from release.line.workspace import BoardSpace, Workspace, read_record, write_record
from release.line.yard import Yard
from release.scratch import scratch_directory


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSources:
    """The image set of one board and what is known about it."""

    yard: Yard
    workspace: Workspace
    board: Board
    version: Version
    directory: Path

    @property
    def space(self) -> BoardSpace:
        """Where the board's work is."""
        return self.workspace.board(self.board)

    def image_set(self) -> ImageSet:
        """What is in the directory now."""
        return read_image_set(
            self.directory, board=self.board, naming=self.yard.naming, expected=self.version
        )

    def verify(self) -> str:
        """Check every signature, unless nothing changed since that was done.

        Raises:
            NotVerifiedError: a file is not signed by someone we trust.
            InputError: not the files the candidate was begun with, or none that payloads can be made of.
        """
        image_set = self.image_set()
        identity = _identity(image_set)
        record = read_record(self.space.inputs)
        if record is not None and record.get("identity") == identity:
            return f"{len(image_set.files)} files, verified before and unchanged"
        verified = verify_image_set(image_set, self.yard.image_signatures)
        files: dict[str, Json] = {file.name: _write_digests(file.digests) for file in verified}
        _ = major_software(read_packages(image_set.path(self.yard.naming.packages)))  # as assembling will
        _check_extensions(image_set, {file.name: file.digests.size for file in verified})
        made = self.space.image_record.is_file()  # something was made of what was verified before
        if made and record is not None and record.get("files") != files:
            raise InputError(
                f"{image_set.directory}: not the files that candidate {image_set.version} was begun with",
                hint=f"remove {self.workspace.root} to begin anew with these",
            )
        write_record(self.space.inputs, {"identity": identity, "files": files})
        signers = sorted({file.signed_by for file in verified})
        return f"{len(verified)} files signed by {', '.join(signers)}"

    def artifacts(self) -> dict[str, Artifact]:
        """Every file of the image set as it was when its signature was verified."""
        files = (read_record(self.space.inputs) or {}).get("files")
        if not isinstance(files, dict):
            raise InputError(f"{self.space.inputs}: nothing was verified", hint="run the whole job again")
        return {
            name: Artifact.from_digests(name, _read_digests(recorded, self.space.inputs))
            for name, recorded in files.items()
        }

    def extensions(self) -> tuple[Artifact, ...]:
        """The system extension images among them, by name."""
        found = self.artifacts()
        return tuple(found[name] for name in sorted(found) if self.yard.naming.is_extension(name))

    def unpack(self) -> str:
        """Put the raw partition into the workspace, unless it is there, from verified bytes."""
        packed = self.image_set().path(self.yard.naming.update_image)
        verified = self.artifacts()[packed.name].sha256
        image, record_path = self.space.image, self.space.image_record
        record = read_record(record_path)
        if image.is_file() and record is not None and record.get("packed") == str(verified):
            return f"{image.stat().st_size:,} bytes, unpacked before"
        if hash_file(packed).sha256 != verified:
            raise InputError(f"{packed}: changed since its signature was verified")
        with scratch_directory(self.space.root) as folder, storage_errors(image):
            measured = unpack_image(packed, folder / image.name)
            (folder / image.name).replace(image)
        write_record(record_path, {"raw": str(measured.sha256), "packed": str(verified)})
        return f"{measured.size:,} bytes, {filesystem_of(image) or 'no filesystem known here'}"


def _check_extensions(image_set: ImageSet, sizes: dict[str, int]) -> None:
    """Refuse at the beginning what could not be packed, or would be called like something else.

    Clients write an extension front to back and compare the whole file, so any size but zero will do.
    """
    naming = image_set.naming
    taken = {naming.full_payload: naming.update_image}
    for name in filter(naming.is_extension, image_set.files):
        if not sizes[name]:
            raise InputError(f"{image_set.path(name)}: expected a system extension, found an empty file")
        payload = naming.extension_payload(name)
        if payload in taken or payload.startswith(f"{naming.payload_stem}-from-"):
            other = taken.get(payload, "a delta")
            raise InputError(
                f"{image_set.path(name)}: its payload would be {payload}, as that of {other}",
                hint="rename it, or configure naming.extensions",
            )
        taken[payload] = name


def _write_digests(measured: FileDigests) -> dict[str, Json]:
    return {"size": measured.size, "digests": [str(digest) for digest in measured.digests]}


def _read_digests(recorded: Json, where: Path) -> FileDigests:
    if isinstance(recorded, dict):
        size, digests = recorded.get("size"), recorded.get("digests")
        if isinstance(size, int) and isinstance(digests, list):
            return FileDigests(size, tuple(Digest.parse(str(digest)) for digest in digests))
    raise InputError(f"{where}: not a record of verified files", hint="remove it and run the whole job again")


def _identity(image_set: ImageSet) -> str:
    """What changes when any input does: names, sizes, times and inodes, signatures included."""
    with storage_errors(image_set.directory):
        states = [(path.name, path.stat()) for path in sorted(image_set.directory.iterdir())]
    lines = (
        f"{name} {one.st_size} {one.st_mtime_ns} {one.st_ctime_ns} {one.st_ino} {one.st_dev}"
        for name, one in states
    )
    return str(Digest.sha256("\n".join(lines).encode()))

"""Building a candidate: image sets of one version become a signed, proven, staged release.

verify inputs -> unpack -> fetch sources -> build -> sign -> verify -> prove -> assemble. Nothing is
published; everything is under ``work/<version>`` and can be thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from release.bundle.document import digest as document_digest
from release.bundle.document import encode
from release.canonical import Json
from release.catalog.artifact import Artifact
from release.catalog.board import Board
from release.catalog.lineage import Lineage
from release.catalog.version import Version
from release.digests import Digest, FileDigests, hash_file
from release.errors import InputError, NotVerifiedError, storage_errors
from release.image.image_set import ImageSet, read_image_set, verify_image_set
from release.image.packages import major_software, read_packages
from release.image.partition import filesystem_of, unpack_image
from release.ledger.fields import format_time, parse_time
from release.line import sources
from release.line.assembly import BoardPart, ReleaseFacts, assemble
from release.line.notes import compose
from release.line.proving import PlannedPayload, Target, prove, verify
from release.line.steps import Job, Report, Step
from release.line.workspace import (
    BoardSpace,
    Workspace,
    read_record,
    read_text,
    write_file,
    write_record,
)
from release.line.yard import Yard
from release.payload.build import BuildOrder, build_payload
from release.scratch import scratch_directory
from release.signing.payload_signature import sign_payload


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateOrder:
    """What to build.

    Attributes:
        version: of the new release; the image sets must say the same.
        channel: the channel it is built for.
        image_sets: one directory for each board.
        sources: released versions that get a delta, besides the full payload.
        notes: Markdown; None composes them from the changelog fragments, once: later runs take
            ``notes.md`` of the workspace as it is.
        lineage: which release it derives from.
    """

    version: Version
    channel: str
    image_sets: Mapping[Board, Path]
    sources: tuple[Version, ...] = ()
    notes: str | None = None
    lineage: Lineage = field(default_factory=Lineage)

    def __post_init__(self) -> None:
        if not self.image_sets:
            raise InputError("candidate: expected at least one image set, found none")
        for source in self.sources:
            if source >= self.version:
                raise InputError(f"delta from {source}: machines go up only; the candidate is {self.version}")


def candidate_job(yard: Yard, order: CandidateOrder) -> Job:
    """The steps that build a candidate.

    Raises InputError at once when the order contradicts one that was begun for the same version, or
    asks for deltas that the profile cannot express.
    """
    if order.sources and not yard.payload.profile.deltas:
        raise InputError(f"profile {yard.payload.profile.name}: its clients cannot apply deltas")
    space = Workspace.of(yard.work, order.version)
    _record_order(yard, order, space)
    boards = tuple(sorted(order.image_sets))
    steps = [step for board in boards for step in _Board(yard, order, space, board).steps()]
    staging = Step("assemble", "assemble and sign the release", lambda _: _assemble(yard, order, space))
    return (*steps, staging)


def default_sources(yard: Yard, version: Version, channel: str) -> tuple[Version, ...]:
    """Deltas for an order that names none: as it was begun, else from the channel's current release."""
    begun = read_record(Workspace.of(yard.work, version).order)
    if begun is not None and isinstance(begun.get("sources"), list):
        return tuple(Version.parse(str(source)) for source in cast("list[Json]", begun["sources"]))
    head = yard.ledger.state().heads.get(channel)
    return (head.version,) if head is not None and head.version < version else ()


def _record_order(yard: Yard, order: CandidateOrder, space: Workspace) -> None:
    """Fix what is being built, and the time it was ordered, for all later runs of the same command."""
    wanted: dict[str, Json] = {
        "channel": order.channel,
        "boards": [str(board) for board in sorted(order.image_sets)],
        "sources": [str(source) for source in sorted(order.sources)],
        "notes": order.notes,
        "derives_from": str(order.lineage.derives_from) if order.lineage.derives_from else None,
        "profile": yard.payload.profile.name,
        "keys": [key.fingerprint for key in yard.payload.keys],
    }
    begun = read_record(space.order)
    if begun is None:
        _check_order(yard, order)
        notes = compose(yard, order.channel) if order.notes is None else order.notes
        write_file(space.notes, notes.encode())
        now = yard.clock().replace(microsecond=0)
        write_record(space.order, {**wanted, "ordered": format_time(now)})
        return
    changed = sorted(name for name, value in wanted.items() if begun.get(name) != value)
    if changed:
        raise InputError(
            f"{space.root}: candidate {order.version} was begun with other {', '.join(changed)}",
            hint=f"remove {space.root} to begin anew, or give the same options",
        )


def _check_order(yard: Yard, order: CandidateOrder) -> None:
    """Refuse now what could only be refused when everything is built."""
    state = yard.ledger.state()
    if order.channel not in state.channels:
        raise InputError(f"channel {order.channel!r}: expected one of {', '.join(state.channels)}")
    for source in order.sources:
        sources.registered_release(yard.store, state, source)


@dataclass(frozen=True, slots=True)
class _Board:
    """The steps of one board."""

    yard: Yard
    order: CandidateOrder
    workspace: Workspace
    board: Board

    @property
    def space(self) -> BoardSpace:
        return self.workspace.board(self.board)

    def payloads(self) -> Iterator[tuple[str, Version | None]]:
        """Names and sources: the full payload, then the deltas by version."""
        yield self.yard.naming.full_payload, None
        for source in sorted(self.order.sources):
            yield self.yard.naming.delta_payload(source), source

    def steps(self) -> Iterator[Step]:
        board = self.board
        yield Step(f"verify-inputs-{board}", f"{board}: verify the image set", lambda _: self.verify_inputs())
        yield Step(f"unpack-{board}", f"{board}: unpack the image", lambda _: self.unpack())
        yield from (self._fetch_step(source) for source in sorted(self.order.sources))
        yield from (self._build_step(name, source) for name, source in self.payloads())
        yield Step(f"sign-{board}", f"{board}: sign the payloads", lambda _: self.sign())
        yield Step(f"verify-{board}", f"{board}: verify the payloads", lambda _: self.verify())
        yield from (self._prove_step(name, source) for name, source in self.payloads())

    def _fetch_step(self, source: Version) -> Step:
        return Step(
            f"fetch-{source}-{self.board}",
            f"{self.board}: fetch the image of {source}",
            lambda _: sources.fetch(self.yard, self.space, self.board, source),
        )

    def _build_step(self, name: str, source: Version | None) -> Step:
        return Step(
            f"build-{_what(source)}-{self.board}",
            f"{self.board}: build the {_what(source)} payload",
            lambda report: self.build(name, source, report),
        )

    def _prove_step(self, name: str, source: Version | None) -> Step:
        return Step(
            f"prove-{_what(source)}-{self.board}",
            f"{self.board}: apply the {_what(source)} payload and compare",
            lambda _: prove(self.space, self.planned(name, source), self.yard.payload.profile),
        )

    def image_set(self) -> ImageSet:
        return read_image_set(
            self.order.image_sets[self.board],
            board=self.board,
            naming=self.yard.naming,
            expected=self.order.version,
        )

    def verify_inputs(self) -> str:
        image_set = self.image_set()
        identity = _identity(image_set)
        record = read_record(self.space.inputs)
        if record is not None and record.get("identity") == identity:
            return f"{len(image_set.files)} files, verified before and unchanged"
        verified = verify_image_set(image_set, self.yard.image_signatures)
        files: dict[str, Json] = {file.name: _write_digests(file.digests) for file in verified}
        _ = major_software(read_packages(image_set.path(self.yard.naming.packages)))  # as assembling will
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

    def unpack(self) -> str:
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

    def target(self) -> Target:
        """What every payload must make: the image as unpacked from verified bytes, the verified kernel.

        No kernel for clients that install none.
        """
        record = read_record(self.space.image_record) or {}
        kernel = self.artifacts()[self.yard.naming.kernel].sha256
        return Target(
            image=Digest.parse(str(record.get("raw"))),
            kernel=kernel if self.yard.payload.profile.procedures else None,
        )

    def planned(self, name: str, source: Version | None) -> PlannedPayload:
        """A payload with what it starts from, as registered, and what it makes, as verified."""
        origin = None if source is None else sources.origin_of(self.yard, self.board, source)
        return PlannedPayload(name=name, target=self.target(), source=source, origin=origin)

    def build(self, name: str, source: Version | None, report: Report) -> str:
        unsigned, signed = self.space.unsigned(name), self.space.payload(name)
        done = next((path for path in (signed, unsigned) if path.is_file()), None)
        if done is not None:
            return f"{done.stat().st_size:,} bytes, built before"
        with storage_errors(unsigned):
            unsigned.parent.mkdir(parents=True, exist_ok=True)
        tools, plan = self.yard.payload, self.planned(name, source)
        kernel = self.image_set().path(self.yard.naming.kernel)
        old_kernel = plan.origin is not None and plan.origin.kernel is not None
        order = BuildOrder(
            new_image=self.space.image,
            out=unsigned,
            old_image=None if source is None else self.space.source_image(source),
            kernel=None if plan.target.kernel is None else kernel,
            old_kernel=self.space.source_kernel(source) if source is not None and old_kernel else None,
            profile=tools.profile,
            signature_sizes=tuple(key.size for key in tools.keys),
            workers=tools.workers,
        )
        built = build_payload(order, progress=report)
        found = None if built.old_image is None else built.old_image.sha256
        if plan.origin is not None and found != plan.origin.image:
            unsigned.unlink()
            raise NotVerifiedError(
                f"{order.old_image}: changed since it was fetched", hint="run the same command again"
            )
        return f"{built.size:,} bytes, {sum(built.operations.values()):,} operations"

    def sign(self) -> str:
        names = [name for name, _ in self.payloads() if not self.space.payload(name).is_file()]
        signers = self.yard.payload.open_signers() if names else ()
        for name in names:
            unsigned, signed = self.space.unsigned(name), self.space.payload(name)
            sign_payload(unsigned, signers, self.yard.payload.keys)
            with storage_errors(signed):
                signed.parent.mkdir(parents=True, exist_ok=True)
                unsigned.replace(signed)
        return f"{len(self.yard.payload.keys)} signatures each, {len(names)} payloads signed now"

    def verify(self) -> str:
        names = [name for name, _ in self.payloads()]
        for name in names:
            verify(self.space.payload(name), self.yard.payload, self.target())
        return f"{len(names)} payloads verified with the trusted keys"

    def part(self) -> BoardPart:
        """What assembling needs to know of this board."""
        return BoardPart(
            image_set=self.image_set(),
            target=self.target(),
            artifacts=self.artifacts(),
            payloads=tuple(self.planned(name, source) for name, source in self.payloads()),
        )


def _what(source: Version | None) -> str:
    return "full" if source is None else f"delta-from-{source}"


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


def _assemble(yard: Yard, order: CandidateOrder, space: Workspace) -> str:
    begun = read_record(space.order) or {}
    facts = ReleaseFacts(
        version=order.version,
        channel=order.channel,
        created=parse_time(str(begun.get("ordered"))),
        lineage=order.lineage,
        notes=read_text(space.notes),
    )
    parts = [_Board(yard, order, space, board).part() for board in sorted(order.image_sets)]
    release = assemble(yard, space, facts, parts)
    return f"release {release.version}, digest {document_digest(encode(release))}"

"""Building a candidate: image sets of one version become a signed, proven, staged release.

verify inputs -> check notes -> unpack -> fetch sources -> build, for all boards; then sign, for all boards;
then verify -> prove, for all boards (``release.line.board_steps``); then assemble. So people with offline
keys are asked once, for everything. Nothing is published; everything is under ``work/<version>`` and can be
thrown away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from release.bundle.document import digest as document_digest
from release.bundle.document import encode
from release.canonical import Json
from release.catalog.board import Board
from release.catalog.lineage import Lineage
from release.catalog.version import Version
from release.errors import InputError
from release.ledger.fields import format_time, parse_time
from release.line import sources
from release.line.assembly import ReleaseFacts, assemble
from release.line.board_steps import BoardSteps
from release.line.ceremony import await_signatures
from release.line.history import imported_history
from release.line.inputs import BoardSources
from release.line.notes import compose, read_changes, write_changes
from release.line.signables import record_signables
from release.line.steps import Job, Step
from release.line.workspace import (
    Workspace,
    read_record,
    read_text,
    write_file,
    write_record,
)
from release.line.yard import PayloadTools, Yard
from release.pages.markdown import NOTES_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateOrder:
    """What to build.

    Attributes:
        version: of the new release; the image sets must say the same.
        channel: the channel it is built for.
        image_sets: one directory for each board.
        sources: released versions that get a delta, besides the full payload, if it pays: see
            ``release.line.worth``.
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
    tools = yard.payload_for(order.channel)
    if order.sources and not tools.profile.deltas:
        raise InputError(f"profile {tools.profile.name}: its clients cannot apply deltas")
    space = Workspace.of(yard.work, order.version)
    _record_order(yard, order, tools, space)
    boards = tuple(_boards(yard, order, tools, space))
    return (
        *(step for board in boards for step in board.build_steps()),
        Step("list-payloads", "list the payloads to sign", lambda _: _list(yard, order, space, boards)),
        Step(
            "await-signatures", "look for signatures by offline keys", lambda _: _await(yard, order, boards)
        ),
        *(board.sign_step() for board in boards),
        *(step for board in boards for step in board.proof_steps()),
        Step("assemble", "assemble and sign the release", lambda _: _assemble(yard, order, space, boards)),
    )


def default_sources(yard: Yard, version: Version, channel: str) -> tuple[Version, ...]:
    """Deltas for an order that names none: as it was begun, else from the channel's current release."""
    begun = read_record(Workspace.of(yard.work, version).order)
    if begun is not None and isinstance(begun.get("sources"), list):
        return tuple(Version.parse(str(source)) for source in cast("list[Json]", begun["sources"]))
    head = yard.ledger.state().heads.get(channel)
    return (head.version,) if head is not None and head.version < version else ()


def _record_order(yard: Yard, order: CandidateOrder, tools: PayloadTools, space: Workspace) -> None:
    """Fix what is being built, and the time it was ordered, for all later runs of the same command."""
    wanted: dict[str, Json] = {
        "channel": order.channel,
        "boards": [str(board) for board in sorted(order.image_sets)],
        "sources": [str(source) for source in sorted(order.sources)],
        "notes": order.notes,
        "derives_from": str(order.lineage.derives_from) if order.lineage.derives_from else None,
        "profile": tools.profile.name,
        "keys": [key.fingerprint for key in tools.keys],
        "delta_threshold": tools.delta_threshold,
    }
    begun = read_record(space.order)
    if begun is None:
        _check_order(yard, order)
        composed = compose(yard, order.channel, order.version, order.lineage, imported_history(yard.pages))
        write_file(space.notes, _checked(composed.notes if order.notes is None else order.notes).encode())
        write_changes(space, composed.changes)
        now = yard.clock().replace(microsecond=0)
        write_record(space.order, {**wanted, "ordered": format_time(now)})
        return
    # What a record does not have yet was of no influence when it was written.
    changed = sorted(name for name, value in wanted.items() if begun.get(name, value) != value)
    if changed:
        raise InputError(
            f"{space.root}: candidate {order.version} was begun with other {', '.join(changed)}",
            hint=f"remove {space.root} to begin anew, or give the same options",
        )


def _checked(notes: str) -> str:
    if len(notes) > NOTES_LIMIT:
        raise InputError(
            f"notes: expected at most {NOTES_LIMIT:,} characters, found {len(notes):,}",
            hint="remove fragments that were told before, name the history in [pages], or give --notes",
        )
    return notes


def _check_order(yard: Yard, order: CandidateOrder) -> None:
    """Refuse now what could only be refused when everything is built."""
    state = yard.ledger.state()
    if not state.knows(order.channel):
        raise InputError(f"channel {order.channel!r}: expected one of {', '.join(state.channels)}")
    for source in order.sources:
        sources.check_kept(state, source)
        sources.registered_release(yard.store, state, source)


def _boards(yard: Yard, order: CandidateOrder, tools: PayloadTools, space: Workspace) -> Iterator[BoardSteps]:
    for board, directory in sorted(order.image_sets.items()):
        inputs = BoardSources(
            yard=yard, workspace=space, board=board, version=order.version, directory=directory
        )
        yield BoardSteps(inputs=inputs, tools=tools, deltas_from=tuple(sorted(order.sources)))


def _list(yard: Yard, order: CandidateOrder, space: Workspace, boards: Iterable[BoardSteps]) -> str:
    shipped = {board.inputs.board: board.shipped() for board in boards}
    return record_signables(space, yard.product, order.channel, shipped)


def _await(yard: Yard, order: CandidateOrder, boards: Iterable[BoardSteps]) -> str:
    """Open no key, and ask nobody for a PIN, before it is sure that signing will not stop half way."""
    if not any(board.unsigned() for board in boards):
        return "everything is signed"
    return await_signatures(yard, order.version)


def _assemble(yard: Yard, order: CandidateOrder, space: Workspace, boards: Sequence[BoardSteps]) -> str:
    begun = read_record(space.order) or {}
    for board in boards:
        board.check_notes()  # again: people may have edited them since
    facts = ReleaseFacts(
        version=order.version,
        channel=order.channel,
        created=parse_time(str(begun.get("ordered"))),
        lineage=order.lineage,
        notes=read_text(space.notes),
        changes=read_changes(space),
    )
    release = assemble(yard, space, facts, [board.part() for board in boards])
    return f"release {release.version}, digest {document_digest(encode(release))}"

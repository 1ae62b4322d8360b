"""Promoting: a request that the gate lets through becomes a head in the ledger, then pointers.

Level-triggered: a run reads the ledger, does what is allowed now, and ends. The ledger is written
before any pointer moves, so that a pointer without a decision cannot exist; pointers that lag behind
the ledger are brought up by the next run.
"""

from __future__ import annotations

from collections.abc import Sequence

from release.bundle.layout import derived_files, shipped
from release.bundle.release import Release
from release.catalog.board import Board
from release.catalog.naming import image_prefix
from release.digests import Digest
from release.errors import NotVerifiedError
from release.ledger.state import Head, State
from release.line.pages import pages_job
from release.line.sources import registered_release
from release.line.steps import Job, Step
from release.line.yard import Yard
from release.mirror.pointers import move_channel_pointer, read_channel_pointer
from release.promotion.case import open_case
from release.promotion.proposals import move
from release.promotion.status import Phase, RequestStatus, status

_SIGNATURE_LIMIT = 64 << 10


def open_requests(yard: Yard, channel: str | None = None) -> tuple[RequestStatus, ...]:
    """Where every request stands that was not carried out, oldest first; for one channel or all."""
    state, policy, now = yard.ledger.state(), yard.policy(), yard.clock()
    found = (status(open_case(state, record.digest, policy, now)) for record in state.open_requests())
    return tuple(one for one in found if channel in {None, one.case.request.channel})


def promotion_job(yard: Yard, requests: Sequence[Digest]) -> Job:
    """The steps that carry out requests, one after the other, then align pointers and pages.

    Each gate is asked before anything is done for it, and again in the move itself. With no requests
    it still brings pointers and pages to what the ledger says.
    """
    steps = [step for request in requests for step in _request_steps(yard, request)]
    return (*steps, *pointer_job(yard), *pages_job(yard))


def _request_steps(yard: Yard, request: Digest) -> Job:
    name = request.hex[:12]
    return (
        Step(f"decide-{name}", "ask the gate", lambda _: _decide(yard, request)),
        Step(f"copy-{name}", "bring the files under the channel", lambda _: _copy(yard, request)),
        Step(f"move-{name}", "record the move in the ledger", lambda _: _move(yard, request)),
    )


def pointer_job(yard: Yard) -> Job:
    """The step that makes every pointer say what the ledger says. Runs alone, too."""
    return (Step("align-pointers", "move the channel pointers", lambda _: _align(yard)),)


def _decide(yard: Yard, request: Digest) -> str:
    found = status(open_case(yard.ledger.state(), request, yard.policy(), yard.clock()))
    if found.phase is not Phase.MOVED:
        move(request, policy=yard.policy(), now=yard.clock())(yard.ledger.state())  # raises when closed
    return found.summary


def _copy(yard: Yard, request: Digest) -> str:
    state = yard.ledger.state()
    subject = state.requests[request].subject
    release, _ = registered_release(yard.store, state, subject.version)
    if subject.channel == release.channel:
        return f"{release.version} was built for {subject.channel}: its files are there"
    return f"{copy_to_channel(yard, release, subject.channel)} files under {subject.channel}/"


def copy_to_channel(yard: Yard, release: Release, channel: str) -> int:
    """Bring the image files of a release, hash files and signatures with them, under another channel.

    Write-once like everything under a version; files that are there already stay. Returns how many
    files there are. Raises NotVerifiedError or ConflictError when bytes are not what they should be.
    """
    suffix = yard.naming.signature_suffix
    count = 0
    for item in shipped(release):
        if item.payload is not None:
            continue  # payloads are under update/, whatever the channel
        source = image_prefix(release.channel, item.board.board, release.version)
        target = image_prefix(channel, item.board.board, release.version)
        name = item.artifact.name
        yard.store.copy(source + name, target + name, sha256=item.artifact.sha256)
        derived = {key.removeprefix(source): data for key, data in derived_files(item, yard.naming).items()}
        for signed in (name, *derived):
            signature = signed + suffix
            derived[signature] = yard.store.read(source + signature, _SIGNATURE_LIMIT)
        for file, data in derived.items():
            yard.store.create(target + file, data, sha256=Digest.sha256(data))
        count += 1 + len(derived)
    return count


def _move(yard: Yard, request: Digest) -> str:
    now, policy = yard.clock(), yard.policy()
    state = yard.ledger.append(move(request, policy=policy, now=now), now=now)
    head = state.heads[state.requests[request].subject.channel]
    return f"{head.channel} is at {head.version}, generation {head.generation}"


def _align(yard: Yard) -> str:
    state = yard.ledger.state()
    moved: list[str] = []
    for head in state.heads.values():
        release, _ = registered_release(yard.store, state, head.version)
        if head.channel != release.channel:
            copy_to_channel(yard, release, head.channel)
        moved.extend(
            f"{head.channel}/{board.board} to {head.version}"
            for board in release.boards
            if _align_one(yard, state, release, head, board.board)
        )
    return "moved " + ", ".join(moved) if moved else "all pointers agree with the ledger"


def _align_one(yard: Yard, state: State, release: Release, head: Head, board: Board) -> bool:
    """Move one pointer to the channel's head. Returns whether it moved.

    Raises NotVerifiedError when it is at a version that the channel's history does not know.
    """
    pointer = read_channel_pointer(yard.store, head.channel, board, naming=yard.naming)
    at = None if pointer is None else pointer.version
    known = {one.version for one in state.history if one.channel == head.channel}
    if at is not None and at not in known:
        raise NotVerifiedError(
            f"{head.channel}/{board}: the pointer is at {at}, which no decision in the ledger backs",
            hint="somebody moved it by hand; find out who, put it back, then run this again",
        )
    text = _version_text(yard, release, head.channel, board)
    return move_channel_pointer(
        yard.store, head.channel, board, expected=at, text=text, naming=yard.naming
    ).moved


def _version_text(yard: Yard, release: Release, channel: str, board: Board) -> bytes:
    """The release's own ``version.txt``, checked against ``release.json``."""
    name = yard.naming.version_file
    data = yard.store.read(image_prefix(channel, board, release.version) + name)
    recorded = {artifact.name: artifact.sha256 for artifact in release.board(board).files}
    if Digest.sha256(data) != recorded.get(name):
        raise NotVerifiedError(f"{channel}/{board}/{release.version}/{name}: not what release.json records")
    return data

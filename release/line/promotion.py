"""Promoting: a request that the gate lets through becomes a head in the ledger, then pointers.

Level-triggered: a run reads the ledger, does what is allowed now, and ends. The ledger is written
before any pointer moves, so that a pointer without a decision cannot exist; pointers that lag behind
the ledger are brought up by the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from release.bundle.layout import derived_files, shipped
from release.bundle.release import Release
from release.catalog.board import Board
from release.catalog.naming import image_prefix
from release.digests import Digest
from release.errors import HumpyardError, NotVerifiedError, RefusedError
from release.ledger.state import Head
from release.ledger.statements import PromotionSubject
from release.line.channel_documents import channels_job
from release.line.checking import verify_on
from release.line.evidence import evidence_for
from release.line.head import head_job, sign_head
from release.line.mirror_files import SIGNATURE_LIMIT
from release.line.mirror_jobs import heads_job, promoted_job
from release.line.mirror_pages import mirror_pages_job
from release.line.mirror_show import show_job
from release.line.mirror_wishes import Place
from release.line.mirrors import Behind
from release.line.nebraska import nebraska_job
from release.line.pages import pages_job
from release.line.requests import ask_gate, carry_out_request, open_requests, request_status
from release.line.sources import registered_release
from release.line.steps import Job, Step, at_last, held_back
from release.line.succession import check_succession
from release.line.yard import Yard
from release.mirror.plan import Wanted
from release.mirror.pointers import ChannelPointer, move_channel_pointer, read_channel_pointer
from release.mirror.sync import verify_objects
from release.promotion.proposals import GateClosedError
from release.promotion.status import Phase


def request_job(yard: Yard, request: Digest) -> Job:
    """The steps that carry out one request. Its gate is asked before anything is done, and at the end."""
    subject = yard.ledger.state().requests[request].subject
    if isinstance(subject, PromotionSubject):
        return _promotion_job(yard, request, subject)
    name = request.hex[:12]
    return (
        Step(f"decide-{name}", "ask the gate", lambda _: ask_gate(yard, request)),
        Step(f"record-{name}", "record the decision in the ledger", lambda _: _record(yard, request)),
    )


def _promotion_job(yard: Yard, request: Digest, asked: PromotionSubject) -> Job:
    """Bytes first, then mirrors, then the ledger, then pointers, then the head that vouches for them."""
    name = request.hex[:12]
    place, behind = Place(channel=asked.channel, version=asked.version), list[Behind]()
    return (
        Step(f"decide-{name}", "ask the gate", lambda _: ask_gate(yard, request)),
        Step(f"verify-{name}", "verify the release on the mirror", lambda _: _verify(yard, asked)),
        Step(f"copy-{name}", "bring the files under the channel", lambda _: _copy(yard, asked)),
        *promoted_job(yard, name, place, behind),
        Step(f"move-{name}", "record the move in the ledger", lambda _: _move(yard, request, asked, behind)),
        Step(f"point-{name}", "move the channel pointers", lambda _: _align(yard)),
        Step(f"head-{name}", "sign the mirror's head", lambda _: sign_head(yard)),
    )


def closing_job(yard: Yard) -> Job:
    """The steps that bring pointers, mirrors, head and pages to what the ledger says. Runs alone, too.

    Mirrors are brought what they lack before the head is signed, since that is recorded in the ledger.
    Update servers are told, and pages rendered, when the mirrors show the rest. A Nebraska that cannot be
    told stops no pages; the last step says so again, and fails.
    """
    told, failures = nebraska_job(yard), list[HumpyardError]()
    return (
        *pointer_job(yard),
        *heads_job(yard),
        *head_job(yard),
        *channels_job(yard),
        *show_job(yard),
        *held_back(told, failures),
        *pages_job(yard),
        *mirror_pages_job(yard),
        *((at_last("nebraska-told", "look whether Nebraska was told", failures),) if told else ()),
    )


def pointer_job(yard: Yard) -> Job:
    """The step that makes every pointer say what the ledger says."""
    return (Step("align-pointers", "compare the channel pointers", lambda _: _align(yard)),)


@dataclass(slots=True)
class Round:
    """What became of the open requests in one round: lines of steps, and why some were refused."""

    lines: list[str] = field(default_factory=list)
    refused: dict[Digest, str] = field(default_factory=dict)


def run_round(yard: Yard, run: Callable[[Job], Sequence[str]], channel: str | None = None) -> Round:
    """Carry out what the gate allows now, one request after the other; then close.

    A request that is refused, voided by the one before it, or whose release does not verify any more,
    stops nothing else. ``run`` runs a job: under a display, or as tasks. What may work later passes
    through; the next round goes on. What can be found out about a release for its gate is found first.
    """
    result = Round()
    for one in open_requests(yard, channel):
        if one.phase is Phase.VOID:
            continue
        request = one.case.digest
        try:
            result.lines += run(evidence_for(yard, request))
            now = request_status(yard, request)
            if now.phase is Phase.READY:
                result.lines += run(request_job(yard, request))
            elif now.phase is not Phase.CARRIED_OUT:
                result.refused[request] = now.summary
        except RefusedError as error:
            result.refused[request] = error.message
    result.lines += run(closing_job(yard))
    return result


def _verify(yard: Yard, asked: PromotionSubject) -> str:
    """A release is verified again before a channel offers it: the mirror may have changed since.

    So is that the channel's machines hold a key that signed it.
    """
    report = verify_on(yard, yard.store, asked.version, channel=asked.channel)
    release, _ = registered_release(yard.store, yard.ledger.state(), asked.version)
    check_succession(yard, release, asked.channel)
    return f"{len(report.steps)} checks passed"


def _copy(yard: Yard, asked: PromotionSubject) -> str:
    release, _ = registered_release(yard.store, yard.ledger.state(), asked.version)
    if asked.channel == release.channel:
        return f"{release.version} was built for {asked.channel}: its files are there"
    return f"{copy_to_channel(yard, release, asked.channel)} files under {asked.channel}/"


def copy_to_channel(yard: Yard, release: Release, channel: str) -> int:
    """Bring the image files of a release, hash files and signatures with them, under another channel.

    Write-once like everything under a version; files that are there already stay. Every file is read
    back. Returns how many there are. Raises NotVerifiedError or ConflictError when bytes are not what
    they should be.
    """
    suffix = yard.naming.signature_suffix
    wanted: list[Wanted] = []
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
            derived[signature] = yard.store.read(source + signature, SIGNATURE_LIMIT)
        wanted.append(Wanted(key=target + name, size=item.artifact.size, sha256=item.artifact.sha256))
        for file, data in derived.items():
            yard.store.create(target + file, data, sha256=Digest.sha256(data))
            wanted.append(Wanted(key=target + file, size=len(data), sha256=Digest.sha256(data)))
    verify_objects(yard.store, wanted)
    return len(wanted)


def _move(yard: Yard, request: Digest, asked: PromotionSubject, behind: Sequence[Behind]) -> str:
    try:
        carry_out_request(yard, request)
    except GateClosedError as error:
        why = "".join(f"\n  {one}" for one in behind)
        raise GateClosedError(error.message + why, error.decision, hint=error.hint) from error
    head = yard.ledger.state().heads[asked.channel]
    return f"{head.channel} is at {head.version}, generation {head.generation}"


def _record(yard: Yard, request: Digest) -> str:
    carry_out_request(yard, request)
    return request_status(yard, request).summary


def _align(yard: Yard) -> str:
    """A release that was withdrawn before its pointer moved is led to by no new one."""
    state = yard.ledger.state()
    heads = [head for head in state.heads.values() if state.withdrawal(head.version) is None]
    moved = [f"{head.channel}/{board}" for head in heads for board in _align_head(yard, head)]
    return "moved " + ", ".join(moved) if moved else "all pointers agree with the ledger"


def _align_head(yard: Yard, head: Head) -> list[Board]:
    """Bring the pointers of one channel to its head; returns the boards whose pointer moved."""
    release, _ = registered_release(yard.store, yard.ledger.state(), head.version)
    moved = []
    for board in (one.board for one in release.boards):
        pointer = read_channel_pointer(yard.store, head.channel, board, naming=yard.naming)
        text = _version_text(yard, release, board)
        if pointer is not None and pointer.text == text:
            continue
        if not _is_backed(yard, head, pointer):
            continue  # another pipeline went further while we looked
        if head.channel != release.channel:
            copy_to_channel(yard, release, head.channel)
        at = None if pointer is None else pointer.version
        move_channel_pointer(yard.store, head.channel, board, expected=at, text=text, naming=yard.naming)
        moved.append(board)
    return moved


def _is_backed(yard: Yard, head: Head, pointer: ChannelPointer | None) -> bool:
    """Whether a pointer may be moved on to ``head``: it is unset, or where the channel was before.

    False when the ledger meanwhile has a newer head for the channel.

    Raises:
        NotVerifiedError: it is at a version that no decision in the ledger backs.
    """
    state = yard.ledger.state()  # read after the pointer: whoever moved it wrote the ledger first
    if state.heads[head.channel] != head:
        return False
    known = {one.version for one in state.history if one.channel == head.channel}
    if pointer is None or pointer.version in known:
        return True
    raise NotVerifiedError(
        f"{head.channel}: the pointer is at {pointer.version}, which no decision in the ledger backs",
        hint="somebody moved it by hand; find out who, put it back, then run this again",
    )


def _version_text(yard: Yard, release: Release, board: Board) -> bytes:
    """The release's own ``version.txt``, checked against ``release.json``."""
    name = yard.naming.version_file
    key = image_prefix(release.channel, board, release.version) + name
    data = yard.store.read(key)
    recorded = {artifact.name: artifact.sha256 for artifact in release.board(board).files}
    if Digest.sha256(data) != recorded.get(name):
        raise NotVerifiedError(f"{key}: not what release.json records")
    return data

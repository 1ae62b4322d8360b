"""What an entry of the ledger says, in a few words for people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from release.errors import InputError
from release.ledger.entries import Entry
from release.ledger.kinds import (
    Content,
    EvidenceFound,
    Genesis,
    IssueTold,
    MirrorVerified,
    NotesRevised,
    PointerMoved,
    PolicyChanged,
    ReleaseCollected,
    ReleaseRegistered,
    RequestMade,
    RolloutHalted,
    SignOffGiven,
    StopLifted,
    StopOrdered,
    WaiverGiven,
    read_content,
)
from release.ledger.statements import (
    PolicySubject,
    PromotionSubject,
    issue_subject,
    request_subject,
    revision_subject,
    sign_off_subject,
    statement_digest,
    stop_subject,
)
from release.promotion.known_issue import read_issue
from release.promotion.request import read_request
from release.promotion.revision import read_revision
from release.promotion.sign_off import read_sign_off
from release.promotion.waiver import read_waiver


def tell(entry: Entry) -> str:
    """One line about an entry that was verified, and so can be read."""
    content = read_content(entry.kind, entry.data, f"entry {entry.sequence}")
    return _WORDS[type(content)](content)


def _genesis(content: Genesis) -> str:
    return f"{content.product}, policy {content.policy.hex[:12]}"


def _release(content: ReleaseRegistered) -> str:
    history = f", was in {', '.join(content.offered_in)}" if content.offered_in else ""
    origin = f", derives from {content.derives_from}" if content.derives_from else ""
    return f"{content.version} ({content.release.hex[:12]}) built for {content.built_for}{origin}{history}"


def _request(content: RequestMade) -> str:
    name = statement_digest(content.statement).hex[:12]
    asked = request_subject(content.statement, "request")
    if isinstance(asked, PromotionSubject):
        return f"{name}: {asked.channel} to {asked.version}{_hurry(content.statement)}"
    if isinstance(asked, PolicySubject):
        return f"{name}: policy to {asked.proposed.hex[:12]}"
    return f"{name}: lift stop {asked.stop.hex[:12]}"


def _hurry(statement: str) -> str:
    try:
        asked = read_request(statement)
    except InputError as error:
        return f", cannot be read: {error.message}"
    return f", in a HURRY ({', '.join(asked.hurry)}): {asked.reason}" if asked.hurry else ""


def _sign_off(content: SignOffGiven) -> str:
    try:
        given = read_sign_off(content.statement)
    except InputError as error:
        request = sign_off_subject(content.statement, "sign-off").request
        return f"to {request.hex[:12]}, cannot be read: {error.message}"
    reason = f": {given.reason}" if given.reason else ""
    return f"{given.verdict} to {given.request.hex[:12]} as {given.role}{reason}"


def _waiver(content: WaiverGiven) -> str:
    try:
        given = read_waiver(content.statement)
    except InputError as error:
        return f"cannot be read, waives nothing: {error.message}"
    return f"{given.evidence} of {given.release.hex[:12]}: {', '.join(given.items)}: {given.reason}"


def _stop(content: StopOrdered) -> str:
    stopped = stop_subject(content.statement, "stop")
    return f"{statement_digest(content.statement).hex[:12]}: {str(stopped).upper()}: {stopped.reason}"


def _evidence(content: EvidenceFound) -> str:
    against = f" against {content.against}" if content.against else ""
    outcome = "passed" if content.passed else "FAILED"
    return f"{content.name} of {content.release.hex[:12]}{against} {outcome}: {content.detail}"


def _pointer(content: PointerMoved) -> str:
    return f"{content.channel} from {content.from_version or 'nothing'} to {content.version}"


def _policy(content: PolicyChanged) -> str:
    return f"policy {content.policy.hex[:12]} in force in the place of {content.previous.hex[:12]}"


def _lift(content: StopLifted) -> str:
    return f"stop {content.stop.hex[:12]} lifted"


def _mirror(content: MirrorVerified) -> str:
    outcome = "has" if content.passed else "DOES NOT HAVE"
    detail = f": {content.detail}" if content.detail else ""
    return f"{content.mirror} {outcome} {content.version} of {content.channel}{detail}"


def _halt(content: RolloutHalted) -> str:
    return f"HALT {content.version} in {content.channel}: {content.reason}"


def _collected(content: ReleaseCollected) -> str:
    return f"{content.version}, {content.files} files of {content.size:,} bytes may go: {content.reason}"


def _revision(content: NotesRevised) -> str:
    subject = revision_subject(content.statement, "correction")
    what = f"notes of {subject.version} to {subject.notes.hex[:12]}"
    try:
        return f"{what}: {read_revision(content.statement).summary}"
    except InputError as error:
        return f"{what}, cannot be read, corrects nothing: {error.message}"


def _issue(content: IssueTold) -> str:
    try:
        told = read_issue(content.statement)
    except InputError as error:
        name = issue_subject(content.statement, "known issue").name
        return f"{name}, cannot be read, tells nothing: {error.message}"
    return f"{told.name} {told.state}: {told.title}"


_WORDS: Mapping[type[Content], Callable[[Any], str]] = {
    Genesis: _genesis,
    ReleaseRegistered: _release,
    RequestMade: _request,
    SignOffGiven: _sign_off,
    WaiverGiven: _waiver,
    StopOrdered: _stop,
    EvidenceFound: _evidence,
    PointerMoved: _pointer,
    PolicyChanged: _policy,
    StopLifted: _lift,
    MirrorVerified: _mirror,
    RolloutHalted: _halt,
    ReleaseCollected: _collected,
    NotesRevised: _revision,
    IssueTold: _issue,
}

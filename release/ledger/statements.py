"""Statements: documents that people sign with their own keys, and what the ledger must know of them.

A statement is canonical JSON whose ``statement`` field says what it is for, so that a signature over
anything else (an entry, a release document, a mail) can never pass for one. Its digest is the SHA-256
of its bytes as signed; nothing is re-encoded to be checked. The full documents are read by
``release.promotion``; here only the fields that bind them to each other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, with_config

from release import canonical
from release.canonical import Json
from release.digests import Digest
from release.errors import InputError
from release.ledger.fields import ChannelName, Count, Prose, Reader, Sha256, VersionText, Word

REQUEST = "humpyard-request-1"
POLICY_REQUEST = "humpyard-policy-request-1"
RESUME_REQUEST = "humpyard-resume-request-1"
SIGN_OFF = "humpyard-sign-off-1"
WAIVER = "humpyard-waiver-1"
STOP = "humpyard-stop-1"
REVISION = "humpyard-revision-1"
KNOWN_ISSUE = "humpyard-known-issue-1"

STATEMENT_LIMIT = 65536
"""Bytes. The longest statement anybody reads before signing is far below."""


def statement_digest(text: str) -> Digest:
    """What names a statement: the SHA-256 of its UTF-8 bytes."""
    return Digest.sha256(text.encode())


def write_statement(purpose: str, fields: Mapping[str, Json]) -> str:
    """The canonical text of a statement, ready to be signed. Raises InputError when it is too long."""
    data = canonical.dump({"statement": purpose, **fields})
    if len(data) > STATEMENT_LIMIT:
        raise InputError(f"statement: expected at most {STATEMENT_LIMIT} bytes, found {len(data)}")
    return data.decode()


def read_statement(text: str, purpose: str, where: str) -> dict[str, Json]:
    """The fields of a statement, without its purpose.

    Raises:
        InputError: not JSON, too long, or written for another purpose.
    """
    return _read(text, (purpose,), where)[1]


def _read(text: str, purposes: Collection[str], where: str) -> tuple[str, dict[str, Json]]:
    fields = canonical.load(text.encode(), where, STATEMENT_LIMIT)
    found = fields.pop("statement", None)
    if not isinstance(found, str) or found not in purposes:
        wanted = " or ".join(repr(purpose) for purpose in purposes)
        raise InputError(f"{where}: expected a statement of purpose {wanted}, found {found!r}")
    return found, fields


@with_config(extra="ignore")
@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionSubject:
    """Asks that a channel move. ``generation`` is the channel's when it was asked, 0 for no head.

    ``policy`` and ``policy_entry``, in every kind of request: see ``Subject``.
    """

    channel: ChannelName
    version: VersionText
    release: Sha256
    policy: Sha256
    policy_entry: Sha256
    generation: Annotated[Count, Field(ge=0)]


@with_config(extra="ignore")
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySubject:
    """Asks that the policy of digest ``proposed`` take the place of ``policy``."""

    policy: Sha256
    policy_entry: Sha256
    proposed: Sha256


@with_config(extra="ignore")
@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeSubject:
    """Asks that the stop of digest ``stop`` be lifted."""

    policy: Sha256
    policy_entry: Sha256
    stop: Sha256


Subject = PromotionSubject | PolicySubject | ResumeSubject
"""What a request asks for. ``policy`` is the one under which it was asked, ``policy_entry`` the digest of the
entry that put it in force: so a request is for this ledger and no other, and once the policy has changed it
is void, even when the same policy comes back."""


class StopAction(StrEnum):
    """What one person may do at once."""

    PAUSE = "pause"
    """The rollout of one release in one channel: machines are not offered it."""
    FREEZE = "freeze"
    """One channel: it does not move. Machines are still offered what it is at."""
    WITHDRAW = "withdraw"
    """One release: no channel offers it, and none may move to it."""


@with_config(extra="ignore")
@dataclass(frozen=True, slots=True, kw_only=True)
class StopSubject:
    """What a stop stops: a channel, a release, or one in the other. The rest of the fields are None."""

    action: StopAction
    channel: ChannelName | None = None
    version: VersionText | None = None
    release: Sha256 | None = None
    reason: Prose
    advice: Prose = ""
    """What those who have the release shall do."""

    def __post_init__(self) -> None:
        named = (self.channel is not None, self.version is not None, self.release is not None)
        expected = _STOP_NAMES[self.action]
        if named != expected:
            raise InputError(f"a {self.action} names {_STOP_WORDS[self.action]}, and nothing else")

    def __str__(self) -> str:
        parts = {
            StopAction.PAUSE: f"pause {self.version} in {self.channel}",
            StopAction.FREEZE: f"freeze {self.channel}",
            StopAction.WITHDRAW: f"withdraw {self.version}",
        }
        return parts[self.action]


_STOP_NAMES = {
    StopAction.PAUSE: (True, True, True),
    StopAction.FREEZE: (True, False, False),
    StopAction.WITHDRAW: (False, True, True),
}
_STOP_WORDS = {
    StopAction.PAUSE: "a channel, a version and its release digest",
    StopAction.FREEZE: "a channel",
    StopAction.WITHDRAW: "a version and its release digest",
}


@with_config(extra="ignore")
@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffSubject:
    """Which request a sign-off is about."""

    request: Sha256


@with_config(extra="ignore")
@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverSubject:
    """Which release a waiver is about."""

    release: Sha256


@with_config(extra="ignore")
@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionSubject:
    """Which notes a correction takes the place of: ``previous`` and ``notes`` are digests of whole texts.

    Who corrects names what they corrected, so that nobody's words are overwritten unseen.
    """

    version: VersionText
    release: Sha256
    previous: Sha256
    notes: Sha256


@with_config(extra="ignore")
@dataclass(frozen=True, slots=True, kw_only=True)
class IssueSubject:
    """Which known issue is told of. ``previous`` names the statement before, None for the first."""

    name: Word
    previous: Sha256 | None


_SUBJECTS: Mapping[str, Reader[Any]] = {
    REQUEST: Reader(PromotionSubject),
    POLICY_REQUEST: Reader(PolicySubject),
    RESUME_REQUEST: Reader(ResumeSubject),
}
_SIGN_OFF = Reader(SignOffSubject)
_WAIVER = Reader(WaiverSubject)
_STOP = Reader(StopSubject)
_REVISION = Reader(RevisionSubject)
_ISSUE = Reader(IssueSubject)


def request_subject(text: str, where: str) -> Subject:
    """What the request asks for. Raises InputError when it is not a request."""
    purpose, fields = _read(text, _SUBJECTS, where)
    subject: Subject = _SUBJECTS[purpose].read(fields, where)
    return subject


def sign_off_subject(text: str, where: str) -> SignOffSubject:
    """Which request the sign-off is about. Raises InputError when it is not a sign-off."""
    return _SIGN_OFF.read(read_statement(text, SIGN_OFF, where), where)


def waiver_subject(text: str, where: str) -> WaiverSubject:
    """Which release the waiver is about. Raises InputError when it is not a waiver."""
    return _WAIVER.read(read_statement(text, WAIVER, where), where)


def stop_subject(text: str, where: str) -> StopSubject:
    """What the stop stops. Raises InputError when it is not a stop."""
    return _STOP.read(read_statement(text, STOP, where), where)


def revision_subject(text: str, where: str) -> RevisionSubject:
    """Which notes the correction is about. Raises InputError when it is not a correction."""
    return _REVISION.read(read_statement(text, REVISION, where), where)


def issue_subject(text: str, where: str) -> IssueSubject:
    """Which known issue is told of. Raises InputError when the statement tells of none."""
    return _ISSUE.read(read_statement(text, KNOWN_ISSUE, where), where)

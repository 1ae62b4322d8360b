"""A case: one request with everything the gate looks at. The gate decides cases and nothing else.

The ledger reads of a statement only what binds it to others; a newer humpyard, or somebody's own
program, may have recorded one with fields that this one does not know. Such a request can never go
through, and stops no other. Such a sign-off by a person of the policy counts as their no-go: nobody
can say that it was none, and unlike a void request its author can mend it by saying go anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from release.digests import Digest
from release.errors import InputError
from release.ledger.kinds import ReleaseRegistered
from release.ledger.state import RequestRecord, SignOffRecord, State, StopRecord
from release.ledger.statements import PolicySubject, PromotionSubject, Subject
from release.promotion.governance import (
    PolicyRequest,
    ResumeRequest,
    read_policy_request,
    read_resume_request,
)
from release.promotion.policy import Edge, Policy, Terms
from release.promotion.request import PromotionRequest, read_request
from release.promotion.sign_off import SignOff, read_sign_off

Request = PromotionRequest | PolicyRequest | ResumeRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenSignOff:
    """A sign-off and who signed it. ``sequence`` orders what the ledger recorded."""

    sign_off: SignOff
    signer: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableSignOff:
    """A recorded sign-off that this program cannot read; ``reason`` says why."""

    reason: str
    signer: str
    sequence: int
    recorded: datetime
    """When it was recorded; it was made before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableCase:
    """A recorded request that this program cannot read: the gate stays closed, whatever was said to it."""

    digest: Digest
    subject: Subject
    """As much as the ledger knows of it."""
    signer: str
    carried_out: bool
    reason: str
    """Why it cannot be read, one printable line."""

    @property
    def title(self) -> str:
        """What is asked for, as far as that is known."""
        if isinstance(self.subject, PromotionSubject):
            return f"{self.subject.channel} to {self.subject.version}"
        if isinstance(self.subject, PolicySubject):
            return f"policy to {self.subject.proposed.hex[:12]}"
        return f"lift stop {self.subject.stop.hex[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request, who signed it, what was said to it, and the world at ``now`` (aware, UTC)."""

    digest: Digest
    """SHA-256 of the request's statement as it was signed."""
    request: Request
    subject: Subject
    signer: str
    carried_out: bool
    sign_offs: tuple[GivenSignOff, ...]
    policy: Policy
    state: State
    now: datetime
    unreadable: tuple[UnreadableSignOff, ...] = ()
    """Sign-offs that were recorded and cannot be read."""

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("a case needs a time with a time zone")

    @property
    def title(self) -> str:
        """What is asked for, in a few words."""
        return self.request.title

    @property
    def terms(self) -> Terms | None:
        """What it needs from people; None when the policy has no rules for it."""
        raise NotImplementedError

    @property
    def interested(self) -> frozenset[str]:
        """Keys of those whose go does not count: who asked, and the pipeline itself."""
        return frozenset({self.request.requested_by, self.signer, *self.state.pipeline_keys})


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionCase(Case):
    """Shall a channel move?"""

    request: PromotionRequest

    @property
    def edge(self) -> Edge | None:
        """The rules of the channel asked for, None when there are none."""
        return self.policy.edge(self.request.channel)

    @property
    def terms(self) -> Terms | None:
        """The channel's."""
        return None if self.edge is None else self.edge.terms

    @property
    def release(self) -> ReleaseRegistered | None:
        """The release asked for, None unless it is registered with this very digest."""
        found = self.state.releases.get(self.request.version)
        return found if found is not None and found.release == self.request.release else None

    @property
    def opened(self) -> bool:
        """Whether the channel is a stream that has a release already."""
        edge = self.edge
        return edge is not None and edge.streams is not None and self.request.channel in self.state.heads

    @property
    def interested(self) -> frozenset[str]:
        """Keys of those whose go does not count: who asked, who built, and the pipeline itself."""
        keys = {self.request.requested_by, self.signer, *self.state.pipeline_keys}
        if self.release is not None and self.release.built_by is not None:
            keys.add(self.release.built_by)
        return frozenset(keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCase(Case):
    """Shall the policy change? ``proposed`` is None when it could not be read."""

    request: PolicyRequest
    proposed: Policy | None = None

    @property
    def terms(self) -> Terms | None:
        """The governance quorum of the policy in force."""
        return self.policy.governance


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeCase(Case):
    """Shall a stop be lifted?"""

    request: ResumeRequest

    @property
    def terms(self) -> Terms | None:
        """The resume quorum."""
        return self.policy.emergency.resume

    @property
    def stop(self) -> StopRecord | None:
        """The stop it is about."""
        return self.state.stops.get(self.request.stop)

    @property
    def title(self) -> str:
        """What is asked for, in a few words."""
        return self.request.title if self.stop is None else f"lift: {self.stop}"


def open_case(
    state: State,
    request: Digest,
    policy: Policy,
    now: datetime,
    proposed: Mapping[Digest, Policy] | None = None,
) -> Case | UnreadableCase:
    """Put a recorded request before the gate.

    Args:
        state: the ledger's.
        request: its digest.
        policy: the one in force.
        now: aware, UTC.
        proposed: policies that are asked for, by digest. One that is not there is never adopted.

    Raises:
        InputError: the ledger has no such request.
    """
    record = state.requests.get(request)
    if record is None:
        raise InputError(f"request {request} is not in the ledger")
    try:
        kind, asked, more = _open(record, proposed or {})
    except InputError as error:
        return UnreadableCase(
            digest=record.digest,
            subject=record.subject,
            signer=record.signer,
            carried_out=record.carried_out,
            reason=_one_line(error.message),
        )
    read = tuple(_read(given) for given in record.sign_offs)
    return kind(
        digest=record.digest,
        request=asked,
        subject=record.subject,
        signer=record.signer,
        carried_out=record.carried_out,
        sign_offs=tuple(one for one in read if isinstance(one, GivenSignOff)),
        unreadable=tuple(one for one in read if isinstance(one, UnreadableSignOff)),
        policy=policy,
        state=state,
        now=now,
        **more,
    )


def _open(
    record: RequestRecord, proposed: Mapping[Digest, Policy]
) -> tuple[Callable[..., Case], Request, dict[str, Policy | None]]:
    where = f"request {record.digest}"
    if isinstance(record.subject, PromotionSubject):
        return PromotionCase, read_request(record.statement, where), {}
    if isinstance(record.subject, PolicySubject):
        asked = read_policy_request(record.statement, where)
        return PolicyCase, asked, {"proposed": proposed.get(asked.proposed)}
    return ResumeCase, read_resume_request(record.statement, where), {}


def _read(given: SignOffRecord) -> GivenSignOff | UnreadableSignOff:
    try:
        sign_off = read_sign_off(given.statement, f"sign-off {given.digest}")
    except InputError as error:
        return UnreadableSignOff(
            reason=_one_line(error.message),
            signer=given.signer,
            sequence=given.sequence,
            recorded=given.recorded,
        )
    return GivenSignOff(sign_off=sign_off, signer=given.signer, sequence=given.sequence)


def _one_line(message: str) -> str:
    """What could not be read may name fields of any characters."""
    return "".join(one if one.isprintable() else "?" for one in message)

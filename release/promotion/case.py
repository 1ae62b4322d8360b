"""A case: one request with everything the gate looks at. The gate decides cases and nothing else.

The ledger reads of a statement only what binds it to others; a newer humpyard, or somebody's own
program, may have recorded one with fields that this one does not know. Such a request can never go
through, and stops no other. Such a sign-off by a person of the policy counts as their no-go: nobody
can say that it was none, and unlike a void request its author can mend it by saying go anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from release.digests import Digest
from release.errors import InputError
from release.ledger.entries import CLOCK_SKEW
from release.ledger.kinds import ReleaseRegistered
from release.ledger.state import SignOffRecord, State
from release.ledger.statements import RequestSubject
from release.promotion.policy import Edge, Person, Policy
from release.promotion.request import PromotionRequest, read_request
from release.promotion.sign_off import SignOff, Verdict, read_sign_off


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
    request: RequestSubject
    """As much as the ledger knows of it."""
    signer: str
    moved: bool
    reason: str
    """Why it cannot be read, one printable line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request, who signed it, what was said to it, and the world at ``now`` (aware, UTC)."""

    digest: Digest
    """SHA-256 of the request's statement as it was signed."""
    request: PromotionRequest
    signer: str
    moved: bool
    """Whether the request was carried out already."""
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
    def edge(self) -> Edge | None:
        """The rules of the channel asked for, None when there are none."""
        return self.policy.edge(self.request.channel)

    @property
    def release(self) -> ReleaseRegistered | None:
        """The release asked for, None unless it is registered with this very digest."""
        found = self.state.releases.get(self.request.version)
        return found if found is not None and found.release == self.request.release else None

    @property
    def interested(self) -> frozenset[str]:
        """Keys of those whose go does not count: who asked, who built, and the pipeline itself."""
        keys = {self.request.requested_by, self.signer, *self.state.pipeline_keys}
        if self.release is not None and self.release.built_by is not None:
            keys.add(self.release.built_by)
        return frozenset(keys)


def open_case(state: State, request: Digest, policy: Policy, now: datetime) -> Case | UnreadableCase:
    """Put a recorded request before the gate. Raises InputError when the ledger has no such request."""
    record = state.requests.get(request)
    if record is None:
        raise InputError(f"request {request} is not in the ledger")
    try:
        asked = read_request(record.statement, f"request {request}")
    except InputError as error:
        return UnreadableCase(
            digest=record.digest,
            request=record.subject,
            signer=record.signer,
            moved=record.moved,
            reason=_one_line(error.message),
        )
    read = tuple(_read(given) for given in record.sign_offs)
    return Case(
        digest=record.digest,
        request=asked,
        signer=record.signer,
        moved=record.moved,
        sign_offs=tuple(one for one in read if isinstance(one, GivenSignOff)),
        unreadable=tuple(one for one in read if isinstance(one, UnreadableSignOff)),
        policy=policy,
        state=state,
        now=now,
    )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Where one person stands.

    ``role`` is the one their go counts for. Without one ``silent_because`` says why it does not
    count; both None means that they said nothing. ``veto`` is their standing no-go, or what may be one.
    """

    person: Person
    veto: SignOff | UnreadableSignOff | None
    role: str | None
    silent_because: str | None


def voices(case: Case) -> tuple[Voice, ...]:
    """Where everybody in the policy stands. Sign-offs by others, or for other requests, are nothing.

    The newest go of a person is the one that may count. A no-go stands, expired or not, until a go of
    the same person that is both made and recorded later.
    """
    return tuple(_voice(case, person) for person in case.policy.people)


def _voice(case: Case, person: Person) -> Voice:
    theirs = [
        given
        for given in case.sign_offs
        if given.signer in person.fingerprints and given.sign_off.request == case.digest
    ]
    gos = sorted(
        (
            given
            for given in theirs
            if given.sign_off.verdict is Verdict.GO
            and given.sign_off.by == given.signer
            and given.sign_off.at <= case.now + CLOCK_SKEW
        ),
        key=lambda given: (given.sign_off.at, given.sequence),
    )
    vetoes = _vetoes(case, person, theirs, gos)
    if gos:
        objection = _objection(case, person, gos[-1].sign_off)
    else:
        objection = "forged, or dated in the future" if any(_is_go(given) for given in theirs) else None
    counts = bool(gos) and objection is None and not vetoes
    return Voice(
        person=person,
        veto=vetoes[0] if vetoes else None,
        role=gos[-1].sign_off.role if counts else None,
        silent_because="said no-go" if vetoes else objection,
    )


def _vetoes(
    case: Case, person: Person, theirs: Iterable[GivenSignOff], gos: Iterable[GivenSignOff]
) -> list[SignOff | UnreadableSignOff]:
    """Their no-gos, and what may be one, without those that a later go withdrew."""
    against: list[tuple[SignOff | UnreadableSignOff, datetime, int]] = [
        (given.sign_off, given.sign_off.at, given.sequence)
        for given in theirs
        if given.sign_off.verdict is Verdict.NO_GO
    ]
    against += [
        (given, given.recorded, given.sequence)
        for given in case.unreadable
        if given.signer in person.fingerprints
    ]
    return [
        said
        for said, at, sequence in against
        if not any(go.sign_off.at > at and go.sequence > sequence for go in gos)
    ]


def _is_go(given: GivenSignOff) -> bool:
    return given.sign_off.verdict is Verdict.GO


def _objection(case: Case, person: Person, go: SignOff) -> str | None:
    if not case.interested.isdisjoint(person.fingerprints):
        return "asked for it or built it"
    if go.role not in person.roles:
        return f"does not have the role {go.role}"
    edge = case.edge
    if edge is None or case.now >= min(go.expires_at, go.at + edge.sign_off_valid_for):
        return "sign-off expired"
    return None

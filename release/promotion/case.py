"""A case: one request with everything the gate looks at. The gate decides cases and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from release.digests import Digest
from release.errors import InputError
from release.ledger.entries import CLOCK_SKEW
from release.ledger.kinds import ReleaseRegistered
from release.ledger.state import State
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


def open_case(state: State, request: Digest, policy: Policy, now: datetime) -> Case:
    """Put a recorded request before the gate.

    Raises:
        InputError: the ledger has no such request, or a recorded statement cannot be read; then
            nobody can say what was meant, and nothing moves.
    """
    record = state.requests.get(request)
    if record is None:
        raise InputError(f"request {request} is not in the ledger")
    return Case(
        digest=record.digest,
        request=read_request(record.statement, f"request {request}"),
        signer=record.signer,
        moved=record.moved,
        sign_offs=tuple(
            GivenSignOff(
                sign_off=read_sign_off(given.statement, f"sign-off {given.digest}"),
                signer=given.signer,
                sequence=given.sequence,
            )
            for given in record.sign_offs
        ),
        policy=policy,
        state=state,
        now=now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Where one person stands.

    ``role`` is the one their go counts for. Without one ``silent_because`` says why it does not
    count; both None means that they said nothing. ``veto`` is their standing no-go.
    """

    person: Person
    veto: SignOff | None
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
    vetoes = [
        given.sign_off
        for given in theirs
        if given.sign_off.verdict is Verdict.NO_GO
        and not any(go.sign_off.at > given.sign_off.at and go.sequence > given.sequence for go in gos)
    ]
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

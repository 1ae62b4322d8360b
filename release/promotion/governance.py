"""Requests about the rules themselves: that the policy change, that a stop be lifted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import with_config

from release.digests import Digest
from release.errors import RefusedError
from release.ledger.fields import Fingerprint, Line, Prose, Reader, Sha256, Utc
from release.ledger.state import State
from release.ledger.statements import (
    POLICY_REQUEST,
    RESUME_REQUEST,
    read_statement,
    statement_digest,
    write_statement,
)
from release.promotion.policy import Policy
from release.promotion.policy_checks import homeless, lockouts
from release.promotion.request import check_period


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRequest:
    """Puts the policy ``proposed`` in the place of ``policy``."""

    product: Line
    policy: Sha256
    policy_entry: Sha256
    proposed: Sha256
    requested_by: Fingerprint
    requested_at: Utc
    expires_at: Utc
    reason: Prose = ""

    def __post_init__(self) -> None:
        check_period("policy request", self.requested_at, self.expires_at)

    @property
    def title(self) -> str:
        """What is asked for, in a few words."""
        return f"policy to {self.proposed.hex[:12]}"

    def statement(self) -> str:
        """The text to be signed by ``requested_by``."""
        return write_statement(POLICY_REQUEST, _POLICY.write(self))

    @property
    def digest(self) -> Digest:
        """What sign-offs name: the SHA-256 of the statement's bytes."""
        return statement_digest(self.statement())


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRequest:
    """Lifts the stop of digest ``stop``."""

    product: Line
    policy: Sha256
    policy_entry: Sha256
    stop: Sha256
    requested_by: Fingerprint
    requested_at: Utc
    expires_at: Utc
    reason: Prose = ""

    def __post_init__(self) -> None:
        check_period("resume request", self.requested_at, self.expires_at)

    @property
    def title(self) -> str:
        """What is asked for, in a few words."""
        return f"lift stop {self.stop.hex[:12]}"

    def statement(self) -> str:
        """The text to be signed by ``requested_by``."""
        return write_statement(RESUME_REQUEST, _RESUME.write(self))

    @property
    def digest(self) -> Digest:
        """What sign-offs name: the SHA-256 of the statement's bytes."""
        return statement_digest(self.statement())


_POLICY = Reader(PolicyRequest)
_RESUME = Reader(ResumeRequest)


def read_policy_request(text: str, where: str = "policy request") -> PolicyRequest:
    """Read a request's statement. Raises InputError. Its signature is not checked here."""
    return _POLICY.read(read_statement(text, POLICY_REQUEST, where), where)


def read_resume_request(text: str, where: str = "resume request") -> ResumeRequest:
    """Read a request's statement. Raises InputError. Its signature is not checked here."""
    return _RESUME.read(read_statement(text, RESUME_REQUEST, where), where)


def new_policy_request(
    state: State, policy: Policy, proposed: Policy, *, requested_by: str, now: datetime, reason: str = ""
) -> PolicyRequest:
    """A request that the policy in force be replaced.

    Raises:
        RefusedError: it is in force already, ``policy`` is not, or the new one would lock everybody out, or
            has no place for a channel that machines follow.
    """
    _check_in_force(state, policy)
    if proposed.digest == state.policy:
        raise RefusedError(f"policy {proposed.digest} is in force already")
    reasons = [*lockouts(policy, proposed), *homeless(state, proposed)]
    if reasons:
        raise RefusedError(f"policy {proposed.digest}: {'; '.join(reasons)}")
    return PolicyRequest(
        product=state.product,
        policy=policy.digest,
        policy_entry=state.policy_entry,
        proposed=proposed.digest,
        requested_by=requested_by,
        requested_at=now,
        expires_at=now + policy.governance.request_valid_for,
        reason=reason,
    )


def new_resume_request(
    state: State, policy: Policy, stop: Digest, *, requested_by: str, now: datetime, reason: str = ""
) -> ResumeRequest:
    """A request that a stop be lifted. Raises RefusedError when it does not stand."""
    _check_in_force(state, policy)
    record = state.stops.get(stop)
    if record is None or record.lifted is not None:
        raise RefusedError(f"stop {stop} does not stand", hint="humpyard status lists those that do")
    return ResumeRequest(
        product=state.product,
        policy=policy.digest,
        policy_entry=state.policy_entry,
        stop=stop,
        requested_by=requested_by,
        requested_at=now,
        expires_at=now + policy.emergency.resume.request_valid_for,
        reason=reason,
    )


def _check_in_force(state: State, policy: Policy) -> None:
    if policy.digest != state.policy:
        raise RefusedError(f"policy {policy.digest} is not in force; the ledger says {state.policy}")

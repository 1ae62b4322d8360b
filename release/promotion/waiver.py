"""A waiver: one person answers for named failures of one check of one release, until it expires."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, with_config

from release.digests import Digest
from release.errors import InputError
from release.ledger.entries import CLOCK_SKEW
from release.ledger.fields import Fingerprint, Line, Reader, Sha256, Utc, Word
from release.ledger.state import State, WaiverRecord
from release.ledger.statements import WAIVER, read_statement, statement_digest, write_statement
from release.promotion.policy import Person, Policy
from release.promotion.request import check_period


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """``by`` answers for what ``items`` name in the evidence of that name, and for nothing else."""

    product: Line
    release: Sha256
    evidence: Word
    items: Annotated[tuple[Line, ...], Field(min_length=1, max_length=1000)]
    """As in the ``failed`` of the evidence."""
    role: Word
    by: Fingerprint
    at: Utc
    expires_at: Utc
    reason: Line

    def __post_init__(self) -> None:
        check_period("waiver", self.at, self.expires_at)

    def statement(self) -> str:
        """The text to be signed by ``by``."""
        return write_statement(WAIVER, _READER.write(self))

    @property
    def digest(self) -> Digest:
        """The SHA-256 of the statement's bytes."""
        return statement_digest(self.statement())


_READER = Reader(Waiver)


def read_waiver(text: str, where: str = "waiver") -> Waiver:
    """Read a waiver's statement. Raises InputError. Its signature is not checked here."""
    return _READER.read(read_statement(text, WAIVER, where), where)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenWaiver:
    """A waiver that counts, and the person of the policy who signed it."""

    waiver: Waiver
    person: Person


def waivers_for(
    state: State, policy: Policy, release: Digest, evidence: str, now: datetime
) -> tuple[GivenWaiver, ...]:
    """The waivers that count ``now``: signed by whom they name, who holds a waiver role, not expired.

    What cannot be read waives nothing.
    """
    found = []
    for record in state.waivers.get(release, ()):
        given = _given(record, state, policy, now)
        if given is not None and given.waiver.evidence == evidence:
            found.append(given)
    return tuple(found)


def waived(given: Iterable[GivenWaiver]) -> frozenset[str]:
    """Everything that these waivers name."""
    return frozenset(item for one in given for item in one.waiver.items)


def _given(record: WaiverRecord, state: State, policy: Policy, now: datetime) -> GivenWaiver | None:
    try:
        read = read_waiver(record.statement)
    except InputError:
        return None
    person = policy.person(record.signer)
    counts = (
        person is not None
        and record.signer == read.by
        and read.product == state.product
        and read.role in person.roles
        and read.role in policy.waiver_roles
        and read.at - now <= CLOCK_SKEW
        and now < read.expires_at
    )
    return GivenWaiver(waiver=read, person=person) if counts and person is not None else None

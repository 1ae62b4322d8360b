"""A known issue: what is wrong with releases, told by one person of a correction role, alone.

Each statement says everything anew; the last one that counts is what is so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, with_config

from release.digests import Digest
from release.errors import InputError
from release.ledger.fields import Fingerprint, Line, Prose, Reader, Sha256, Utc, VersionText, Word
from release.ledger.state import State
from release.ledger.statements import KNOWN_ISSUE, read_statement, statement_digest, write_statement
from release.promotion.revision import PolicyOf, Spoken, may_correct

_MOST_VERSIONS = 1000

Versions = Annotated[tuple[VersionText, ...], Field(max_length=_MOST_VERSIONS)]


class Progress(StrEnum):
    """How far a known issue is."""

    INVESTIGATING = "investigating"
    MITIGATED = "mitigated"
    """There is a way around it."""
    FIXED = "fixed"
    CLOSED = "closed"
    """It was none, or nothing will be done."""


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class IssueReport:
    """What ``by`` tells of the issue ``name``, in the place of the statement ``previous``; None opens it.

    ``affected``, at least one, and ``fixed_in`` ascend and have nothing in common.
    """

    product: Line
    name: Word
    previous: Sha256 | None
    title: Annotated[Line, Spoken]
    text: Annotated[Prose, Spoken]
    workaround: Prose = ""
    state: Progress
    affected: Annotated[Versions, Field(min_length=1)]
    fixed_in: Versions = ()
    role: Word
    by: Fingerprint
    at: Utc

    def __post_init__(self) -> None:
        where = f"issue {self.name}"
        for name, versions in (("affected", self.affected), ("fixed_in", self.fixed_in)):
            if versions != tuple(sorted(set(versions))):
                raise InputError(f"{where}: {name}: expected versions that ascend, each once")
        both = set(self.affected).intersection(self.fixed_in)
        if both:
            raise InputError(f"{where}: {min(both)} is said to be affected, and to be fixed")
        if self.state is Progress.FIXED and not self.fixed_in:
            raise InputError(
                f"{where}: is fixed, but in no version",
                hint="name the first one that has the fix (--fixed-in), or say how far it is (--state)",
            )

    def statement(self) -> str:
        """The text to be signed by ``by``."""
        return write_statement(KNOWN_ISSUE, _READER.write(self))

    @property
    def digest(self) -> Digest:
        """What the next statement of the same issue names: the SHA-256 of this one's bytes."""
        return statement_digest(self.statement())


_READER = Reader(IssueReport)


def read_issue(text: str, where: str = "known issue") -> IssueReport:
    """Read a known issue's statement. Raises InputError. Its signature is not checked here."""
    return _READER.read(read_statement(text, KNOWN_ISSUE, where), where)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenReport:
    """What counts of what was told: who signed it (a fingerprint), and when it was recorded."""

    report: IssueReport
    signer: str
    recorded: datetime


def reports_that_count(state: State, name: str, policy_of: PolicyOf) -> tuple[GivenReport, ...]:
    """All that counts of what was told of an issue, the oldest first; as ``revisions_that_count``."""
    found = []
    for record in state.issues.get(name, ()):
        try:
            said = read_issue(record.statement)
        except InputError:
            continue
        policy = policy_of(record.policy)
        if said.product == state.product and may_correct(policy, record.signer, said.by, said.role):
            found.append(GivenReport(report=said, signer=record.signer, recorded=record.recorded))
    return tuple(found)

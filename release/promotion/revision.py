"""A correction: one person of a correction role replaces the notes of a published release, alone.

The release's bytes, ``release.json`` among them, stay what people signed off: only pages, feeds and lists
show the new text, and that it was corrected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, with_config

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError
from release.ledger.fields import Fingerprint, Line, Reader, Sha256, Utc, VersionText, Word
from release.ledger.state import RevisionRecord, State
from release.ledger.statements import REVISION, read_statement, statement_digest, write_statement
from release.promotion.policy import Policy

PolicyOf = Callable[[Digest], Policy]
"""A policy that was in force, by its digest. Raises InputError or NotVerifiedError."""


def _spoken(text: str) -> str:
    if not text.strip():
        raise ValueError("says nothing, only white space" if text else "says nothing")
    return text


Spoken = AfterValidator(_spoken)
"""For texts of which pages would show an empty line, or a link that nobody sees."""


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class NotesRevision:
    """``by`` puts the notes of digest ``notes`` in the place of ``previous``. Digests are of whole texts."""

    product: Line
    version: VersionText
    release: Sha256
    previous: Sha256
    notes: Sha256
    summary: Annotated[Line, Spoken]
    """What was corrected; shown wherever the notes are."""
    role: Word
    by: Fingerprint
    at: Utc

    def statement(self) -> str:
        """The text to be signed by ``by``."""
        return write_statement(REVISION, _READER.write(self))

    @property
    def digest(self) -> Digest:
        """The SHA-256 of the statement's bytes."""
        return statement_digest(self.statement())


_READER = Reader(NotesRevision)


def read_revision(text: str, where: str = "correction") -> NotesRevision:
    """Read a correction's statement. Raises InputError. Its signature is not checked here."""
    return _READER.read(read_statement(text, REVISION, where), where)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenRevision:
    """A correction that counts, who signed it (a fingerprint), and when it was recorded."""

    revision: NotesRevision
    signer: str
    recorded: datetime


def revisions_that_count(state: State, version: Version, policy_of: PolicyOf) -> tuple[GivenRevision, ...]:
    """The corrections of a release that count, the oldest first. Raises as ``policy_of``."""
    given = (given_revision(record, state.product, policy_of) for record in state.revisions.get(version, ()))
    return tuple(one for one in given if one is not None)


def given_revision(record: RevisionRecord, product: str, policy_of: PolicyOf) -> GivenRevision | None:
    """What a correction says if it counts, else None; the one rule for pages and for those who audit them.

    It counts if who signed it is whom it names, held a correction role under the policy in force then, and
    said it of this product. What cannot be read corrects nothing, whatever the policy, which is not asked
    for then. Raises as ``policy_of``.
    """
    try:
        said = read_revision(record.statement)
    except InputError:
        return None
    policy = policy_of(record.policy)
    if said.product != product or not may_correct(policy, record.signer, said.by, said.role):
        return None
    return GivenRevision(revision=said, signer=record.signer, recorded=record.recorded)


def may_correct(policy: Policy, signer: str, by: str, role: str) -> bool:
    """Whether who signed is who it says, and holds that role, and the role may correct."""
    person = policy.person(signer)
    return person is not None and signer == by and role in person.roles and role in policy.correction_roles


def told_by(signer: str, policy: Policy) -> str:
    """Who said it, for people to read; somebody who has left the policy is told by their key."""
    person = policy.person(signer)
    return signer if person is None else person.name

"""Correcting the notes of a release after it was published: planned, looked at, recorded.

Two people never overwrite each other unseen. Who corrects notes that were corrected before says which text
they began with; and the ledger takes the correction only while that text is the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError, RefusedError
from release.ledger.chain import StatementSigner
from release.ledger.fields import format_time
from release.ledger.state import State
from release.line.notes_texts import keep_notes, notes_digest, parse_notes, read_notes
from release.line.policies import policy_reader
from release.line.sources import registered_release
from release.line.statements import sign_statement
from release.line.yard import Yard
from release.promotion import proposals_corrections
from release.promotion.revision import GivenRevision, NotesRevision, read_revision, revisions_that_count


@dataclass(frozen=True, slots=True, kw_only=True)
class NotesHistory:
    """The notes of a release, as published and as corrected since by what counts, the oldest first."""

    version: Version
    original: str
    revisions: tuple[GivenRevision, ...]

    @property
    def current(self) -> Digest:
        """What names the text as it reads now."""
        return self.revisions[-1].revision.notes if self.revisions else notes_digest(self.original)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A correction that can be made: the text now, and the text then."""

    version: Version
    release: Digest
    before: str
    """As it reads now; where that text is lost, as it read before."""
    after: str
    previous: Digest
    """What the statement names: the last text that the ledger has, whether it counts or not."""

    @property
    def notes(self) -> Digest:
        """What names the new text."""
        return notes_digest(self.after)

    def diff(self) -> Iterator[str]:
        """What changes, line by line, as a unified diff."""
        old, new = (f"{self.version} ({notes_digest(one).hex[:12]})" for one in (self.before, self.after))
        before, after = self.before.splitlines(), self.after.splitlines()
        return unified_diff(before, after, old, new, lineterm="")


def notes_history(yard: Yard, version: Version) -> NotesHistory:
    """What became of the notes of a registered release. Raises as ``registered_release``."""
    return _history(yard, yard.ledger.state(), version)


def _history(yard: Yard, state: State, version: Version) -> NotesHistory:
    release, _ = registered_release(yard.store, state, version)
    given = revisions_that_count(state, version, policy_reader(yard.store))
    return NotesHistory(version=version, original=release.notes, revisions=given)


def text_of(yard: Yard, history: NotesHistory, notes: Digest) -> str:
    """One of the texts of a history: what was published, or a correction. Raises as ``read_notes``."""
    if notes == notes_digest(history.original):
        return history.original
    return read_notes(yard.store, history.version, notes)


def plan_correction(
    yard: Yard, version: Version, data: bytes, where: str, *, previous: str | None = None
) -> Plan:
    """Look at a correction, and change nothing.

    Args:
        yard: the yard.
        version: a registered release.
        data: the whole new text, as in a file.
        where: which file, for messages.
        previous: how the digest of the text begins that it was made from; needed where the notes were
            corrected before.

    Raises:
        InputError: the release is not registered, or ``data`` cannot be shown as notes.
        RefusedError: nothing would change, or the notes were corrected since ``previous``.
    """
    after = parse_notes(data, where)
    # Read once: the statement names what was looked at; the ledger refuses it when another text came since.
    state = yard.ledger.state()
    history = _history(yard, state, version)
    _check_seen(history, previous)
    before = _last_readable(yard, history)
    if after.strip() == before.strip():
        raise RefusedError(f"{where}: says what the notes of {version} say already")
    return Plan(
        version=version,
        release=state.releases[version].release,
        before=before,
        after=after,
        previous=_last(state, history),
    )


def _last_readable(yard: Yard, history: NotesHistory) -> str:
    for given in reversed(history.revisions):
        with suppress(InputError, NotVerifiedError):
            return text_of(yard, history, given.revision.notes)
    return history.original


def _check_seen(history: NotesHistory, previous: str | None) -> None:
    version, current = history.version, history.current
    wanted = None if previous is None else previous.removeprefix("sha256:")
    if wanted is not None and not (wanted and current.hex.startswith(wanted)):
        raise RefusedError(
            f"notes of {version}: were made from {previous}, but are {current.hex[:12]} now",
            hint=f"somebody corrected them meanwhile; see: humpyard notes history {version}",
        )
    if previous is None and history.revisions:
        last = history.revisions[-1]
        raise RefusedError(
            f"notes of {version}: were corrected {format_time(last.recorded)} ({last.revision.summary}):"
            " say which text yours was made from",
            hint=f"if it was what humpyard notes show {version} --raw prints: --previous {current.hex[:12]}",
        )


def _last(state: State, history: NotesHistory) -> Digest:
    recorded = state.revisions.get(history.version, ())
    return recorded[-1].notes if recorded else notes_digest(history.original)


def new_revision(
    yard: Yard, author: StatementSigner, plan: Plan, *, summary: str, role: str
) -> NotesRevision:
    """What ``author`` says to correct notes as planned. Raises InputError: ``summary`` is not one line."""
    made = NotesRevision(
        product=yard.ledger.state().product,
        version=plan.version,
        release=plan.release,
        previous=plan.previous,
        notes=plan.notes,
        summary=summary,
        role=role,
        by=author.fingerprint,
        at=yard.clock(),
    )
    return read_revision(made.statement())  # refuses what nobody could read, before it is signed


def correct_notes(yard: Yard, author: StatementSigner, plan: Plan, *, summary: str, role: str) -> Digest:
    """Record a correction by ``author``, alone; returns its digest. Pages show it from their next rendering.

    The text is in the store, and was read back, before the ledger names it.

    Raises:
        InputError: ``summary`` is not one line.
        RefusedError: ``author`` may not correct, or the notes were corrected meanwhile.
        NotVerifiedError: the store does not give back what was written.
    """
    made = new_revision(yard, author, plan, summary=summary, role=role)
    signed = sign_statement(author, made.statement())
    proposal = proposals_corrections.revision(
        signed.statement, signed.signature, verifier=yard.statements, policy=yard.policy(), now=made.at
    )
    proposal(yard.ledger.state())  # whatever can be refused is refused while the store is as it was
    keep_notes(yard.store, plan.version, plan.after)
    yard.ledger.append(proposal, now=made.at)
    return signed.digest

"""Known issues: opened, and told of anew, by one person of a correction role."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, RefusedError
from release.ledger.chain import StatementSigner
from release.ledger.fields import WORD, WORD_LENGTH
from release.ledger.state import State
from release.line.issue_versions import check_known
from release.line.policies import policy_reader
from release.line.statements import record_statement
from release.line.yard import Yard
from release.promotion import proposals_corrections
from release.promotion.known_issue import GivenReport, IssueReport, Progress, read_issue, reports_that_count


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueChange:
    """What shall be so of an issue from now on; None leaves it as it is."""

    title: str | None = None
    text: str | None = None
    workaround: str | None = None
    state: Progress | None = None
    affected: tuple[Version, ...] | None = None
    fixed_in: tuple[Version, ...] | None = None

    def changes(self) -> dict[str, object]:
        """Fields and new values, versions in order."""
        found: dict[str, object] = {}
        for name in ("title", "text", "workaround", "state", "affected", "fixed_in"):
            value = getattr(self, name)
            if value is not None:
                found[name] = tuple(sorted(set(value))) if isinstance(value, tuple) else value
        return found


def issue_history(yard: Yard, name: str) -> tuple[GivenReport, ...]:
    """All that was told of an issue and counts, the oldest first. Raises InputError when there is none."""
    return _history(yard, yard.ledger.state(), name)


def _history(yard: Yard, state: State, name: str) -> tuple[GivenReport, ...]:
    found = reports_that_count(state, name, policy_reader(yard.store))
    if not found:
        known = ", ".join(_issues(yard, state)) or "none"
        raise InputError(f"issue {name!r}: there is no such; there are: {known}")
    return found


def issues(yard: Yard) -> Mapping[str, tuple[GivenReport, ...]]:
    """Every known issue and its history, by name."""
    return _issues(yard, yard.ledger.state())


def _issues(yard: Yard, state: State) -> Mapping[str, tuple[GivenReport, ...]]:
    policy_of = policy_reader(yard.store)
    found = {name: reports_that_count(state, name, policy_of) for name in sorted(state.issues)}
    return {name: given for name, given in found.items() if given}


def open_issue(yard: Yard, author: StatementSigner, name: str, change: IssueChange, *, role: str) -> Digest:
    """Record a new issue by ``author``, alone; returns the statement's digest.

    Raises:
        InputError: a field is not as it must be, or a version is not known here.
        RefusedError: there is one of that name, or ``author`` may not.
    """
    if not re.match(WORD, name) or len(name) > WORD_LENGTH or name.endswith("\n"):
        raise InputError(
            f"issue {name!r}: expected lower-case words joined by '-', {WORD_LENGTH} characters at most",
            hint="the name is the issue's address for ever; the title can be anything",
        )
    state, now = yard.ledger.state(), yard.clock()
    if reports_that_count(state, name, policy_reader(yard.store)):
        raise RefusedError(
            f"issue {name!r}: is known already",
            hint=f"tell what is new: humpyard issues update {name}; or choose another name",
        )
    made = IssueReport(
        product=state.product,
        name=name,
        previous=_last(state, name),
        title=change.title or "",
        text=change.text or "",
        workaround=change.workaround or "",
        state=change.state or Progress.INVESTIGATING,
        affected=tuple(sorted(set(change.affected or ()))),
        fixed_in=tuple(sorted(set(change.fixed_in or ()))),
        role=role,
        by=author.fingerprint,
        at=now,
    )
    return _record(yard, author, state, made, now)


def update_issue(yard: Yard, author: StatementSigner, name: str, change: IssueChange, *, role: str) -> Digest:
    """Record what is new of an issue by ``author``, alone; returns the statement's digest.

    What ``change`` leaves out stays as it was told last.

    Raises:
        InputError: there is no such issue, a field is not as it must be, or a version is not known here.
        RefusedError: nothing is new, something was told meanwhile, or ``author`` may not.
    """
    # Read once: what was told between two readings would be named as seen, and be overwritten.
    state, now = yard.ledger.state(), yard.clock()
    last = _history(yard, state, name)[-1].report
    made = replace(last, **change.changes())  # type: ignore[arg-type]  # its own fields, by name
    if made == last:
        raise RefusedError(f"issue {name!r}: says that already", hint="humpyard issues update --help")
    made = replace(made, previous=_last(state, name), role=role, by=author.fingerprint, at=now)
    return _record(yard, author, state, made, now)


def _last(state: State, name: str) -> Digest | None:
    recorded = state.issues.get(name, ())
    return recorded[-1].digest if recorded else None


def _record(yard: Yard, author: StatementSigner, state: State, made: IssueReport, now: datetime) -> Digest:
    read_issue(made.statement())  # refuses what nobody could read, before it is signed
    check_known(yard, state, made)
    return record_statement(yard, author, made.statement(), proposals_corrections.issue, now)

"""Proposals for what people say after publication: corrections of notes, known issues.

Only what counts is recorded: signed now by a key that holds now, in the author's own name, by a person who
holds a correction role. Nobody's words are overwritten unseen: who was late is refused.
"""

from __future__ import annotations

from datetime import datetime

from release.errors import RefusedError
from release.ledger.chain import Proposal, StatementVerifier
from release.ledger.kinds import IssueTold, NotesRevised
from release.ledger.state import State
from release.ledger.statements import statement_digest
from release.promotion.known_issue import read_issue
from release.promotion.policy import Policy
from release.promotion.proposals_people import check_author, check_product, check_role
from release.promotion.revision import read_revision


def revision(
    statement: str, signature: str, *, verifier: StatementVerifier, policy: Policy, now: datetime
) -> Proposal:
    """Record a correction that somebody signed. Its text must be in the store before.

    Raises:
        InputError: not a correction.
        NotVerifiedError: the signature does not hold ``now``, by a key that has not expired.
        RefusedError: signed by another than it says, or by somebody who may not correct. The proposal raises
            it for another product or policy, for a release that is not registered, and where the notes were
            corrected since.
    """
    given = read_revision(statement)
    signer = verifier.verify(statement.encode(), signature, at=now)
    check_author("correction", given.by, signer)
    _check_right("correction", policy, signer, given.role)
    digest = statement_digest(statement)

    def propose(state: State) -> NotesRevised | None:
        known = state.revisions.get(given.version, ())
        if any(one.digest == digest for one in known):
            return None
        _check_world("correction", given.product, policy, state)
        release = state.releases.get(given.version)
        if release is None or release.release != given.release:
            raise RefusedError(f"correction: release {given.version} ({given.release}) is not in the ledger")
        if known and known[-1].notes != given.previous:
            raise RefusedError(
                f"correction: the notes of {given.version} were corrected meanwhile, by {known[-1].signer}",
                hint=f"look at them, and correct those: humpyard notes history {given.version}",
            )
        return NotesRevised(statement=statement, statement_signature=signature)

    return propose


def issue(
    statement: str, signature: str, *, verifier: StatementVerifier, policy: Policy, now: datetime
) -> Proposal:
    """Record what somebody signed of a known issue. Raises as ``revision``."""
    given = read_issue(statement)
    signer = verifier.verify(statement.encode(), signature, at=now)
    check_author("known issue", given.by, signer)
    _check_right("known issue", policy, signer, given.role)
    digest = statement_digest(statement)

    def propose(state: State) -> IssueTold | None:
        known = state.issues.get(given.name, ())
        if any(one.digest == digest for one in known):
            return None
        _check_world("known issue", given.product, policy, state)
        if given.previous != (known[-1].digest if known else None):
            who = f" by {known[-1].signer}" if known else ""
            raise RefusedError(
                f"known issue: something else was told of {given.name!r} meanwhile{who}",
                hint=f"look at it, and say it again: humpyard issues show {given.name}",
            )
        return IssueTold(statement=statement, statement_signature=signature)

    return propose


def _check_right(what: str, policy: Policy, signer: str, role: str) -> None:
    check_role(what, policy, signer, role)
    if role not in policy.correction_roles:
        allowed = ", ".join(policy.correction_roles) or "of nobody"
        raise RefusedError(f"{what}: expected one of the roles {allowed}, found {role}")


def _check_world(what: str, product: str, policy: Policy, state: State) -> None:
    """A right under another policy than the one in force is none, and would count for nothing later."""
    check_product(what, product, state)
    if policy.digest != state.policy:
        raise RefusedError(f"{what}: the policy changed meanwhile", hint="run the same command again")

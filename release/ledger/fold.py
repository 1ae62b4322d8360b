"""From verified entries to what is so: a pure fold, one step per entry.

``step`` checks everything an entry must hold against the state before it, so that the state after
any number of entries is right for exactly those (prefix-consistent). It does not judge whether a
move was *wise*: the gate does, and the audit asks the gate again.

Keys are judged at the time an entry says, so that time must be worth something: no entry may be dated
before what the pipeline said last, and people's entries, whose clocks are theirs, move that floor for
nobody. What remains: whoever holds an expired key *and* may write to the store can date an entry back
to the pipeline's last one. The gate still judges requests and sign-offs at its own time. A revoked
key never counts: what a person said with it is nobody's (a no-go of theirs still holds), and entries of
the pipeline by it are refused. Retire the pipeline's keys by letting them expire, and keep the public
half of every key in the keyring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from release.catalog.naming import ledger_key
from release.errors import InputError
from release.ledger import fold_channels, fold_corrections, fold_delivery, fold_statements
from release.ledger.entries import CLOCK_SKEW, Entry, LedgerBrokenError
from release.ledger.fields import format_time
from release.ledger.fold_contradiction import ContradictionError, need
from release.ledger.kinds import (
    Content,
    EvidenceFound,
    Genesis,
    IssueTold,
    MirrorVerified,
    NotesRevised,
    PointerMoved,
    PolicyChanged,
    ReleaseCollected,
    ReleaseRegistered,
    RequestMade,
    RolloutHalted,
    SignOffGiven,
    Statement,
    StopLifted,
    StopOrdered,
    WaiverGiven,
    read_content,
)
from release.ledger.state import PolicyPeriod, State
from release.ledger.verified import REVOKED, VerifiedEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom the reader trusts from outside the ledger: OpenPGP primary fingerprints.

    ``pipeline`` anchors the ledger: the first entry may name no other keys as the pipeline's.
    ``people`` may put their own requests and sign-offs into the ledger; what those are worth is the
    policy's business. People who hand them to the pipeline need not be listed.
    """

    pipeline: frozenset[str]
    people: frozenset[str] = frozenset()


def fold(entries: Iterable[VerifiedEntry], trust: Trust) -> State | None:
    """The state after all entries, None when there are none. Raises as ``step``."""
    state: State | None = None
    for verified in entries:
        state = step(state, verified, trust)
    return state


def step(state: State | None, verified: VerifiedEntry, trust: Trust) -> State:
    """The state after one more entry.

    Raises:
        LedgerBrokenError: the entry does not follow, was written by someone who may not write its
            kind, is of an unknown kind, or says something that cannot be so.
    """
    entry = verified.entry
    where = ledger_key(entry.sequence)
    try:
        content = read_content(entry.kind, entry.data, where)
        if state is None:
            return _begin(content, verified, trust)
        _check_place(state, entry)
        _check_writer(state, content, verified, trust)
        after = _apply(content, state, verified)
    except InputError as error:
        raise LedgerBrokenError(error.message, hint=error.hint) from error
    except ContradictionError as error:
        raise LedgerBrokenError(f"{where}: {error}") from error
    by_pipeline = verified.signer in state.pipeline_keys
    latest = max(state.latest, entry.time) if by_pipeline else state.latest
    return replace(after, sequence=entry.sequence, digest=verified.digest, latest=latest)


def _begin(content: Content, verified: VerifiedEntry, trust: Trust) -> State:
    entry = verified.entry
    where = ledger_key(entry.sequence)
    if entry.sequence != 0 or entry.previous is not None or not isinstance(content, Genesis):
        raise LedgerBrokenError(f"{where}: expected the ledger to begin with a genesis entry")
    keys = frozenset(content.pipeline_keys)
    _check_trust(keys, trust, where)
    if verified.signer not in keys:
        raise LedgerBrokenError(f"{where}: signed by {verified.signer}, which is no pipeline key")
    fold_channels.check_streams(content.channels, content.streams)
    return State(
        sequence=0,
        digest=verified.digest,
        latest=entry.time,
        product=content.product,
        pipeline_keys=keys,
        policy=content.policy,
        channels=content.channels,
        streams=content.streams,
        policies=(
            PolicyPeriod(entry=verified.digest, policy=content.policy, since=entry.time, request=None),
        ),
    )


def _check_trust(keys: frozenset[str], trust: Trust, where: str) -> None:
    if not keys <= trust.pipeline:
        strangers = ", ".join(sorted(keys - trust.pipeline))
        raise LedgerBrokenError(
            f"{where}: names pipeline keys that are not trusted here: {strangers}",
            hint="get the pipeline's fingerprints from its operators, not from the mirror",
        )


def _check_place(state: State, entry: Entry) -> None:
    expected = state.sequence + 1
    need(entry.sequence == expected, f"expected entry {expected}, found {entry.sequence}")
    need(
        entry.previous == state.digest,
        f"expected to follow {state.digest}, found previous {entry.previous}",
    )
    need(
        entry.time >= state.latest - CLOCK_SKEW,
        f"dated {format_time(entry.time)}, but the pipeline was at {format_time(state.latest)} before:"
        " time does not go back; check the clocks of both machines",
    )


def _check_writer(state: State, content: Content, verified: VerifiedEntry, trust: Trust) -> None:
    if isinstance(content, PolicyChanged):
        where = ledger_key(verified.entry.sequence)
        _check_trust(frozenset(content.pipeline_keys), trust, where)
    if verified.signer in state.pipeline_keys:
        return
    need(
        isinstance(content, Statement),
        f"a {verified.entry.kind} entry may only be written by the pipeline, not by {verified.signer}",
    )
    need(
        verified.signer.removeprefix(REVOKED) in trust.people
        and verified.signer == verified.statement_signer,
        f"written by {verified.signer}, who may only record statements of their own and must be known",
    )


_STEPS: Mapping[type[Content], Callable[[Any, State, VerifiedEntry], State]] = {
    ReleaseRegistered: fold_channels.register,
    EvidenceFound: fold_channels.evidence,
    PointerMoved: fold_channels.move,
    PolicyChanged: fold_channels.change_policy,
    StopLifted: fold_channels.lift,
    MirrorVerified: fold_delivery.mirror,
    RolloutHalted: fold_delivery.halt,
    ReleaseCollected: fold_delivery.collect,
    RequestMade: fold_statements.request,
    SignOffGiven: fold_statements.sign_off,
    WaiverGiven: fold_statements.waiver,
    StopOrdered: fold_statements.stop,
    NotesRevised: fold_corrections.revise,
    IssueTold: fold_corrections.tell,
}


def _apply(content: Content, state: State, verified: VerifiedEntry) -> State:
    step_of = _STEPS.get(type(content))
    if step_of is None:
        raise ContradictionError("the ledger has begun already")
    return step_of(content, state, verified)

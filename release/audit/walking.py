"""From entry to entry, past every break: what the ledger says, and what about it cannot be so.

Each step is the fold's own (``release.ledger.fold.step``), eased where a break before would make it fail
for that reason alone: whether the chain holds is told by ``release.audit.arranging``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from release.audit.adopting import adopt
from release.audit.finding import Code, Finding
from release.audit.opening import Opened, without
from release.audit.provisional import provisional
from release.catalog.naming import ledger_key
from release.digests import Digest
from release.ledger.entries import CLOCK_SKEW, LedgerBrokenError
from release.ledger.fields import format_time
from release.ledger.fold import Trust, step
from release.ledger.fold_statements import AHEAD
from release.ledger.kinds import (
    Content,
    Genesis,
    IssueTold,
    NotesRevised,
    PolicyChanged,
    Statement,
    StopOrdered,
)
from release.ledger.state import State
from release.ledger.verified import VerifiedEntry
from release.promotion.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Walker:
    """Who walks. ``policies`` by digest, as far as they can be had; ``now`` is aware, UTC."""

    product: str
    trust: Trust
    policies: Mapping[Digest, Policy]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """One entry, and the state on both sides of it.

    ``content`` is None where the entry cannot be believed: nothing follows from it then. ``refused``:
    the fold says that it cannot be so. ``suspect`` is the first break before it, which may be why.
    """

    key: str
    verified: VerifiedEntry
    content: Content | None
    before: State
    after: State
    refused: bool = False
    suspect: str | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def breaks(self) -> str | None:
        """The first break up to and with this entry."""
        return self.suspect or (self.key if self.content is None or self.refused else None)

    @property
    def hint(self) -> str | None:
        """What to think of first."""
        return None if self.suspect is None else f"may follow from the break at {self.suspect}"


def walk(places: Mapping[int, Opened], walker: Walker) -> Iterator[Folded]:
    """Go through ``places`` in order. Always begins, with a made-up beginning if need be."""
    state: State | None = None
    suspect: str | None = None
    last = -1
    for number in sorted(places):
        one = places[number]
        if one.entry is None:
            continue
        if number != last + 1:
            suspect = suspect or ledger_key(last + 1)
        last = number
        if state is None:
            folded = _begin(places, one, one.entry, walker)
        else:
            folded = _go_on(state, one, one.entry, walker, suspect)
        state, suspect = folded.after, folded.breaks
        yield folded


def _begin(places: Mapping[int, Opened], one: Opened, verified: VerifiedEntry, walker: Walker) -> Folded:
    """The first entry that is there. Where it cannot begin the ledger, a state is made up before it."""
    try:
        state = step(None, verified, walker.trust)
    except LedgerBrokenError as error:
        start = provisional(places, walker.product, walker.trust, walker.policies)
        if verified.entry.sequence > 0:  # told as missing, or worse, already
            return _go_on(start, one, verified, walker, ledger_key(0))
        after = _moved_on(start, verified)
        fault = _not_begun(one, error, walker)
        return Folded(
            key=one.key, verified=verified, content=None, before=start, after=after, findings=(fault,)
        )
    findings = [*_dated(one, verified, None, walker.now)]
    if state.product != walker.product:
        findings.append(
            Finding(
                code=Code.PRODUCT_DIFFERS,
                where=one.key,
                expected=f"the ledger of {walker.product!r}",
                found=f"that of {state.product!r}",
            )
        )
    return Folded(
        key=one.key,
        verified=verified,
        content=one.content,
        before=state,
        after=state,
        findings=tuple(findings),
    )


def _not_begun(one: Opened, error: LedgerBrokenError, walker: Walker) -> Finding:
    content = one.content
    code = Code.ENTRY_CONTRADICTS
    if isinstance(content, Genesis) and not walker.trust.pipeline.issuperset(content.pipeline_keys):
        code = Code.PIPELINE_UNTRUSTED
    return Finding(
        code=code,
        where=one.key,
        expected="a beginning by the pipeline, with keys that were given",
        found=without(error.message, ledger_key(0)),
        hint=error.hint,
    )


def _go_on(
    before: State, one: Opened, verified: VerifiedEntry, walker: Walker, suspect: str | None
) -> Folded:
    after, faults, refused = _moved_on(before, verified), [], False
    if one.content is not None:
        try:
            after = step(*_eased(before, verified), walker.trust)
        except LedgerBrokenError as error:
            refused = True
            code = _code(before, one.content, verified, walker.trust)
            faults.append(_refused(one.key, code, error, suspect))
            if verified.signer in before.pipeline_keys:
                after = adopt(after, one.content, verified, walker.trust.pipeline)
    return Folded(
        key=one.key,
        verified=verified,
        content=one.content,
        before=before,
        after=replace(after, latest=max(before.latest, after.latest)),
        refused=refused,
        suspect=suspect,
        findings=(*_dated(one, verified, before, walker.now), *faults),
    )


def _eased(before: State, verified: VerifiedEntry) -> tuple[State, VerifiedEntry]:
    """Both as if no entry before were missing or altered, and no clock were wrong."""
    entry = verified.entry
    state = replace(before, sequence=entry.sequence - 1, latest=min(before.latest, entry.time))
    return state, replace(verified, entry=replace(entry, previous=before.digest))


def _moved_on(before: State, verified: VerifiedEntry) -> State:
    """The state after an entry that says nothing."""
    by_pipeline = verified.signer in before.pipeline_keys
    latest = max(before.latest, verified.entry.time) if by_pipeline else before.latest
    return replace(before, sequence=verified.entry.sequence, digest=verified.digest, latest=latest)


def _dated(one: Opened, verified: VerifiedEntry, before: State | None, now: datetime) -> Iterator[Finding]:
    key, time = one.key, verified.entry.time
    if before is not None and time < before.latest - CLOCK_SKEW:
        yield Finding(
            code=Code.ENTRY_BACKDATED,
            where=key,
            expected=f"{format_time(before.latest)}, where the pipeline was before, or later",
            found=format_time(time),
            hint="who holds a key that has expired dates back; or a clock was wrong",
        )
    by_pipeline = before is None or verified.signer in before.pipeline_keys
    if time <= now + CLOCK_SKEW:
        return
    if by_pipeline:
        yield Finding(
            code=Code.ENTRY_POSTDATED,
            where=key,
            expected=f"at most {format_time(now)}, which is now",
            found=format_time(time),
            hint="what must wait (soak, freeze windows) was judged at that time; or a clock is wrong",
        )
    elif isinstance(one.content, NotesRevised | IssueTold | StopOrdered):
        yield Finding(
            code=Code.STATEMENT_POSTDATED,
            where=key,
            expected=f"at most {format_time(now)}, which is now",
            found=f"{format_time(time)}, by {verified.signer}",
            hint=f"their clock is fast; pages say {AHEAD.days} days after the pipeline's last entry at most",
        )


_REFUSED = {
    Code.ENTRY_CONTRADICTS: "an entry that can be so after those before it",
    Code.ENTRY_UNAUTHORISED: "an entry by somebody who may write it",
    Code.PIPELINE_UNTRUSTED: "no keys of the pipeline but those that were given",
}


def _refused(key: str, code: Code, error: LedgerBrokenError, suspect: str | None) -> Finding:
    follows = suspect is not None and code is Code.ENTRY_CONTRADICTS
    return Finding(
        code=code,
        where=key,
        expected=_REFUSED[code],
        found=error.message.partition(": ")[2] or error.message,
        hint=f"may follow from the break at {suspect}" if follows else error.hint,
    )


def _code(before: State, content: Content, verified: VerifiedEntry, trust: Trust) -> Code:
    """Why the fold refused it."""
    if isinstance(content, PolicyChanged) and not trust.pipeline.issuperset(content.pipeline_keys):
        return Code.PIPELINE_UNTRUSTED
    allowed = _may_write(before, content, verified, trust)
    return Code.ENTRY_CONTRADICTS if allowed else Code.ENTRY_UNAUTHORISED


def _may_write(state: State, content: Content, verified: VerifiedEntry, trust: Trust) -> bool:
    """As the fold: the pipeline everything, people their own statements."""
    own = isinstance(content, Statement) and verified.signer == verified.statement_signer
    return verified.signer in state.pipeline_keys or (own and verified.signer in trust.people)

"""The state, derived anew from the objects of a ledger, with every check that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from release.audit.arranging import arrange
from release.audit.deciding import Decided, decision_findings
from release.audit.delivery import delivery_findings
from release.audit.documents import genesis_findings
from release.audit.finding import Code, Finding
from release.audit.mirror_head import OpenedHead, check_mirror_head, compare_mirror_head
from release.audit.opening import Opened
from release.audit.speaking import statement_findings
from release.audit.walking import Folded, Walker, walk
from release.catalog.naming import LEDGER_PREFIX, ledger_key
from release.digests import Digest
from release.ledger.kinds import Genesis, ReleaseCollected
from release.ledger.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What came out. ``state`` is None when no entry could be believed.

    ``suspect`` is where the first entry is that is missing or says nothing here, None for none: what the
    rest is compared with may lack what it said.
    """

    state: State | None
    findings: tuple[Finding, ...]
    digests: Mapping[int, Digest]
    """Of the signed entries, by number."""
    decisions: int
    suspect: str | None
    collections: tuple[Folded, ...]
    """Entries that let the bytes of a release go: judged when the documents of releases were read."""


def derive(objects: Sequence[Opened], head: OpenedHead, walker: Walker) -> Derived:
    """Put the objects in order, walk them, ask every decision again, and compare the mirror's head."""
    arrangement = arrange(objects, head.position)
    findings = [*head.findings, *arrangement.findings]
    if not objects:
        findings.append(_empty())
    state: State | None = None
    named: State | None = None
    place = None if head.position is None else head.position.sequence
    suspect: str | None = None
    decisions = 0
    collections: list[Folded] = []
    for folded in walk(arrangement.places, walker):
        findings += _found(folded, walker)
        state, suspect = folded.after, folded.breaks
        decisions += isinstance(folded.content, Decided)
        if isinstance(folded.content, ReleaseCollected) and not folded.refused:
            collections.append(folded)
        if state.sequence == place:
            named = state
    end = _end(objects)
    if suspect is None and (len(arrangement.places) <= end or (place is not None and place > end)):
        suspect = ledger_key(len(arrangement.places))
    findings += check_mirror_head(head, named, end)
    policy = None if named is None else walker.policies.get(named.policy)
    if head.head is not None and named is not None and policy is not None:
        findings += compare_mirror_head(head.head, named, policy, suspect)
    findings += () if state is None else _stops(state)
    return Derived(
        state=state,
        findings=tuple(findings),
        digests={
            number: one.entry.digest for number, one in arrangement.places.items() if one.entry is not None
        },
        decisions=decisions,
        suspect=suspect,
        collections=tuple(collections),
    )


def _found(folded: Folded, walker: Walker) -> Iterator[Finding]:
    yield from folded.findings
    if isinstance(folded.content, Genesis) and not folded.refused:
        policy = walker.policies.get(folded.content.policy)
        if policy is not None:
            yield from genesis_findings(folded.content, policy)
    yield from decision_findings(folded, walker.policies)
    yield from delivery_findings(folded, walker.policies)
    yield from statement_findings(folded, walker.policies)


def _end(objects: Sequence[Opened]) -> int:
    """The highest number of a signed entry, or of an object in its place that is none."""
    numbers = (one.number if one.sequence is None else one.sequence for one in objects)
    return max((number for number in numbers if number is not None), default=-1)


def _empty() -> Finding:
    return Finding(code=Code.LEDGER_EMPTY, where=LEDGER_PREFIX, expected="a ledger", found="no entry of one")


def _stops(state: State) -> Iterator[Finding]:
    """Stops that hold are loud until they are lifted."""
    for stop in state.standing_stops():
        yield Finding(
            code=Code.STOP_STANDS,
            where=f"stop {stop.digest.hex[:12]}",
            expected="nothing stopped",
            found=f"{stop}: {stop.subject.reason}",
        )

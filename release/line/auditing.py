"""Auditing a mirror: what is judged how is in ``release.audit``, here is its I/O.

The order is one that a mirror in use does not upset: the head, then the ledger, which holds what the head
names, and pointers last, since whoever moves one has written the ledger before. A ledger that went on
meanwhile is looked at again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Protocol

from release.audit import documents
from release.audit.channels import ChannelAudit, channel_findings, channel_places
from release.audit.delivery import collection_findings
from release.audit.deriving import Derived, derive
from release.audit.documents import Had, JudgedRelease, Named
from release.audit.finding import Code, Finding
from release.audit.key_notes import key_findings
from release.audit.mirror_head import OpenedHead, check_seen, open_mirror_head, to_remember
from release.audit.opening import Opened, Stored, open_object
from release.audit.pointers import PointerAudit, all_places, pointer_findings
from release.audit.report import AuditReport, Counts
from release.audit.walking import Walker
from release.bundle.document import MAX_DOCUMENT
from release.bundle.layout import document_key
from release.catalog.naming import HEAD_FILE, NamingScheme
from release.catalog.version import Version
from release.digests import Digest
from release.ledger.chain import StatementVerifier
from release.ledger.fold import Trust
from release.ledger.state import State
from release.line.audit_reading import MirrorReading
from release.line.evidence import DOCUMENT_LIMIT
from release.line.notes_texts import NOTES_BYTES
from release.line.visiting import MirrorSource
from release.mirror.store import POINTER_LIMIT
from release.promotion.policy import Policy
from release.promotion.policy_file import POLICY_LIMIT
from release.signing.key_health import Certificate
from release.trust.channel_document import CHANNEL_LIMIT, channel_document_key
from release.trust.head import HEAD_LIMIT
from release.trust.seen import Seen

_TRIES = 3
_BATCH = 64
"""Objects of the ledger that are held at the same time."""

OpenedBefore = dict[tuple[str, Digest | None], Opened]


class ReleaseCheck(Protocol):
    """Verifies all of one registered release."""

    def __call__(self, source: MirrorSource, version: Version, state: State) -> Iterator[Finding]:
        """What does not hold; nothing when all is well."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """Who audits, and what they know from elsewhere.

    ``release_check`` is None to compare no more of a release than its document. ``seen`` is where the
    mirror was at an earlier visit, None at the first. ``clock`` gives aware times, UTC; it is asked once
    for each look at the ledger. ``workers`` is how many signatures are checked at the same time.
    """

    product: str
    trust: Trust
    verifier: StatementVerifier
    certificates: tuple[Certificate, ...]
    clock: Callable[[], datetime]
    naming: NamingScheme = field(default_factory=NamingScheme)
    release_check: ReleaseCheck | None = None
    seen: Seen | None = None
    workers: int = field(default_factory=lambda: min(8, os.cpu_count() or 1))


def audit(source: MirrorSource, auditor: Auditor) -> AuditReport:
    """Derive everything anew from what the mirror has, and report each break.

    Raises:
        UnavailableError: the mirror does not answer, or not always the same: nothing is known then.
        ToolError: signatures cannot be checked here.
    """
    reading, before = MirrorReading(source), OpenedBefore()
    for left in reversed(range(_TRIES)):
        ledger = _read(reading, auditor, before)
        report, state = _report(reading, auditor, ledger)
        if not left or not _went_on(reading, ledger):
            break
    verified = () if state is None else _verified(source, auditor, state)
    return replace(report, findings=(*report.findings, *verified))


def _verified(source: MirrorSource, auditor: Auditor, state: State) -> Iterator[Finding]:
    """Files of releases, which takes long and changes nothing: once, when the rest is known."""
    if auditor.release_check is not None:
        for version in state.releases:
            yield from auditor.release_check(source, version, state)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ledger:
    """One look at the ledger: the head, as it was read and opened, and every object."""

    now: datetime
    had: Had
    head: OpenedHead
    objects: Sequence[Opened]


def _read(reading: MirrorReading, auditor: Auditor, before: OpenedBefore) -> _Ledger:
    """Read and open the ledger; what was opened ``before`` stays so."""
    now, had = auditor.clock(), reading.had(HEAD_FILE, HEAD_LIMIT)
    head = open_mirror_head(had, auditor.verifier, auditor.trust, now)
    stored = reading.ledger(-1 if head.position is None else head.position.sequence)
    found: list[Opened] = []
    with ThreadPoolExecutor(auditor.workers) as pool:  # gpg is another process, which they wait for
        while batch := list(islice(stored, _BATCH)):
            found += pool.map(lambda one: _open(one, auditor.verifier, before), batch)
    before.update({(one.key, one.digest): one for one in found})
    return _Ledger(now=now, had=had, head=head, objects=found)


def _open(one: Stored, verifier: StatementVerifier, before: OpenedBefore) -> Opened:
    digest = None if one.data is None else Digest.sha256(one.data)
    return before.get((one.key, digest)) or open_object(one, verifier)


def _went_on(reading: MirrorReading, ledger: _Ledger) -> bool:
    numbers = (one.number for one in ledger.objects if one.number is not None)
    following = max(numbers, default=-1) + 1
    return reading.had(HEAD_FILE, HEAD_LIMIT) != ledger.had or reading.has_entry(following)


def _report(reading: MirrorReading, auditor: Auditor, ledger: _Ledger) -> tuple[AuditReport, State | None]:
    """Everything but the ledger and the files of releases is read here, and judged with it."""
    named = documents.named_by(ledger.objects)
    policies, faults = _policies(reading, named)
    walker = Walker(product=auditor.product, trust=auditor.trust, policies=policies, now=ledger.now)
    derived = derive(ledger.objects, ledger.head, walker)
    state = derived.state
    releases = {} if state is None else _releases(reading, auditor, state)
    pointers, misled = _pointers(reading, auditor, ledger.now, derived, releases)
    policy = None if state is None else policies.get(state.policy)
    channels = None
    if state is not None and policy is not None:
        channels = ChannelAudit(
            state=state, policy=policy, releases=releases, verifier=auditor.verifier, now=ledger.now
        )
    findings = (
        *derived.findings,
        *check_seen(auditor.seen, ledger.head, derived.digests),
        *faults,
        *_evidence(reading, named),
        *_notes(reading, named, state, policies),
        *(finding for one in releases.values() for finding in one.findings),
        *_foundations(state, releases),
        *collection_findings(derived.collections, policies, releases),
        *misled,
        *_channels(reading, channels),
        *_keys(auditor, ledger, state, policies),
        *_unlisted(reading),
    )
    counts = Counts(
        entries=len(derived.digests),
        decisions=derived.decisions,
        policies=len(named.policies),
        evidence=len(named.evidence),
        corrections=len(named.notes),
        releases=len(releases),
        pointers=pointers,
    )
    report = AuditReport(
        product=auditor.product,
        at=ledger.now,
        last=None if state is None else state.digest,
        counts=counts,
        findings=findings,
        seen=to_remember(ledger.head, derived.digests, findings),
    )
    return report, state


def _policies(reading: MirrorReading, named: Named) -> tuple[dict[Digest, Policy], list[Finding]]:
    """Those that can be read, and what is wrong with the others."""
    kinds = (
        (documents.judge_policy, named.policies),
        (documents.judge_proposal, named.proposed),
        (documents.judge_policy, named.mentioned),
    )
    judged = {
        digest: judge(digest, reading.had(documents.policy_place(digest), POLICY_LIMIT), namer)
        for judge, digests in kinds
        for digest, namer in digests.items()
    }
    policies = {digest: one for digest, one in judged.items() if isinstance(one, Policy)}
    faults = (one for digest, one in judged.items() if digest not in named.mentioned)
    return policies, [one for one in faults if isinstance(one, Finding)]


def _evidence(reading: MirrorReading, named: Named) -> Iterator[Finding]:
    for digest, namer in named.evidence.items():
        found, problem = reading.digest(documents.evidence_place(digest), DOCUMENT_LIMIT)
        finding = documents.judge_evidence(digest, found, problem, namer)
        if finding is not None:
            yield finding


def _notes(
    reading: MirrorReading, named: Named, state: State | None, policies: Mapping[Digest, Policy]
) -> Iterator[Finding]:
    """All are read before one is judged: which of them pages need depends on which are there."""
    read = {place: reading.digest(place, NOTES_BYTES) for place in named.notes}
    there = {place for place, (digest, _) in named.notes.items() if read[place][0] == digest}
    shown = documents.notes_shown(state, policies, there)
    for place, (digest, namer) in named.notes.items():
        found, problem = read[place]
        finding = documents.judge_notes(place, digest, found, problem, namer, unused=place not in shown)
        if finding is not None:
            yield finding


def _foundations(state: State | None, releases: Mapping[Version, JudgedRelease]) -> Iterator[Finding]:
    for version, revisions in () if state is None else state.revisions.items():
        judged = releases.get(version)
        if judged is not None and judged.release is not None:
            yield from documents.judge_foundation(judged.release, revisions)


def _releases(reading: MirrorReading, auditor: Auditor, state: State) -> dict[Version, JudgedRelease]:
    return {
        version: documents.judge_release(
            entry, reading.had(document_key(version), MAX_DOCUMENT), auditor.product, auditor.naming
        )
        for version, entry in state.releases.items()
    }


def _pointers(
    reading: MirrorReading,
    auditor: Auditor,
    now: datetime,
    derived: Derived,
    releases: Mapping[Version, JudgedRelease],
) -> tuple[int, list[Finding]]:
    """How many pointers there are, and what is wrong with them."""
    state, keys = derived.state, reading.listed("")
    if state is None:
        return 0, []
    had = {place: reading.had(place.key, POINTER_LIMIT) for place in all_places(state, keys or ())}
    by = PointerAudit(
        state=state,
        versions={
            (version, board): digest
            for version, one in releases.items()
            for board, digest in one.versions.items()
        },
        naming=auditor.naming,
        now=now,
        suspect=derived.suspect,
        listed=keys is not None,
    )
    return sum(not one.absent for one in had.values()), list(pointer_findings(had, by))


def _channels(reading: MirrorReading, by: ChannelAudit | None) -> Iterator[Finding]:
    """What machines are offered. Read after the ledger, which holds what it was made from."""
    if by is not None:
        places = {place: channel_document_key(*place) for place in channel_places(by.state)}
        had = {place: reading.had(key, CHANNEL_LIMIT) for place, key in places.items()}
        yield from channel_findings(had, by)


def _keys(
    auditor: Auditor, ledger: _Ledger, state: State | None, policies: Mapping[Digest, Policy]
) -> Iterator[Finding]:
    policy = None if state is None else policies.get(state.policy)
    return key_findings(ledger.objects, auditor.certificates, state, policy, ledger.now)


def _unlisted(reading: MirrorReading) -> Iterator[Finding]:
    if reading.unlisted:
        yield Finding(
            code=Code.NOT_LISTED,
            where="the mirror",
            expected="a list of its keys",
            found="none: nothing that nobody names could be looked for",
            hint="audit the store itself (a directory, s3://), too",
        )

"""Evidence: what checks found about a release, put into the store and named by the ledger.

Level-triggered like everything here: a check whose outcome cannot have changed is not made again, and
what the ledger says already is not said twice. Nothing here decides: the gate does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from release import canonical
from release.bundle.layout import Shipped, shipped
from release.bundle.release import Release
from release.canonical import Json
from release.catalog.naming import EVIDENCE_PREFIX
from release.catalog.version import Version
from release.digests import Digest, HashingWriter, chunks
from release.errors import InputError, NotVerifiedError, storage_errors
from release.ledger.fields import format_time
from release.ledger.kinds import EvidenceFound
from release.ledger.state import State, evidence_key
from release.ledger.statements import PromotionSubject
from release.line.comparison import compare
from release.line.findings import (
    Finding,
    comparison_finding,
    key_finding,
    no_comparison,
    notes_finding,
    read_signatures,
    signatures_finding,
    sizes_finding,
)
from release.line.sources import registered_release
from release.line.steps import Job, Report, Step
from release.line.yard import Yard
from release.notes.fragments import read_fragments
from release.notes.owed_cves import OwedCves, owed_cves, still_owed
from release.payload.profile import get_profile
from release.promotion import evidence_names as names
from release.promotion.baselines import baselines
from release.promotion.policy import Policy
from release.promotion.proposals import evidence
from release.promotion.request import read_request, source_of
from release.scratch import scratch_directory
from release.signing.key_health import signer_health
from release.signing.payload_signature import distinct_signers, verify_payload
from release.signing.trusted_keys import PayloadKey

DOCUMENT_LIMIT = 16 << 20
"""Bytes of one document of evidence."""

FOUND_HERE = (names.NOTES_COMPLETE, names.SIZES, names.COMPARISON, names.PAYLOAD_SIGNATURES, names.KEY_HEALTH)
"""Checks that are made here; publishing makes ``payload-proven`` and ``mirror-verified``."""


def asked_of(policy: Policy, channel: str) -> frozenset[str]:
    """Names of all evidence that the policy looks at before ``channel`` moves, limits included."""
    edge = policy.edge(channel)
    if edge is None:
        return frozenset()
    found = set(edge.evidence)
    limits = edge.limits
    if limits.boot_bytes is not None:
        found.add(names.SIZES)
    if any(one is not None for one in (limits.image_growth_percent, limits.delta_percent, limits.downgrades)):
        found.add(names.COMPARISON)
    if policy.signing.payload_signatures > 1:
        found.add(names.PAYLOAD_SIGNATURES)
    return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where a release shall go, and the channel it comes from; None when it comes from the build."""

    channel: str
    source: str | None


def way_to(state: State, policy: Policy, version: Version, channel: str) -> Way:
    """The way of a registered release into ``channel``. Raises InputError when the policy has no such."""
    return Way(channel=channel, source=source_of(state, policy.get(channel), state.releases[version]))


def baseline_versions(state: State, version: Version, way: Way) -> tuple[Version, ...]:
    """What a registered release is compared with on its way."""
    return baselines(state, state.releases[version], way.channel, way.source).versions


def evidence_job(yard: Yard, version: Version, ways: Sequence[Way], wanted: Iterable[str]) -> Job:
    """The step that finds out about a release what its ways take.

    ``wanted`` are names of ``FOUND_HERE``; others are for others to find, and left out. A check that has
    not passed is recorded, and no error; one that cannot be made raises NotVerifiedError.
    """
    chosen = frozenset(wanted)
    return (
        Step(
            f"evidence-{version}",
            f"find out about {version}",
            lambda report: _find(yard, version, ways, chosen, report),
        ),
    )


def evidence_for(yard: Yard, request: Digest) -> Job:
    """The step that finds what a request for a channel to move needs; none where nothing is asked."""
    state, policy = yard.ledger.state(), yard.policy()
    record = state.requests[request]
    if not isinstance(record.subject, PromotionSubject) or record.subject.version not in state.releases:
        return ()
    try:
        asked = read_request(record.statement)
    except InputError:
        return ()  # it can never go through
    wanted = asked_of(policy, asked.channel).intersection(FOUND_HERE)
    ways = [Way(channel=asked.channel, source=asked.from_channel)]
    return evidence_job(yard, asked.version, ways, wanted) if wanted else ()


def record(yard: Yard, release: Digest, found: Finding, now: datetime) -> None:
    """Put a finding's document into the store, then the finding into the ledger, unless it is there.

    Raises InputError when there is more to tell than anybody would read.
    """
    document = None
    if found.document is not None:
        data = canonical.dump(found.document)
        if len(data) > DOCUMENT_LIMIT:
            raise InputError(f"evidence {found.name}: more than {DOCUMENT_LIMIT:,} bytes to tell")
        document = keep(yard, data)
    entry = EvidenceFound(
        release=release,
        name=found.name,
        passed=found.passed,
        detail=found.detail,
        against=found.against,
        document=document,
        facts=dict(found.facts),
        failed=found.failed,
    )
    yard.ledger.append(evidence(entry), now=now)


def keep(yard: Yard, data: bytes) -> Digest:
    """Put bytes into the store under their own digest, which is returned."""
    digest = Digest.sha256(data)
    yard.store.create(object_key(digest), data, sha256=digest)
    return digest


def object_key(digest: Digest) -> str:
    """Where evidence is in the store."""
    return f"{EVIDENCE_PREFIX}{digest.hex}"


def read_document(yard: Yard, digest: Digest) -> dict[str, Json]:
    """A document of evidence.

    Raises:
        NotVerifiedError: the store holds other bytes.
        InputError: it is missing, or is no canonical JSON.
    """
    key = object_key(digest)
    data = yard.store.read(key, DOCUMENT_LIMIT)
    if Digest.sha256(data) != digest:
        raise NotVerifiedError(f"{key}: expected {digest}, found {Digest.sha256(data)}")
    return canonical.load(data, key, DOCUMENT_LIMIT)


def _find(yard: Yard, version: Version, ways: Sequence[Way], wanted: frozenset[str], report: Report) -> str:
    state, now = yard.ledger.state(), yard.clock()
    digest = state.releases[version].release
    before = state.evidence.get(digest, {})
    try:
        release, _ = registered_release(yard.store, state, version)
        for one in _findings(yard, state, release, ways, wanted, report=report):
            record(yard, digest, one, now)
    except InputError as error:  # what cannot be looked at is not verified, and stops no other release
        raise NotVerifiedError(f"evidence of {version}: {error.message}", hint=error.hint) from error
    after = yard.ledger.state().evidence.get(digest, {})
    told = [f"{key}: {found.detail}" for key, found in after.items() if before.get(key) != found]
    return "; ".join(told) or "nothing new"


def _findings(
    yard: Yard,
    state: State,
    release: Release,
    ways: Sequence[Way],
    wanted: frozenset[str],
    *,
    report: Report,
) -> Iterator[Finding]:
    known = state.evidence.get(state.releases[release.version].release, {})
    notes = known.get(names.NOTES_COMPLETE)
    if names.NOTES_COMPLETE in wanted and not (notes is not None and notes.passed):
        yield notes_finding(release, _owed_cves(yard, state, release))
    if names.SIZES in wanted:
        yield sizes_finding(release)
    if names.KEY_HEALTH in wanted:
        yield _key_health(yard)
    if names.COMPARISON in wanted:
        yield from _comparisons(yard, state, release, ways)
    if names.PAYLOAD_SIGNATURES in wanted:
        yield _signatures(yard, state, release, [way.channel for way in ways], report)


def _owed_cves(yard: Yard, state: State, release: Release) -> OwedCves:
    """What security fragments say of CVEs and neither these notes nor those of an older release tell.

    Fragments are looked at when the check is made, and once it has passed not any more: later ones are
    about later releases.
    """
    if yard.changelog is None:
        return OwedCves()
    # told by what it was compared with, imported history included
    told = {change.id for change in release.changes if not change.text}
    owed = owed_cves(read_fragments(yard.changelog), told)
    return still_owed(owed, _notes(yard, state, release))


def _notes(yard: Yard, state: State, release: Release) -> Iterator[str]:
    """Those of the release, then those of the ones below it, from the highest."""
    yield release.notes
    for version in sorted(state.releases, reverse=True):
        if version < release.version:
            older, _ = registered_release(yard.store, state, version)
            yield older.notes


def _key_health(yard: Yard) -> Finding:
    now = yard.clock()
    until = now + yard.policy().signing.release_lifetime
    found = signer_health(yard.certificates(), yard.signing_key(), now)
    return key_finding(found, outlives=found.outlives(until), until=format_time(until))


def _comparisons(yard: Yard, state: State, release: Release, ways: Sequence[Way]) -> Iterator[Finding]:
    """Against the baselines of every way. Both releases stay what they are, so each is made once."""
    known = state.evidence.get(state.releases[release.version].release, {})
    versions = (one for way in ways for one in baseline_versions(state, release.version, way))
    for baseline in dict.fromkeys(versions):
        made = known.get(evidence_key(names.COMPARISON, baseline))
        if made is None or made.document is None:
            yield _compare(yard, state, baseline, release)


def _compare(yard: Yard, state: State, baseline: Version, release: Release) -> Finding:
    try:
        before, _ = registered_release(yard.store, state, baseline)
        boards = compare(yard, baseline, release.version)
    except InputError as error:
        return no_comparison(baseline, error.message)
    return comparison_finding(before, release, boards, yard.naming)


def _signatures(
    yard: Yard, state: State, release: Release, channels: Sequence[str], report: Report
) -> Finding:
    """The keys that sign each payload as it is on the mirror, of those that the channels trust.

    Payloads never change, so whom one was signed by among some keys is found out once.
    """
    trusted = [{key.fingerprint: key for key in yard.payload_for(channel).keys} for channel in channels]
    every = {name: key for keys in trusted for name, key in keys.items()}
    signers = _signers_known(yard, state, release, frozenset(every))
    if signers is None:
        signers = {}
        payloads = [item for item in shipped(release) if item.payload is not None]
        for number, item in enumerate(payloads, start=1):
            with scratch_directory(yard.work) as folder:
                _fetch(yard, item, folder / "payload")
                signers[item.key] = _signers(folder / "payload", item, tuple(every.values()))
            report(number, len(payloads))
    return signatures_finding(signers, [frozenset(keys) for keys in trusted])


def _signers_known(
    yard: Yard, state: State, release: Release, trusted: frozenset[str]
) -> dict[str, list[str]] | None:
    """What was found before, None where not all of these keys were looked for."""
    known = state.evidence.get(state.releases[release.version].release, {}).get(names.PAYLOAD_SIGNATURES)
    if known is None or known.document is None:
        return None
    return read_signatures(read_document(yard, known.document), trusted)


def _signers(path: Path, item: Shipped, keys: Sequence[PayloadKey]) -> list[str]:
    """Fingerprints of the keys that verify; none where a client of its profile would not take the payload."""
    profile = None if item.payload is None else get_profile(item.payload.profile)
    try:
        slots = verify_payload(path, keys, profile)
    except NotVerifiedError:
        return []
    return [key.fingerprint for key in distinct_signers(slots)]


def _fetch(yard: Yard, item: Shipped, path: Path) -> None:
    with yard.store.open(item.key) as stream, storage_errors(path), path.open("wb") as target:
        writer = HashingWriter(target)
        for data in chunks(stream, item.artifact.size + 1):
            writer.write(data)
    if writer.hasher.result().sha256 != item.artifact.sha256:
        raise NotVerifiedError(f"{item.key}: not what release.json records")

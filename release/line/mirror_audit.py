"""Auditing mirrors over their public addresses, as machines see them, compared with ledger and origin.

One mirror that does not answer is a finding; the others are looked at all the same.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from release.audit.documents import Had
from release.audit.finding import Code, Finding
from release.audit.mirrors_report import AuditedMirror, Looked
from release.bundle.layout import shipped
from release.bundle.release import Release
from release.catalog.naming import HEAD_FILE
from release.errors import UnavailableError
from release.line.audit_reading import MirrorReading
from release.line.head import pipeline_keys
from release.line.mirror_audit_extras import extra_findings
from release.line.mirror_audit_objects import Looking, Sample, drawn
from release.line.mirror_audit_saying import (
    Origin,
    Said,
    channel_findings,
    head_findings,
    keys_of,
    lacking_findings,
    places_of,
    pointer_findings_of,
)
from release.line.mirror_audit_serving import certificate_findings, serving_findings
from release.line.mirror_files import mirror_release
from release.line.mirror_wishes import Place, everything, lacking
from release.line.mirrors import Mirror
from release.line.sources import registered_release
from release.line.yard import Yard
from release.mirror.http import HttpReader
from release.mirror.pace import Pace, TooSlowError
from release.mirror.plan import Wanted
from release.mirror.store import POINTER_LIMIT

_WORKERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How mirrors are audited.

    Attributes:
        sample: what is read in full besides the payloads of what channels are at; None reads everything.
        authorities: certificates (PEM) that may vouch for mirrors besides those that this machine knows.
        pace: how slow a mirror may be.
        limit: seconds that one mirror may take; what was not looked at until then is told.
        workers: how many objects are looked at side by side.
    """

    sample: Sample | None
    authorities: Path | None = None
    pace: Pace = field(default_factory=Pace)
    limit: float = 4 * 3600.0
    workers: int = _WORKERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What was found, and which releases of which channels do not hold there."""

    mirror: AuditedMirror
    damaged: Mapping[Place, str]


def audit_mirror(
    yard: Yard, mirror: Mirror, options: Options, report: Callable[[int, int], None] = lambda *_: None
) -> Audited:
    """Look at one mirror. Changes nothing.

    Raises:
        UnavailableError, NotVerifiedError, InputError: of the origin, not of the mirror.
    """
    begun = time.monotonic()
    origin = _origin(yard)
    looking = Looking(
        open_reader=lambda: _open(mirror, options),
        workers=options.workers,
        late=lambda: time.monotonic() - begun > options.limit,
    )
    wanted = _wanted(yard, origin, mirror)
    run = _Run(yard=yard, mirror=mirror, options=options, origin=origin, looking=looking, wanted=wanted)
    findings: list[Finding] = []
    try:
        for finding in run.findings(report):
            findings.append(finding)  # noqa: PERF402  what was found before it broke off counts
    except UnavailableError as error:
        findings.append(_broken_off(mirror, error))
    looked = Looked(
        objects=looking.objects, read=looking.read, size=looking.size, seconds=time.monotonic() - begun
    )
    audited = AuditedMirror(
        name=mirror.name,
        url=mirror.site.url,
        looked=looked,
        behind=run.behind,
        findings=tuple(dict.fromkeys(findings)),
    )
    return Audited(mirror=audited, damaged=_damaged(findings, wanted))


def _open(mirror: Mirror, options: Options) -> HttpReader:
    return HttpReader(mirror.site.url, pace=options.pace, authorities=options.authorities)


def _broken_off(mirror: Mirror, error: UnavailableError) -> Finding:
    slow = isinstance(error, TooSlowError)
    return Finding(
        code=Code.MIRROR_SLOW if slow else Code.MIRROR_UNREACHABLE,
        where=mirror.site.url,
        expected="answers",
        found=error.message,
        hint=error.hint or "whatever else is wrong there was not looked at",
    )


def _origin(yard: Yard) -> Origin:
    """What every mirror should say, out of the ledger and the store."""
    chain = yard.ledger.read()
    state = chain.state
    versions = {}
    for version in {head.version for head in state.heads.values()}:
        release, _ = registered_release(yard.store, state, version)
        for board in release.boards:
            for file in board.files:
                if file.name == yard.naming.version_file:
                    versions[version, board.board] = file.sha256
    return Origin(
        chain=chain,
        trust=yard.ledger.trust,
        keys=pipeline_keys(chain),
        verifier=yard.statements,
        versions=versions,
        naming=yard.naming,
        now=yard.clock(),
    )


_Objects = Mapping[str, tuple[Wanted, frozenset[Place]]]
"""By key: an object as it shall be, and the releases in channels that it is part of."""


def _wanted(yard: Yard, origin: Origin, mirror: Mirror) -> _Objects:
    """Every object of every release that the ledger says the mirror has, and that was not collected."""
    state = origin.chain.state
    found: dict[str, Wanted] = {}
    places: defaultdict[str, set[Place]] = defaultdict(set)
    for (channel, version), names in state.mirrors.items():
        if mirror.name not in names or version in state.collected or not mirror.site.serves(channel):
            continue
        place = Place(channel=channel, version=version)
        release = mirror_release(yard.store, state, place, yard.naming)
        is_written = mirror.access is not None and mirror.access.replica is not None
        for file in (release.written if is_written else release).files:
            found[file.key] = file.wanted
            places[file.key].add(place)
    return {key: (one, frozenset(places[key])) for key, one in found.items()}


def _damaged(findings: Sequence[Finding], wanted: _Objects) -> dict[Place, str]:
    """Releases in channels of which an object is missing or wrong; what could not be read says nothing."""
    telling = {
        Code.OBJECT_MISSING,
        Code.OBJECT_SHORT,
        Code.OBJECT_LONG,
        Code.OBJECT_WRONG,
        Code.SIGNATURE_WRONG,
    }
    found: dict[Place, str] = {}
    for finding in findings:
        if finding.code in telling and finding.where in wanted:
            for place in wanted[finding.where][1]:
                found.setdefault(place, str(finding))
    return found


@dataclass(slots=True, kw_only=True)
class _Run:
    """One mirror, looked at. ``behind`` is known when its head was."""

    yard: Yard
    mirror: Mirror
    options: Options
    origin: Origin
    looking: Looking
    wanted: _Objects
    behind: int | None = None

    def findings(self, report: Callable[[int, int], None]) -> Iterator[Finding]:
        """All there are. Raises UnavailableError when the mirror does not answer any more."""
        site, origin = self.mirror.site, self.origin
        reader = _open(self.mirror, self.options)
        for finding in certificate_findings(site.url, self.options.authorities, origin.now):
            yield finding
            if finding.code in {Code.TLS_UNTRUSTED, Code.TLS_EXPIRED}:
                return  # machines go no further either
        yield from self._said(MirrorReading(reader))
        objects = [one for one, _ in self.wanted.values()]
        yield from serving_findings(reader, objects, sorted(keys_of(origin, site)))
        whole = self._whole(objects)
        report(0, len(objects) + len(whole))
        for finding in self.looking.lengths(objects):
            yield finding
        report(len(objects), len(objects) + len(whole))
        yield from self.looking.contents(whole)
        yield from self._ended(len(objects), len(whole))
        yield from extra_findings(self.yard, self.mirror, origin.chain.state, self.wanted)

    def _said(self, reading: MirrorReading) -> Iterator[Finding]:
        """Head first and pointers last, since the head names nothing that is not there."""
        site, origin = self.mirror.site, self.origin
        keys = sorted(keys_of(origin, site), key=lambda key: (key != HEAD_FILE, key))
        had: dict[str, Had] = {key: reading.had(key, POINTER_LIMIT) for key in keys}
        opened, found = head_findings(origin, had[HEAD_FILE])
        if opened.head is not None:
            self.behind = origin.chain.state.sequence - opened.head.ledger.sequence
        yield from found
        said = Said(had=had)
        yield from pointer_findings_of(origin, site, said)
        yield from channel_findings(origin, site, said, opened)
        state = origin.chain.state
        yield from lacking_findings(lacking(state, site, everything(state, site)))

    def _whole(self, objects: Sequence[Wanted]) -> Sequence[Wanted]:
        if self.options.sample is None:
            return objects
        return drawn(objects, self.options.sample, self._payloads())

    def _payloads(self) -> frozenset[str]:
        """Keys of the payloads of what the mirror's channels are at: what machines fetch today."""
        state = self.origin.chain.state
        versions = {head.version for head, _ in places_of(self.origin, self.mirror.site)}
        found: set[str] = set()
        for version in versions:
            release, _ = registered_release(self.yard.store, state, version)
            found |= _payload_keys(release)
        return frozenset(found)

    def _ended(self, objects: int, whole: int) -> Iterator[Finding]:
        """Whether everything was looked at."""
        looking = self.looking
        if looking.given_up and looking.last is not None:
            raise looking.last
        if not looking.in_time:
            yield Finding(
                code=Code.MIRROR_SLOW,
                where=self.mirror.site.url,
                expected=f"all looked at within {self.options.limit:g} s",
                found=f"{looking.objects} of {objects} objects, {looking.read} of {whole} read",
                hint="take a smaller sample, or more time",
            )


def _payload_keys(release: Release) -> set[str]:
    return {item.key for item in shipped(release) if item.payload is not None}

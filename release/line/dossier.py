"""The dossier: what a person must have seen before they sign off a request. A value, and how it is gathered.

Everything in it is read from the ledger and from signed documents, and what is compared is compared anew:
it does not rest on evidence that somebody recorded, except where it says so.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from release.bundle.release import BoardRelease, PayloadRecord, Release
from release.canonical import Json
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError
from release.ledger.fields import format_time
from release.ledger.state import Head, State
from release.line.comparison import BoardComparison, compare
from release.line.evidence_status import KnownEvidence, known_evidence
from release.line.findings import Finding, board_json, comparison_finding, no_comparison
from release.line.policies import policy_key
from release.line.requests import request_status
from release.line.sources import registered_release
from release.line.yard import Yard
from release.notes.cves import claimed_cves
from release.promotion.baselines import Baselines, baselines
from release.promotion.case import Case, PolicyCase, PromotionCase
from release.promotion.policy_file import POLICY_LIMIT
from release.promotion.status import RequestStatus
from release.promotion.support import support_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What changed since one baseline. ``boards`` is empty where it could not be compared."""

    version: Version
    why: tuple[str, ...]
    """What the baseline is: one or two phrases."""
    boards: tuple[BoardComparison, ...]
    finding: Finding

    def as_json(self) -> dict[str, Json]:
        """For scripts."""
        return {
            "version": str(self.version),
            "why": [*self.why],
            "detail": self.finding.detail,
            "facts": dict(self.finding.facts),
            "failed": [*self.finding.failed],
            "boards": [board_json(one) for one in self.boards],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadLine:
    """One payload: what it is for, its size in bytes and of the full one, and who signed it."""

    board: str
    name: str
    kind: str
    size: int
    permille: int | None
    keys: tuple[str, ...]
    """SHA-256 of the public keys, as ``release.json`` records them."""

    def as_json(self) -> dict[str, Json]:
        """For scripts."""
        return {
            "board": self.board,
            "name": self.name,
            "kind": self.kind,
            "size": self.size,
            "permille": self.permille,
            "keys": [*self.keys],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDossier:
    """The release that is asked for, on its way into the channel."""

    channel: str
    source: str | None
    head: Version | None
    """What the channel is at."""
    release: Release
    digest: Digest
    compared: tuple[Compared, ...]
    evidence: tuple[KnownEvidence, ...]
    cves: tuple[tuple[Version, tuple[str, ...]], ...]
    """CVEs that the notes name, by release: this one, and those between it and what the channel is at."""
    payloads: tuple[PayloadLine, ...]
    needed_keys: int
    key_names: tuple[tuple[str, str], ...]
    """The payload keys that are trusted for the channel: their SHA-256, and how they are shown."""
    supported_until: datetime | None
    """When the stream's support would end that this opens; None when it opens none."""

    def as_json(self) -> dict[str, Json]:
        """For scripts."""
        release = self.release
        return {
            "channel": self.channel,
            "source": self.source,
            "head": None if self.head is None else str(self.head),
            "version": str(release.version),
            "release": str(self.digest),
            "built_for": release.channel,
            "created": format_time(release.created),
            "lineage": release.lineage.kind.value,
            "derives_from": None
            if release.lineage.derives_from is None
            else str(release.lineage.derives_from),
            "compared": [one.as_json() for one in self.compared],
            "evidence": [one.as_json() for one in self.evidence],
            "cves": {str(version): [*found] for version, found in self.cves},
            "notes": release.notes,
            "payloads": [one.as_json() for one in self.payloads],
            "needed_keys": self.needed_keys,
            "trusted_keys": dict(self.key_names),
            "supported_until": None if self.supported_until is None else format_time(self.supported_until),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What somebody said to the request already. ``who`` is a name, or the key of one not in the policy."""

    who: str
    verdict: str
    role: str
    at: datetime
    reason: str

    def as_json(self) -> dict[str, Json]:
        """For scripts."""
        return {
            "who": self.who,
            "verdict": self.verdict,
            "role": self.role,
            "at": format_time(self.at),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """A request with all that belongs to it."""

    status: RequestStatus
    asked_by: str
    said: tuple[Said, ...]
    release: ReleaseDossier | None
    """For a promotion."""
    policy_changes: tuple[str, ...]
    """For a change of the policy: a unified diff of the two files."""
    afterwards: tuple[str, ...]
    """What happens once it is carried out, and what can be done then."""

    def as_json(self) -> dict[str, Json]:
        """For scripts. Times are RFC 3339 UTC, digests ``sha256:<hex>``, sizes bytes."""
        return {
            **self.status.as_json(),
            "asked_by": self.asked_by,
            "said": [one.as_json() for one in self.said],
            "dossier": None if self.release is None else self.release.as_json(),
            "policy_changes": [*self.policy_changes],
            "afterwards": [*self.afterwards],
        }


def dossier_of(yard: Yard, request: Digest) -> Dossier:
    """Gather the dossier of a recorded request, as things are now.

    Raises:
        InputError: there is no such request.
        NotVerifiedError: the mirror does not have what was registered.
    """
    found = request_status(yard, request)
    case = found.case
    release = _release(yard, case) if isinstance(case, PromotionCase) else None
    changes = tuple(_policy_changes(yard, case)) if isinstance(case, PolicyCase) else ()
    return Dossier(
        status=found,
        asked_by=_name(case, case.signer) if isinstance(case, Case) else case.signer,
        said=tuple(_said(case)) if isinstance(case, Case) else (),
        release=release,
        policy_changes=changes,
        afterwards=_afterwards(release) if release is not None else (),
    )


def _name(case: Case, fingerprint: str) -> str:
    person = case.policy.person(fingerprint)
    return fingerprint if person is None else person.name


def _said(case: Case) -> Iterator[Said]:
    for given in case.sign_offs:
        said = given.sign_off
        yield Said(
            who=_name(case, given.signer),
            verdict=said.verdict.value,
            role=said.role,
            at=said.at,
            reason=said.reason,
        )


def _release(yard: Yard, case: PromotionCase) -> ReleaseDossier | None:
    registered = case.release
    if registered is None:
        return None
    state, asked = case.state, case.request
    release, _ = registered_release(yard.store, state, asked.version)
    found = baselines(state, registered, asked.channel, asked.from_channel)
    head = state.heads.get(asked.channel)
    return ReleaseDossier(
        channel=asked.channel,
        source=asked.from_channel,
        head=None if head is None else head.version,
        release=release,
        digest=asked.release,
        compared=tuple(_compared(yard, case, release, found)),
        evidence=known_evidence(state, case.policy, asked.release, case.now),
        cves=tuple(_cves(yard, state, release, found)),
        payloads=tuple(_payloads(release)),
        needed_keys=case.policy.signing.payload_signatures,
        key_names=tuple((key.fingerprint, str(key)) for key in yard.payload_for(asked.channel).keys),
        supported_until=_support(case),
    )


def _compared(yard: Yard, case: PromotionCase, release: Release, found: Baselines) -> Iterator[Compared]:
    for version in found.versions:
        why = []
        if version == found.head:
            why.append(f"what machines of {case.request.channel} have")
        if version == found.origin:
            source = case.request.from_channel
            derived = release.lineage.derives_from == version
            why.append("what it derives from" if derived else f"what {source} had before it")
        boards: tuple[BoardComparison, ...] = ()
        try:
            before, _ = registered_release(yard.store, case.state, version)
            boards = compare(yard, version, release.version)
            finding = comparison_finding(before, release, boards, yard.naming)
        except InputError as error:
            finding = no_comparison(version, error.message)
        yield Compared(version=version, why=tuple(why), boards=boards, finding=finding)


def _cves(
    yard: Yard, state: State, release: Release, found: Baselines
) -> Iterator[tuple[Version, tuple[str, ...]]]:
    """Of releases registered in between; whether each of them is an ancestor of this one is not known."""
    since = found.head or found.origin
    for version in sorted(state.releases, reverse=True):
        if version == release.version or (since is not None and since < version < release.version):
            one, _ = registered_release(yard.store, state, version)
            if fixed := claimed_cves(one.notes):
                yield version, fixed


def _payloads(release: Release) -> Iterator[PayloadLine]:
    for board in release.boards:
        full = next((one for one in board.payloads if _kind(one) == "full"), None)
        for one in board.payloads:
            yield _payload(board, one, full)


def _payload(board: BoardRelease, one: PayloadRecord, full: PayloadRecord | None) -> PayloadLine:
    whole = full is not None and one.source is not None
    size = one.artifact.size
    return PayloadLine(
        board=str(board.board),
        name=one.artifact.name,
        kind=_kind(one),
        size=size,
        permille=-(-size * 1000 // full.artifact.size) if whole and full is not None else None,
        keys=one.signatures,
    )


def _kind(payload: PayloadRecord) -> str:
    if payload.extension is not None:
        return f"extension {payload.extension}"
    return "full" if payload.source is None else f"delta from {payload.source}"


def _support(case: PromotionCase) -> datetime | None:
    edge = case.edge
    if edge is None or edge.streams is None or case.opened:
        return None
    asked = case.request
    first = Head(
        channel=asked.channel,
        version=asked.version,
        release=asked.release,
        generation=1,
        since=case.now,
        request=case.digest,
    )
    return support_of([first], edge.streams)[0].ends


def _afterwards(about: ReleaseDossier) -> tuple[str, ...]:
    channel, version = about.channel, about.release.version
    have = "" if about.head is None else f" from {about.head}"
    stops = (
        f"humpyard stop pause {channel} ends that at once for machines that have not updated yet;"
        f" humpyard stop withdraw {version} ends it in every channel. Either takes one person."
    )
    lines = [
        f"Machines of {channel} update themselves{have} to {version}, each when it next asks.",
        "No machine goes back: what is wrong with it is mended by a release of a higher version.",
        stops,
        "Until it is carried out, a no-go stops it, and whoever said go can take that back.",
    ]
    if about.supported_until is not None:
        until = f"{about.supported_until:%Y-%m-%d}"
        lines.append(f"It opens the stream {channel}, which is promised support until {until}.")
    return tuple(lines)


def _policy_changes(yard: Yard, case: PolicyCase) -> Iterator[str]:
    texts = []
    for digest in (case.request.policy, case.request.proposed):
        try:
            data = yard.store.read(policy_key(digest), POLICY_LIMIT)
        except InputError as error:
            yield f"cannot be shown: {error.message}"
            return
        if Digest.sha256(data) != digest:
            raise NotVerifiedError(f"{policy_key(digest)}: expected {digest}, found {Digest.sha256(data)}")
        texts.append(data.decode("utf-8", "replace").splitlines())
    before, after = texts
    yield from difflib.unified_diff(before, after, "in force", "proposed", lineterm="", n=1)

"""Importing test reports as evidence, and people's waivers for what failed in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from release.canonical import Json
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, RefusedError, storage_errors
from release.ledger.chain import StatementSigner
from release.ledger.kinds import EvidenceFound, write_content
from release.ledger.state import EvidenceRecord, State
from release.line.evidence import FOUND_HERE, keep, record
from release.line.findings import report_finding
from release.line.statements import Signed, find_role, sign_statement
from release.line.yard import Yard
from release.promotion import evidence_names as names
from release.promotion.waiver import Waiver
from release.reports.reading import read_report
from release.reports.report import REPORT_LIMIT, TestReport, combine, shown_name

_OURS = frozenset({names.PAYLOAD_PROVEN, names.MIRROR_VERIFIED, *FOUND_HERE})


def import_reports(yard: Yard, version: Version, name: str, files: Sequence[Path]) -> TestReport:
    """Record test reports of a registered release under one name; returns what they say together.

    Every file goes into the store under its digest, and one document that lists them with the names of
    all tests. A report that failed, or is not complete, is recorded as what it is. The reports of one
    name replace those that were recorded before.

    Raises:
        InputError: a file is no test report, two are the same, ``name`` is no word, or the release is
            not registered.
        RefusedError: ``name`` is a check that the pipeline makes itself.
    """
    if name in _OURS:
        raise RefusedError(
            f"evidence {name}: is found by the pipeline itself and cannot be imported",
            hint="choose the name that the policy asks for, for example kola",
        )
    if not files:
        raise InputError("expected at least one test report, found none")
    release = registered_digest(yard.ledger.state(), version)
    write_content(EvidenceFound(release=release, name=name, passed=False))  # refuses what is no name
    contents = {label: _read(path) for label, path in _labels(files).items()}
    digests = {label: Digest.sha256(data) for label, data in contents.items()}
    _check_distinct(digests)
    reports = {label: read_report(data, label) for label, data in contents.items()}
    for data in contents.values():
        keep(yard, data)
    together = combine(reports)
    document: dict[str, Json] = {
        "format": "humpyard-test-reports-1",
        "release": str(release),
        "name": name,
        "reports": [
            _report_json(label, report, len(contents[label]), digests[label])
            for label, report in reports.items()
        ],
    }
    found = report_finding(name, together, len(files), document)
    record(yard, release, found, yard.clock())
    return together


def waive(
    yard: Yard,
    author: StatementSigner,
    version: Version,
    name: str,
    items: Sequence[str],
    *,
    reason: str,
    valid_for: timedelta,
    role: str | None = None,
) -> Signed:
    """That ``author`` answers for named failures, signed; ``release.line.statements.record`` makes it count.

    Raises:
        InputError: one of ``items`` is nothing that the evidence of this name says failed; no reason.
        RefusedError: ``author`` holds no role that may waive.
    """
    state, policy, now = yard.ledger.state(), yard.policy(), yard.clock()
    release = registered_digest(state, version)
    failed = failures(state, release, name)
    unknown = [item for item in items if item not in failed]
    if unknown:
        shown = "; ".join(list(failed)[:5]) or "nothing"
        raise InputError(
            f"evidence {name}: {unknown[0]!r} did not fail there; what failed is: {shown}",
            hint=f"humpyard evidence show {version} lists all of it",
        )
    given = Waiver(
        product=state.product,
        release=release,
        evidence=name,
        items=tuple(dict.fromkeys(items)),
        role=find_role(policy, author, role, policy.waiver_roles),
        by=author.fingerprint,
        at=now,
        expires_at=now + valid_for,
        reason=reason,
    )
    return sign_statement(author, given.statement())


def registered_digest(state: State, version: Version) -> Digest:
    """The digest of a registered release. Raises InputError when it is not registered."""
    known = state.releases.get(version)
    if known is None:
        raise InputError(
            f"release {version}: not registered in the ledger",
            hint="publish it first: humpyard release publish",
        )
    return known.release


def of_name(known: Mapping[str, EvidenceRecord], name: str) -> dict[str, EvidenceRecord]:
    """All evidence of one name, whatever it was compared with, by its key."""
    return {key: found for key, found in known.items() if key.partition("@")[0] == name}


def failures(state: State, release: Digest, name: str) -> tuple[str, ...]:
    """Everything that the evidence of one name says failed, each once."""
    found = of_name(state.evidence.get(release, {}), name)
    return tuple(dict.fromkeys(item for one in found.values() for item in one.failed))


def _labels(files: Sequence[Path]) -> dict[str, Path]:
    """What to call each file: its path, as far as the files differ, without the last suffix."""
    if len(files) == 1:
        return {shown_name(files[0].name): files[0]}
    whole = [path.absolute().with_suffix("") for path in files]
    common = 0
    while len({path.parts[: common + 1] for path in whole}) == 1 and all(
        len(path.parts) > common + 1 for path in whole
    ):
        common += 1
    labels = [shown_name("/".join(path.parts[common:])) for path in whole]
    if len(set(labels)) < len(labels):
        raise InputError(
            "test reports: expected files with different names",
            hint="name each file, or the directory it is in, after the board it is about",
        )
    return dict(zip(labels, files, strict=True))


def _read(path: Path) -> bytes:
    with storage_errors(path), path.open("rb") as source:
        return source.read(REPORT_LIMIT + 1)


def _check_distinct(digests: Mapping[str, Digest]) -> None:
    """One board's report given for two would make the other look tested."""
    seen: dict[Digest, str] = {}
    for label, digest in digests.items():
        if digest in seen:
            raise InputError(f"test reports: {seen[digest]} and {label} are the same file")
        seen[digest] = label


def _report_json(label: str, report: TestReport, size: int, digest: Digest) -> Json:
    return {
        "label": label,
        "sha256": digest.hex,
        "size": size,
        "passed": _list(report.passed),
        "failed": _list(report.failed),
        "skipped": _list(report.skipped),
        "problem": report.problem,
    }


def _list(texts: Iterable[str]) -> list[Json]:
    return [*texts]

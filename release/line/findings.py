"""What the pipeline finds out about a release by itself, as values. Pure.

Names and facts are those of ``release.promotion.evidence_names``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from release.bundle.diff import Direction, PackageChange, change_rows
from release.bundle.release import BoardRelease, PayloadRecord, Release
from release.canonical import Json
from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.line.comparison import BoardComparison
from release.notes.compose import NOTHING
from release.notes.cves import claimed_cves, cve_ids, malformed_cve_ids
from release.notes.markers import PLACEHOLDER
from release.notes.owed_cves import OwedCves
from release.promotion import evidence_names as names
from release.reports.report import TestReport, shown_name
from release.signing.key_health import KeyHealth

_SIGNATURES = "humpyard-payload-signatures-1"
_NAMED = 500
"""Lines in ``failed``: of the longest names that many, escaped, still fit into an entry of the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check's outcome. ``document`` is everything that was found, for people and programs to read."""

    name: str
    passed: bool
    detail: str
    facts: Mapping[str, int] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    against: Version | None = None
    document: Mapping[str, Json] | None = None


def notes_finding(release: Release, owed: OwedCves) -> Finding:
    """Whether the notes are fit to be published. ``owed`` is what they should tell of CVEs and do not."""
    text = release.notes
    cves = claimed_cves(text)
    failed = list(_owed(owed, frozenset(cve_ids(text))))
    failed += [f"{one} is no CVE identifier" for one in malformed_cve_ids(text)]
    failed += [f"a placeholder is left: {one}" for one in dict.fromkeys(PLACEHOLDER.findall(text))]
    said = re.sub(r"^_Changes since .*_$", "", text, flags=re.MULTILINE).strip()
    if not said or all(line in ("", NOTHING) for line in said.splitlines()):
        failed.append("the notes say nothing")
    return Finding(
        name=names.NOTES_COMPLETE,
        passed=not failed,
        detail=f"{len(text.splitlines())} lines, {len(cves)} CVEs" + (f"; {failed[0]}" if failed else ""),
        facts={names.CVES: len(cves)},
        failed=_bounded(failed),
    )


def _owed(owed: OwedCves, named: Collection[str]) -> Iterator[str]:
    """Waivers are for these very words. What is named is only mentioned, or its fix is taken back."""
    for one in sorted(owed.fixes):
        untold = "but the notes do not claim it" if one in named else "and not in the notes"
        yield f"{one} is fixed by a fragment {untold}"
    for one in sorted(owed.names):
        yield f"{one} is named by a fragment and not in the notes"


def sizes_finding(release: Release) -> Finding:
    """What the release weighs. Passes always: what is too much is for the policy to say."""
    full = [size for board in release.boards if (size := _full(board)) is not None]
    facts = {
        names.IMAGE_BYTES: max(board.image.size for board in release.boards),
        names.BOOT_BYTES: max(_boot(board) for board in release.boards),
    }
    if len(full) == len(release.boards):
        facts[names.FULL_BYTES] = max(full)
    return Finding(
        name=names.SIZES,
        passed=True,
        detail=f"image {facts[names.IMAGE_BYTES]:,} bytes, kernel {facts[names.BOOT_BYTES]:,} bytes",
        facts=facts,
    )


def signatures_finding(signers: Mapping[str, Sequence[str]], trusted: Sequence[frozenset[str]]) -> Finding:
    """How many trusted keys verify, of the payload and the channel with the fewest.

    Args:
        signers: fingerprints by the payload's key in the store.
        trusted: fingerprints of the keys of every channel.
    """
    counts = (len(keys.intersection(found)) for keys in trusted for found in signers.values())
    fewest = min(counts, default=0)
    payloads: dict[str, Json] = {key: [*sorted(set(found))] for key, found in signers.items()}
    return Finding(
        name=names.PAYLOAD_SIGNATURES,
        passed=fewest > 0,
        detail=f"{len(signers)} payloads, each signed by {fewest} trusted keys or more",
        facts={names.FEWEST_KEYS: fewest},
        failed=() if fewest else ("a payload without a signature by a trusted key",),
        document={
            "format": _SIGNATURES,
            "looked_for": [*sorted(frozenset[str]().union(*trusted))],
            "payloads": payloads,
        },
    )


def read_signatures(document: Mapping[str, Json], wanted: frozenset[str]) -> dict[str, list[str]] | None:
    """Fingerprints by payload from an earlier finding; None unless it looked for all ``wanted`` keys."""
    looked_for, payloads = document.get("looked_for"), document.get("payloads")
    if document.get("format") != _SIGNATURES or not isinstance(looked_for, list):
        return None
    if not isinstance(payloads, dict) or not wanted.issubset(str(one) for one in looked_for):
        return None
    return {
        key: [str(one) for one in found if one in wanted]
        for key, found in payloads.items()
        if isinstance(found, list)
    }


def key_finding(found: KeyHealth, *, outlives: bool, until: str) -> Finding:
    """Whether the key that signed outlives the release, which is needed ``until`` then."""
    end = {} if found.until is None else {names.KEY_END_DAYS: int(found.until.timestamp()) // 86_400}
    line = found.describe().partition(", ")[0]  # without the days left, which change from day to day
    return Finding(
        name=names.KEY_HEALTH,
        passed=outlives,
        detail=line,
        facts=end,
        failed=() if outlives else _bounded([f"needed until {until}: {line}"]),
    )


def report_finding(name: str, report: TestReport, count: int, document: Mapping[str, Json]) -> Finding:
    """A test report, made of ``count`` files."""
    failed = list(_bounded(report.failed))
    if report.problem is not None:
        failed.append(shown_name(names.NOT_COMPLETE + report.problem))
    elif not report.passed and not report.failed:
        failed.append(names.UNTESTED)
    return Finding(
        name=name,
        passed=report.ok,
        detail=report.summary + (f"; {count} reports" if count > 1 else ""),
        facts={
            names.TESTS_PASSED: len(report.passed),
            names.TESTS_FAILED: len(report.failed),
            names.TESTS_SKIPPED: len(report.skipped),
            names.REPORTS: count,
        },
        failed=tuple(failed),
        document=document,
    )


def comparison_finding(
    before: Release, after: Release, boards: Sequence[BoardComparison], naming: NamingScheme
) -> Finding:
    """What changed since ``before``; ``boards`` are those that both have."""
    lost_boards = sorted({str(one.board) for one in before.boards} - {str(one.board) for one in after.boards})
    lost = [f"{one.board}: {name}" for one in boards for name in _lost(before, after, one, naming)]
    changes = {one for board in boards for one in board.packages.changed}
    facts = {
        **_growth(before, after, boards),
        names.PACKAGES_ADDED: len({one for board in boards for one in board.packages.added}),
        names.PACKAGES_REMOVED: len({one for board in boards for one in board.packages.removed}),
        names.PACKAGES_UP: sum(one.direction is Direction.UP for one in changes),
        names.PACKAGES_SIDEWAYS: sum(one.direction is Direction.SIDEWAYS for one in changes),
        names.DOWNGRADES: sum(one.direction is Direction.DOWN for one in changes),
        names.FILES_CHANGED: sum(len(one.files) for one in boards),
        names.LOST_BOARDS: len(lost_boards),
        names.LOST_EXTENSIONS: len(lost),
    }
    missing = [f"board {name} is not in this release" for name in lost_boards]
    missing += [f"{name} is not in this release" for name in lost]
    return Finding(
        name=names.COMPARISON,
        passed=not missing,
        detail=_told(facts) + ("" if not missing else f"; {missing[0]}"),
        facts=facts,
        failed=_bounded([*missing, *map(_downgrade, sorted(changes, key=lambda one: one.name))]),
        against=before.version,
        document=_document(before, after, boards, missing),
    )


def no_comparison(against: Version, why: str) -> Finding:
    """The comparison could not be made."""
    return Finding(
        name=names.COMPARISON,
        passed=False,
        detail=f"not compared: {why}"[:400],
        failed=(shown_name(f"not compared with {against}: {why}"),),
        against=against,
    )


def _bounded(lines: Iterable[str]) -> tuple[str, ...]:
    """The first of them as lines of the ledger, and how many more there are."""
    shown = [shown_name(line) for line in lines if line]
    more = len(shown) - _NAMED
    return tuple(shown) if more <= 0 else (*shown[:_NAMED], f"and {more} more, see the document")


def _downgrade(change: PackageChange) -> str:
    if change.direction is not Direction.DOWN:
        return ""
    return f"{names.DOWNGRADE}{change.name} {change.before} to {change.after}"


def _lost(before: Release, after: Release, one: BoardComparison, naming: NamingScheme) -> Iterator[str]:
    there = {file.name for file in after.board(one.board).files}
    for file in before.board(one.board).files:
        if naming.is_extension(file.name) and file.name not in there:
            yield file.name


def _growth(before: Release, after: Release, boards: Sequence[BoardComparison]) -> dict[str, int]:
    """Of the board that is worst off; nothing where there is no board to compare."""
    pairs = [(before.board(one.board), after.board(one.board)) for one in boards]
    facts: dict[str, list[int]] = {}
    for old, new in pairs:
        _add(facts, names.IMAGE_GROWTH_BYTES, names.IMAGE_GROWTH_PERMILLE, old.image.size, new.image.size)
        facts.setdefault(names.BOOT_GROWTH_BYTES, []).append(_boot(new) - _boot(old))
        full = _full(new)
        if full is not None:
            delta = next((one for one in new.payloads if one.source == before.version), None)
            sent = full if delta is None else delta.artifact.size
            facts.setdefault(names.DELTA_PERMILLE, []).append(_permille(sent, full))
            _add(facts, names.FULL_GROWTH_BYTES, names.FULL_GROWTH_PERMILLE, _full(old), full)
    worst = {name: max(values) for name, values in facts.items() if len(values) == len(pairs)}
    files = sum(change.growth for one in boards for change in one.files)
    return {**worst, names.FILES_GROWTH_BYTES: files}


def _add(facts: dict[str, list[int]], size: str, permille: str, old: int | None, new: int) -> None:
    if old:
        facts.setdefault(size, []).append(new - old)
        facts.setdefault(permille, []).append(_permille(new - old, old))


def _permille(part: int, whole: int) -> int:
    """Thousandths, rounded up, so that what is above a limit never looks as if it kept it."""
    return -(-part * 1000 // whole)


def _full(board: BoardRelease) -> int | None:
    payload: PayloadRecord | None = next(
        (one for one in board.payloads if one.source is None and one.extension is None), None
    )
    return None if payload is None else payload.artifact.size


def _boot(board: BoardRelease) -> int:
    return 0 if board.kernel is None else board.kernel.size


def _told(facts: Mapping[str, int]) -> str:
    growth = facts.get(names.FULL_GROWTH_BYTES)
    size = "" if growth is None else f", full payload {growth:+,} bytes"
    return (
        f"packages: {facts[names.PACKAGES_UP]} up, {facts[names.DOWNGRADES]} down,"
        f" {facts[names.PACKAGES_ADDED]} added, {facts[names.PACKAGES_REMOVED]} removed{size}"
    )


def _document(
    before: Release, after: Release, boards: Sequence[BoardComparison], missing: Sequence[str]
) -> dict[str, Json]:
    return {
        "format": "humpyard-comparison-1",
        "before": str(before.version),
        "after": str(after.version),
        "missing": list(missing),
        "boards": [board_json(one) for one in boards],
    }


def board_json(one: BoardComparison) -> dict[str, Json]:
    """What changed for one board, for scripts; sizes in bytes, null where there is no such file."""
    packages: list[Json] = [
        {"name": name, "before": old, "after": new, "change": change}
        for name, old, new, change in package_rows(one)
    ]
    files: list[Json] = [{"name": one.name, "before": one.before, "after": one.after} for one in one.files]
    return {"board": str(one.board), "image_growth": one.growth, "packages": packages, "files": files}


def package_rows(one: BoardComparison) -> Iterator[tuple[str, str | None, str | None, str]]:
    """Name, version before, version after and what happened, for every package that differs."""
    return change_rows(one.packages)

"""What is found about releases, from values alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from release.bundle.diff import FileChange, PackageDiff, diff_files, diff_packages
from release.bundle.release import BoardRelease, Measured, PayloadRecord, Release
from release.catalog.board import Board
from release.catalog.lineage import Lineage
from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.digests import Digest
from release.image.packages import Package
from release.ledger.entries import Entry, write_body, write_sealed
from release.ledger.kinds import EvidenceFound, write_content
from release.ledger.sealed import Sealed
from release.line.comparison import BoardComparison
from release.line.findings import (
    Finding,
    comparison_finding,
    key_finding,
    no_comparison,
    notes_finding,
    read_signatures,
    report_finding,
    signatures_finding,
    sizes_finding,
)
from release.notes.owed_cves import OwedCves
from release.promotion import evidence_names as names
from release.reports.report import Outcome, TestReport, gather
from release.signing.key_health import Condition, KeyHealth
from tests.unit.pages.samples import artifact

NAMES = NamingScheme()
OLD, NEW = Version.parse("1.0.0"), Version.parse("2.0.0")
AMD64, ARM64 = Board("amd64"), Board("arm64")


def payload(size: int, source: Version | None = None) -> PayloadRecord:
    return PayloadRecord(
        artifact=artifact(NAMES.full_payload if source is None else NAMES.delta_payload(source), size),
        source=source,
        source_image=None if source is None else Digest.sha256(b"image"),
        profile="flatcar",
        metadata_size=10,
        operations={"REPLACE": 1},
        signatures=("11" * 32,),
        proven=True,
    )


def board(
    name: Board = AMD64,
    *,
    image: int = 1000,
    full: int = 1000,
    delta: int | None = None,
    kernel: int | None = 50,
    extensions: tuple[str, ...] = (),
) -> BoardRelease:
    return BoardRelease(
        board=name,
        image=Measured(size=image, sha256=Digest.sha256(b"image")),
        kernel=None if kernel is None else Measured(size=kernel, sha256=Digest.sha256(b"kernel")),
        files=tuple(artifact(one, 10) for one in sorted(extensions)),
        payloads=(payload(full), *([] if delta is None else [payload(delta, OLD)])),
    )


def release(version: Version, *boards: BoardRelease, notes: str = "- something\n") -> Release:
    return Release(
        product="demo",
        version=version,
        channel="alpha",
        created=datetime(2026, 11, 1, tzinfo=UTC),
        lineage=Lineage(),
        boards=boards,
        notes=notes,
    )


def packages(*texts: str) -> tuple[Package, ...]:
    return tuple(Package(*text.split()) for text in texts)


NO_PACKAGES = PackageDiff(added=(), removed=(), changed=())


def compared(
    before: Release, after: Release, diff: PackageDiff = NO_PACKAGES, files: tuple[FileChange, ...] = ()
) -> Finding:
    shared = [one for one in after.boards if one.board in {old.board for old in before.boards}]
    boards = [
        BoardComparison(
            board=one.board,
            packages=diff,
            files=files or diff_files(before.board(one.board), one),
            growth=one.image.size - before.board(one.board).image.size,
        )
        for one in shared
    ]
    return comparison_finding(before, after, boards, NAMES)


def recorded(found: Finding) -> EvidenceFound:
    """Fails when the ledger would not take it."""
    entry = EvidenceFound(
        release=Digest.sha256(b"release"),
        name=found.name,
        passed=found.passed,
        detail=found.detail,
        against=found.against,
        facts=dict(found.facts),
        failed=found.failed,
    )
    write_content(entry)
    return entry


def test_facts_are_of_the_board_that_is_worst_off() -> None:
    before = release(OLD, board(AMD64), board(ARM64))
    after = release(
        NEW,
        board(AMD64, image=900, full=1100, delta=10, kernel=60),
        board(ARM64, image=1001, full=1050, delta=1000, kernel=40),
    )
    facts = compared(before, after).facts
    assert facts[names.IMAGE_GROWTH_BYTES] == 1
    assert facts[names.IMAGE_GROWTH_PERMILLE] == 1
    assert facts[names.FULL_GROWTH_BYTES] == 100
    assert facts[names.FULL_GROWTH_PERMILLE] == 100
    assert facts[names.BOOT_GROWTH_BYTES] == 10
    assert facts[names.DELTA_PERMILLE] == 953  # 1000 of 1050, rounded up


def test_a_share_above_a_limit_never_looks_as_if_it_kept_it() -> None:
    facts = compared(release(OLD, board(full=100_000)), release(NEW, board(full=105_001))).facts
    assert facts[names.FULL_GROWTH_PERMILLE] == 51


def test_shrinking_is_told_as_less_than_nothing() -> None:
    facts = compared(release(OLD, board(full=1000)), release(NEW, board(full=899))).facts
    assert facts[names.FULL_GROWTH_BYTES] == -101
    assert facts[names.FULL_GROWTH_PERMILLE] == -101


def test_without_a_delta_machines_download_all_of_it() -> None:
    assert compared(release(OLD, board()), release(NEW, board())).facts[names.DELTA_PERMILLE] == 1000


def test_packages_are_counted_once_and_downgrades_are_named_without_failing() -> None:
    diff = diff_packages(
        packages("a/up 1.0", "a/down 2.0", "a/side 1.0", "a/gone 1"),
        packages("a/up 1.1", "a/down 1.9", "a/side 1-0", "a/come 1"),
    )
    found = compared(release(OLD, board(AMD64), board(ARM64)), release(NEW, board(AMD64), board(ARM64)), diff)
    counts = [names.PACKAGES_UP, names.DOWNGRADES, names.PACKAGES_SIDEWAYS, names.PACKAGES_ADDED]
    assert [found.facts[one] for one in [*counts, names.PACKAGES_REMOVED]] == [1, 1, 1, 1, 1]
    assert found.failed == ("downgrade a/down 2.0 to 1.9",)
    assert found.passed
    recorded(found)


def test_a_board_or_an_extension_that_is_missing_fails_the_comparison() -> None:
    before = release(OLD, board(AMD64, extensions=("oem-azure.raw", "oem-gce.raw")), board(ARM64))
    found = compared(before, release(NEW, board(AMD64, extensions=("oem-azure.raw", "oem-new.raw"))))
    assert not found.passed
    assert found.failed == (
        "board arm64-usr is not in this release",
        "amd64-usr: oem-gce.raw is not in this release",
    )
    assert found.facts[names.LOST_BOARDS] == 1
    assert found.facts[names.LOST_EXTENSIONS] == 1
    recorded(found)


def test_releases_for_other_boards_have_no_growth_that_a_limit_could_like() -> None:
    found = compared(release(OLD, board(AMD64)), release(NEW, board(ARM64)))
    assert not found.passed
    assert names.IMAGE_GROWTH_PERMILLE not in found.facts
    assert names.DELTA_PERMILLE not in found.facts


def test_more_failures_than_an_entry_holds_are_counted() -> None:
    extensions = tuple(f"oem-{number:04}-{'x' * 180}.raw" for number in range(700))
    found = compared(release(OLD, board(extensions=extensions)), release(NEW, board()))
    assert len(found.failed) == 501
    assert found.failed[-1] == "and 200 more, see the document"
    assert found.facts[names.LOST_EXTENSIONS] == 700
    assert len(set(found.failed)) == 501
    recorded(found)


def test_a_comparison_that_could_not_be_made_has_not_passed() -> None:
    found = no_comparison(OLD, "release 1.0.0: has no packages\n\x1b[31m" + "x" * 9000)
    assert not found.passed
    assert found.document is None
    assert len(found.failed) == 1


def test_sizes_are_those_of_the_largest_board() -> None:
    found = sizes_finding(release(NEW, board(AMD64, kernel=None), board(ARM64, full=50, image=7, kernel=60)))
    assert found.facts == {names.IMAGE_BYTES: 1000, names.FULL_BYTES: 1000, names.BOOT_BYTES: 60}
    assert found.passed
    assert sizes_finding(release(NEW, board(kernel=None))).facts[names.BOOT_BYTES] == 0


@pytest.mark.parametrize(
    ("notes", "failed"),
    [
        ("", "the notes say nothing"),
        (" \n\n", "the notes say nothing"),
        ("_Changes since **Alpha 1.0.0**_\n\nNo changes were recorded.\n", "the notes say nothing"),
        ("- Linux (CVE-2026-XXXX)", "CVE-2026-XXXX is no CVE identifier"),
        ("- TODO write this", "a placeholder is left: TODO"),
        ("- Lorem Ipsum dolor", "a placeholder is left: Lorem Ipsum"),
    ],
)
def test_notes_that_say_nothing_or_hold_a_place_are_not_complete(notes: str, failed: str) -> None:
    found = notes_finding(release(NEW, board(), notes=notes), OwedCves())
    assert not found.passed
    assert failed in found.failed


def test_notes_that_leave_a_fix_out_are_not_complete() -> None:
    about = release(NEW, board(), notes="- Linux (CVE-2026-1111)\n\nMind CVE-2026-3333.\n")
    assert notes_finding(about, OwedCves()).passed
    assert notes_finding(about, OwedCves()).facts == {names.CVES: 1}
    fixes, named = frozenset({"CVE-2026-2222", "CVE-2026-3333"}), frozenset({"CVE-2026-4444"})
    found = notes_finding(about, OwedCves(fixes=fixes, names=named))
    assert not found.passed
    assert found.failed == (
        "CVE-2026-2222 is fixed by a fragment and not in the notes",
        "CVE-2026-3333 is fixed by a fragment but the notes do not claim it",
        "CVE-2026-4444 is named by a fragment and not in the notes",
    )


def test_words_that_only_contain_a_placeholder_are_words() -> None:
    assert notes_finding(release(NEW, board(), notes="- todo lists, XX, mastodon, TODOS"), OwedCves()).passed


KEYS = ("aa" * 32, "bb" * 32, "cc" * 32)


def test_signatures_are_counted_for_the_payload_and_the_channel_with_the_fewest() -> None:
    signers = {"update/a": [KEYS[0], KEYS[1], KEYS[1]], "update/b": [KEYS[0], KEYS[2]]}
    both = frozenset(KEYS[:2])
    assert signatures_finding(signers, [frozenset(KEYS)]).facts[names.FEWEST_KEYS] == 2
    assert signatures_finding(signers, [frozenset(KEYS), both]).facts[names.FEWEST_KEYS] == 1
    assert not signatures_finding({**signers, "update/c": []}, [both]).passed
    assert not signatures_finding({}, [both]).passed
    assert not signatures_finding(signers, []).passed


def test_signers_that_were_found_are_believed_only_for_keys_that_were_looked_for() -> None:
    document = signatures_finding({"update/a": list(KEYS)}, [frozenset(KEYS[:2])]).document
    assert document is not None
    assert read_signatures(document, frozenset(KEYS[:1])) == {"update/a": [KEYS[0]]}
    assert read_signatures(document, frozenset(KEYS)) is None
    assert read_signatures({**document, "format": "x"}, frozenset()) is None
    assert read_signatures({}, frozenset()) is None


def test_a_key_that_ends_before_the_release_does_has_not_passed() -> None:
    end = datetime(2026, 12, 24, 12, tzinfo=UTC)
    key = KeyHealth(
        fingerprint="A" * 40,
        user_id="Pipeline",
        condition=Condition.EXPIRING,
        signing="A" * 40,
        until=end,
        days=9,
    )
    found = key_finding(key, outlives=False, until="2027-01-01T00:00:00Z")
    assert found.facts == {names.KEY_END_DAYS: 20_811}
    assert found.failed[0].startswith("needed until 2027-01-01T00:00:00Z: Pipeline")
    assert "9 days" not in found.detail  # it would be another entry every day
    assert key_finding(key, outlives=True, until="2026-12-01T00:00:00Z").passed


def test_every_reason_why_a_report_has_not_passed_is_named() -> None:
    cases = {
        TestReport(passed=("a",), failed=("b",)): ("b",),
        TestReport(passed=("a",), failed=("b",), problem="cut off"): ("b", "not complete: cut off"),
        TestReport(problem="no plan"): ("not complete: no plan",),
        TestReport(skipped=("a",)): (names.UNTESTED,),
        TestReport(passed=("a",)): (),
    }
    for report, failed in cases.items():
        found = report_finding("kola", report, 1, {})
        assert found.failed == failed
        assert found.passed == (not failed)
        recorded(found)


@pytest.mark.parametrize("letter", ["\N{GRINNING FACE}", '"', "\\", "a"])
def test_a_report_of_very_many_failures_fits_into_an_entry(letter: str) -> None:
    report = gather((f"{number} {letter * 300}", Outcome.FAILED) for number in range(3000))
    content = recorded(report_finding("kola", report, 1, {}))
    assert content.facts[names.TESTS_FAILED] == 3000
    assert content.failed[-1] == "and 2500 more, see the document"
    entry = Entry(
        sequence=1,
        previous=content.release,
        time=datetime(2026, 11, 1, tzinfo=UTC),
        kind="evidence",
        data=write_content(content),
    )
    assert write_sealed(Sealed(body=write_body(entry), signature="x" * 16_384))

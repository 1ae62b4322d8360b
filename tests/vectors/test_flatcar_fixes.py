"""The CVEs of Flatcar's 540 published releases as data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from release.bundle.change import ChangeKind
from release.notes.compose import Baseline, compose_notes
from release.notes.cves import Fix, cve_ids, fixes_in
from release.notes.fragments import read_fragments
from release.notes.imported import ImportedRelease, read_history
from release.notes.items import passages
from release.notes.owed_cves import OwedCves, owed_cves, still_owed

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def history(shared: Path) -> tuple[ImportedRelease, ...]:
    return read_history(shared / "data" / "flatcar-releases")


def test_no_identifier_is_lost_and_none_made_up(history: tuple[ImportedRelease, ...]) -> None:
    every: set[str] = set()
    for release in history:
        named = set(re.findall(r"CVE-\d{4}-\d{4,}", release.notes))
        assert {fix.cve for fix in fixes_in(release.notes)} == named
        every |= named
    assert len(every) == 7614


def test_all_but_177_are_told_with_a_package_and_none_with_a_severity(
    history: tuple[ImportedRelease, ...],
) -> None:
    fixes = {fix for release in history for fix in fixes_in(release.notes)}
    named = {fix.cve for fix in fixes if fix.package is not None}
    assert len({fix.cve for fix in fixes} - named) == 177
    assert not any(fix.severity for fix in fixes)
    assert not any(re.search(r"\b(fix|multiple)", fix.package or "", re.IGNORECASE) for fix in fixes)


def test_all_but_five_mentions_claim_a_fix(history: tuple[ImportedRelease, ...]) -> None:
    """By eye: of two the notes say that Flatcar is not affected, of xz that it is not in three releases."""
    found = [(release.version, fix) for release in history for fix in fixes_in(release.notes)]
    assert sorted((str(version), fix.cve) for version, fix in found if not fix.claimed) == [
        ("2723.0.0", "CVE-2020-27835"),
        ("2723.0.0", "CVE-2020-28588"),
        ("3815.2.2", "CVE-2024-3094"),
        ("3913.1.0", "CVE-2024-3094"),
        ("3941.0.0", "CVE-2024-3094"),
    ]
    assert len({fix.cve for _, fix in found if fix.claimed}) == 7613
    assert not any(fix.undone for _, fix in found)


def test_the_fix_of_regresshion_is_found(history: tuple[ImportedRelease, ...]) -> None:
    fixed = Fix("CVE-2024-6387", "openssh", claimed=True)
    found = {release.channel: release.version for release in history if fixed in fixes_in(release.notes)}
    assert {channel: str(version) for channel, version in found.items()} == {
        "alpha": "4012.0.1",
        "beta": "3975.1.1",
        "stable": "3815.2.5",
        "lts-2023": "3510.3.5",
        "lts-2024": "4081.3.0",
    }


def test_most_items_are_in_a_section_with_a_meaning(history: tuple[ImportedRelease, ...]) -> None:
    found = [one for release in history for one in passages(release.notes) if one.is_item]
    assert len(found) > 10_000
    assert sum(one.kind is None for one in found) / len(found) < 0.01


def test_every_fix_of_the_real_fragments_is_claimed_by_notes_made_of_them(shared: Path) -> None:
    """Of xz a fragment says that Flatcar is not affected."""
    fragments = read_fragments(shared / "data" / "changelog")
    owed = owed_cves(fragments, frozenset())
    named = {
        cve for one in fragments if one.kind is ChangeKind.SECURITY for it in one.items for cve in cve_ids(it)
    }
    assert owed.fixes | owed.names == named
    assert (len(owed.fixes), sorted(owed.names)) == (809, ["CVE-2024-3094"])
    assert still_owed(owed, [compose_notes(fragments, [Baseline(name="Alpha 4757.0.0")])]) == OwedCves()
    for fragment in fragments:  # each by itself, too
        alone = owed_cves([fragment], frozenset())
        assert still_owed(alone, [compose_notes([fragment], [Baseline()])]) == OwedCves()

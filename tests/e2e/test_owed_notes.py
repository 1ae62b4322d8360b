"""Evidence that notes are complete asks for claims: an open CVE that older notes name is not a fix told."""

from __future__ import annotations

from release.catalog.version import Version
from release.ledger.state import EvidenceRecord
from release.promotion import evidence_names as names
from release.wiring import open_yard
from tests.small_yard import NEW, OLD, SmallYard

A = "CVE-2026-1111"
OPEN = f"#### Known issues:\n\n- {A} in curl is not fixed yet\n"


def publish(yard: SmallYard, version: Version, notes: str) -> None:
    path = yard.root / "notes.md"
    path.write_text(notes)
    build = ["candidate", "build", str(yard.image_set(version)), "--version", str(version)]
    assert yard.humpyard(*build, "--channel", "alpha", "--notes", str(path)) == 0
    assert yard.humpyard("release", "publish", str(version), "--offered-in", "alpha") == 0


def completeness(yard: SmallYard, version: Version) -> EvidenceRecord:
    assert yard.humpyard("evidence", "find", str(version)) == 0
    with open_yard(yard.settings) as opened:
        state = opened.ledger.state()
        return state.evidence[state.releases[version].release][names.NOTES_COMPLETE]


def test_a_fix_of_what_an_older_release_calls_open_has_to_be_told(small_yard: SmallYard) -> None:
    publish(small_yard, OLD, OPEN)
    assert completeness(small_yard, OLD).passed
    (small_yard.root / "changelog" / "security" / "2026-08-01-curl.md").write_text(f"- curl ({A})\n")
    publish(small_yard, NEW, "#### Changes:\n\n- Docker 28.1\n")
    found = completeness(small_yard, NEW)
    assert found.failed == (f"{A} is fixed by a fragment and not in the notes",)
    assert found.facts == {names.CVES: 0}


def test_a_fix_that_the_notes_call_open_is_not_told(small_yard: SmallYard) -> None:
    (small_yard.root / "changelog" / "security" / "2026-08-01-curl.md").write_text(f"- curl ({A})\n")
    publish(small_yard, OLD, OPEN)
    assert completeness(small_yard, OLD).failed == (
        f"{A} is fixed by a fragment but the notes do not claim it",
    )


def test_a_fix_that_an_older_release_claims_is_told(small_yard: SmallYard) -> None:
    publish(small_yard, OLD, f"#### Security fixes:\n\n- curl ({A})\n")
    (small_yard.root / "changelog" / "security" / "2026-08-01-curl.md").write_text(f"- curl ({A})\n")
    publish(small_yard, NEW, "#### Changes:\n\n- Docker 28.1\n")
    assert completeness(small_yard, NEW).passed

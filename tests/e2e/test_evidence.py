"""Evidence through the command line: found, imported, waived, asked for by the gate."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from release.catalog.board import Board
from release.catalog.naming import NamingScheme, update_prefix
from release.digests import Digest
from release.ledger.state import EvidenceRecord
from release.line.evidence_status import evidence_status
from release.promotion import evidence_names as names
from release.wiring import open_yard, utc_now
from tests.e2e.refusal import REFUSED, USAGE, Terminal, tree
from tests.small_yard import BOARD, NEW, OLD, SmallYard

FAILING = "1..3\nok - cl.basic\nnot ok - cl.update.payload\n  ---\n  Error: x\n  ...\nok - kubeadm # SKIP\n"
PASSING = "1..2\nok - cl.basic\nok - cl.update.payload\n"
LOST = "amd64-usr: oem-gce.raw is not in this release"
DOWN = "downgrade dev-libs/openssl 3.4.1-r1 to 3.4.1"
FLAKY = "amd64-usr/kola: cl.update.payload"


def reports(yard: SmallYard, **texts: str) -> list[str]:
    """Report files of boards, ``amd64`` is ``amd64-usr/kola.tap``."""
    paths = []
    for board, text in texts.items():
        path = yard.root / "reports" / f"{board}-usr" / "kola.tap"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        paths.append(str(path))
    return paths


def known(yard: SmallYard, key: str) -> EvidenceRecord:
    with open_yard(yard.settings) as opened:
        state = opened.ledger.state()
        return state.evidence[state.releases[NEW].release][key]


def length(yard: SmallYard) -> int:
    return len(list((yard.mirror / "ledger").glob("*.json")))


def imported(yard: SmallYard, *files: str, name: str = "kola") -> int:
    return yard.humpyard("evidence", "import", str(NEW), "--name", name, *files)


def waive(yard: SmallYard, who: str, name: str, *tests: str, reason: str = "known, #1185") -> int:
    chosen = [option for test in tests for option in ("--test", test)]
    options = ["--name", name, *chosen, "--reason", reason]
    return yard.humpyard("evidence", "waive", str(NEW), *options, *yard.secret(who))


def shown(yard: SmallYard, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    capsys.readouterr()
    assert yard.humpyard("evidence", "show", str(NEW), "--json", *options) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def unmet(found: dict[str, Any], channel: str = "beta") -> set[str]:
    return {rule["name"] for rule in found["asked"][channel] if not rule["met"]}


def test_reports_of_two_boards_are_one_piece_of_evidence_with_everything_kept(
    evidence_yard: SmallYard,
) -> None:
    yard = evidence_yard
    assert imported(yard, *reports(yard, amd64=FAILING, arm64=PASSING)) == 0
    found = known(yard, "kola")
    assert not found.passed
    assert found.failed == (FLAKY,)
    assert dict(found.facts) == {
        names.TESTS_PASSED: 3,
        names.TESTS_FAILED: 1,
        names.TESTS_SKIPPED: 1,
        names.REPORTS: 2,
    }
    assert found.document is not None
    document = json.loads((yard.mirror / "evidence" / found.document.hex).read_bytes())
    assert [one["label"] for one in document["reports"]] == ["amd64-usr/kola", "arm64-usr/kola"]
    for one, text in zip(document["reports"], (FAILING, PASSING), strict=True):
        assert (yard.mirror / "evidence" / one["sha256"]).read_bytes() == text.encode()
    before = length(yard)
    assert imported(yard, *reports(yard, amd64=FAILING, arm64=PASSING)) == 0
    assert length(yard) == before


def test_a_later_import_replaces_the_one_before(evidence_yard: SmallYard) -> None:
    assert imported(evidence_yard, *reports(evidence_yard, amd64=FAILING)) == 0
    assert imported(evidence_yard, *reports(evidence_yard, amd64=PASSING)) == 0
    assert known(evidence_yard, "kola").passed


def test_what_is_no_report_or_has_no_place_is_refused_and_changes_nothing(
    evidence_yard: SmallYard, terminal: Terminal
) -> None:
    yard = evidence_yard
    (good,) = reports(yard, amd64=PASSING)
    (same,) = reports(yard, arm64=PASSING)
    bomb = yard.root / "bomb.xml"
    bomb.write_text('<!DOCTYPE x [<!ENTITY a "aaaa">]><testsuite name="&a;"/>')
    before = tree(yard.mirror)
    terminal.fails(
        REFUSED,
        "payload-proven",
        "cannot be imported",
        by=lambda: imported(yard, good, name="payload-proven"),
    )
    terminal.fails(REFUSED, "are the same file", by=lambda: imported(yard, good, same))
    terminal.fails(REFUSED, "no document type", by=lambda: imported(yard, str(bomb)))
    terminal.fails(REFUSED, "name: String should match", by=lambda: imported(yard, good, name="Kola Tests"))
    terminal.fails(REFUSED, "missing.tap", by=lambda: imported(yard, "missing.tap"))
    terminal.fails(
        REFUSED,
        "9999.0.0: not registered",
        by=lambda: yard.humpyard("evidence", "import", "9999.0.0", "--name", "kola", good),
    )
    assert yard.humpyard("evidence", "import", str(NEW), good) == USAGE
    assert tree(yard.mirror) == before


def test_files_that_cannot_be_told_apart_are_refused(evidence_yard: SmallYard, terminal: Terminal) -> None:
    folder = evidence_yard.root / "reports"
    folder.mkdir()
    (folder / "kola.tap").write_text(PASSING)
    (folder / "kola.xml").write_text("<testsuite><testcase name='a'/></testsuite>")
    files = [str(folder / "kola.tap"), str(folder / "kola.xml")]
    terminal.fails(REFUSED, "different names", by=lambda: imported(evidence_yard, *files))


def test_the_pipeline_finds_out_what_changed_once(
    evidence_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = evidence_yard
    assert yard.humpyard("evidence", "find", str(NEW), "--for", "beta") == 0
    facts = known(yard, f"{names.COMPARISON}@{OLD}").facts
    expected = {
        names.PACKAGES_UP: 3,
        names.DOWNGRADES: 1,
        names.PACKAGES_ADDED: 1,
        names.PACKAGES_REMOVED: 1,
        names.LOST_EXTENSIONS: 1,
        names.LOST_BOARDS: 0,
        names.IMAGE_GROWTH_BYTES: 0,
        names.BOOT_GROWTH_BYTES: 0,
    }
    assert {name: facts[name] for name in expected} == expected
    assert 0 < facts[names.DELTA_PERMILLE] < 200
    assert known(yard, f"{names.COMPARISON}@{OLD}").failed == (LOST, DOWN)
    assert known(yard, names.PAYLOAD_SIGNATURES).facts[names.FEWEST_KEYS] == 2
    assert known(yard, names.SIZES).facts[names.BOOT_BYTES] == 9_001
    assert known(yard, names.NOTES_COMPLETE).passed
    assert known(yard, names.KEY_HEALTH).passed
    before = length(yard)
    for payload in (yard.mirror / update_prefix(Board.parse(BOARD), NEW)).glob("*"):
        payload.unlink()  # signers of payloads are not looked for again
    assert yard.humpyard("evidence", "find", str(NEW), "--for", "beta") == 0
    assert length(yard) == before
    assert unmet(shown(yard, capsys, "--for", "beta")) == {
        f"evidence {names.COMPARISON}@{OLD}",
        "evidence kola",
        "limit downgrades",
    }


def test_a_fix_that_the_notes_leave_out_is_found(evidence_yard: SmallYard) -> None:
    fragment = evidence_yard.root / "changelog" / "security" / "2026-09-01-late.md"
    fragment.write_text("- zlib (CVE-2026-55555)\n")
    assert evidence_yard.humpyard("evidence", "find", str(NEW)) == 0
    found = known(evidence_yard, names.NOTES_COMPLETE)
    assert found.failed == ("CVE-2026-55555 is fixed by a fragment and not in the notes",)
    fragment.unlink()
    assert evidence_yard.humpyard("evidence", "find", str(NEW)) == 0
    assert known(evidence_yard, names.NOTES_COMPLETE).passed


def test_what_cannot_be_looked_at_is_refused_and_nothing_is_recorded(
    evidence_yard: SmallYard, terminal: Terminal
) -> None:
    yard, before = evidence_yard, length(evidence_yard)
    find = ["evidence", "find", str(NEW)]
    fragment = yard.root / "changelog" / "security" / "2026-09-01-broken.md"
    fragment.write_text("no list item\n")
    terminal.fails(REFUSED, f"evidence of {NEW}", "2026-09-01-broken.md:1", by=lambda: yard.humpyard(*find))
    fragment.unlink()
    (yard.mirror / "releases" / str(NEW) / "release.json").unlink()
    terminal.fails(REFUSED, f"evidence of {NEW}", "release.json", by=lambda: yard.humpyard(*find))
    assert length(yard) == before


def test_evidence_that_somebody_altered_on_the_mirror_is_not_believed(
    evidence_yard: SmallYard, terminal: Terminal
) -> None:
    yard = evidence_yard
    assert yard.humpyard("evidence", "find", str(NEW), "--for", "beta") == 0
    document = known(yard, names.PAYLOAD_SIGNATURES).document
    assert document is not None
    path = yard.mirror / "evidence" / document.hex
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"payloads", b"payloadz"))
    terminal.fails(
        REFUSED,
        f"evidence/{document.hex}",
        "expected",
        by=lambda: yard.humpyard("evidence", "find", str(NEW)),
    )


def test_a_waiver_names_what_failed_and_answers_for_nothing_else(
    evidence_yard: SmallYard, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = evidence_yard
    assert yard.humpyard("evidence", "find", str(NEW), "--for", "beta") == 0
    assert imported(yard, *reports(yard, amd64=FAILING, arm64=PASSING)) == 0
    before = tree(yard.mirror)
    terminal.fails(
        REFUSED, "'cl.basic' did not fail", FLAKY, by=lambda: waive(yard, "grace", "kola", "cl.basic")
    )
    terminal.fails(REFUSED, "did not fail", by=lambda: waive(yard, "grace", "lint", FLAKY))
    terminal.fails(REFUSED, "reason", by=lambda: waive(yard, "grace", "kola", FLAKY, reason=""))
    terminal.fails(REFUSED, "is not a person of the policy", by=lambda: waive(yard, "build", "kola", FLAKY))
    assert tree(yard.mirror) == before
    assert waive(yard, "grace", "kola", FLAKY) == 0
    assert unmet(shown(yard, capsys, "--for", "beta")) == {
        f"evidence {names.COMPARISON}@{OLD}",
        "limit downgrades",
    }
    assert waive(yard, "linus", "comparison", LOST) == 0
    assert unmet(shown(yard, capsys, "--for", "beta")) == {"limit downgrades"}
    assert waive(yard, "linus", "comparison", DOWN) == 0
    assert unmet(shown(yard, capsys, "--for", "beta")) == set()
    assert (
        imported(yard, *reports(yard, amd64=FAILING.replace("- cl.basic", "- cl.other"), arm64=PASSING)) == 0
    )
    assert unmet(shown(yard, capsys, "--for", "beta")) == set()
    assert imported(yard, *reports(yard, amd64=FAILING, arm64=FAILING.replace("x", "y"))) == 0
    assert unmet(shown(yard, capsys, "--for", "beta")) == {"evidence kola"}


def test_a_waiver_does_not_count_for_ever(evidence_yard: SmallYard) -> None:
    yard = evidence_yard
    assert imported(yard, *reports(yard, amd64=FAILING, arm64=PASSING)) == 0
    assert waive(yard, "grace", "kola", FLAKY) == 0
    for days, result in ((29, "waived"), (31, "FAILED")):
        later = utc_now() + timedelta(days=days)
        with open_yard(yard.settings, clock=lambda later=later: later) as opened:  # type: ignore[misc]
            found = {one.key: one.result for one in evidence_status(opened, NEW).known}
        assert found["kola"] == result


def test_a_report_that_is_cut_off_is_not_made_good_by_waiving_the_test_that_failed(
    evidence_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = evidence_yard
    cut = FAILING.replace("1..3", "1..4")
    assert imported(yard, *reports(yard, amd64=cut, arm64=PASSING)) == 0
    assert waive(yard, "grace", "kola", FLAKY) == 0
    assert "evidence kola" in unmet(shown(yard, capsys, "--for", "beta"))
    assert (
        f"{names.NOT_COMPLETE}amd64-usr/kola: 4 tests were planned, 3 are reported"
        in known(yard, "kola").failed
    )


def test_a_waiver_that_was_signed_elsewhere_is_recorded_from_its_file(evidence_yard: SmallYard) -> None:
    yard = evidence_yard
    assert imported(yard, *reports(yard, amd64=FAILING, arm64=PASSING)) == 0
    before, out = length(yard), yard.root / "waiver.json"
    options = ["--name", "kola", "--test", FLAKY, "--reason", "known", "--out", str(out)]
    assert yard.humpyard("evidence", "waive", str(NEW), *options, *yard.secret("grace")) == 0
    assert length(yard) == before
    assert yard.humpyard("promote", "record", str(out)) == 0
    assert length(yard) == before + 1


def test_a_promotion_finds_what_its_policy_asks_for_and_waits_for_people(
    evidence_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = evidence_yard
    assert yard.humpyard("promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada")) == 0
    assert yard.humpyard("promote", "run") == 0
    assert yard.humpyard("promote", "request", str(NEW), "--to", "beta", *yard.secret("ada")) == 0
    for who in ("grace", "linus"):
        request = json.loads(_status(yard, capsys))["requests"][0]["request"]
        assert yard.humpyard("promote", "sign-off", request, "--go", *yard.secret(who)) == 0
    capsys.readouterr()
    assert yard.humpyard("promote", "run") == 1
    refused = capsys.readouterr().err
    assert "missing kola passed" in refused
    assert LOST in refused
    assert "notes-complete" not in refused.partition("error:")[2]
    assert imported(yard, *reports(yard, amd64=PASSING)) == 0
    assert waive(yard, "grace", "comparison", LOST, DOWN) == 0
    assert yard.humpyard("promote", "run") == 0
    assert json.loads(_status(yard, capsys))["requests"] == []
    before = tree(yard.mirror)
    assert yard.humpyard("promote", "run") == 0
    assert {key for key, value in tree(yard.mirror).items() if before.get(key) != value} <= {"head.json"}


def _status(yard: SmallYard, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert yard.humpyard("promote", "status", "--json") == 0
    return capsys.readouterr().out


def test_what_is_known_is_shown_to_people_in_lines_that_a_terminal_survives(
    evidence_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = evidence_yard
    hostile = "1..2\nok - fine\nnot ok - evil\x1b[2J\u202e name\n"
    assert imported(yard, *reports(yard, amd64=hostile)) == 0
    capsys.readouterr()
    assert yard.humpyard("evidence", "show", str(NEW)) == 0
    printed = capsys.readouterr().out
    assert "kola: evil?[2J? name" in printed
    assert all(one.isprintable() or one == "\n" for one in printed)
    assert f"release {NEW}" in printed
    assert "alpha asks for:" in printed
    assert "beta asks for:" not in printed


def test_a_release_without_baselines_has_nothing_to_be_compared_with(
    small_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    small_yard.publish(NEW)
    assert small_yard.humpyard("evidence", "find", str(NEW)) == 0
    capsys.readouterr()
    assert small_yard.humpyard("evidence", "show", str(NEW), "--json") == 0
    found = {one["evidence"] for one in json.loads(capsys.readouterr().out)["evidence"]}
    assert found == {
        names.PAYLOAD_PROVEN,
        names.MIRROR_VERIFIED,
        names.NOTES_COMPLETE,
        names.SIZES,
        names.PAYLOAD_SIGNATURES,
        names.KEY_HEALTH,
    }


def test_a_baseline_whose_lists_are_gone_is_told_and_compared_when_they_are_back(
    evidence_yard: SmallYard, tmp_path: Path
) -> None:
    yard = evidence_yard
    packages = yard.mirror / "alpha" / BOARD / str(OLD) / NamingScheme().packages
    shutil.move(packages, tmp_path / "aside")
    assert yard.humpyard("evidence", "find", str(NEW), "--for", "beta") == 0
    key = f"{names.COMPARISON}@{OLD}"
    assert known(yard, key).failed[0].startswith(f"not compared with {OLD}: ")
    assert known(yard, key).document is None
    shutil.move(tmp_path / "aside", packages)
    assert yard.humpyard("evidence", "find", str(NEW), "--for", "beta") == 0
    assert known(yard, key).failed == (LOST, DOWN)
    assert isinstance(known(yard, key).document, Digest)

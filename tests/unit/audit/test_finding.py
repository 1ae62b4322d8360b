"""Codes of findings: each has a severity and a line in the documentation; JSON says what people read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from release.audit.finding import Code, Finding, Severity, severity_of
from release.catalog.naming import ledger_key
from tests.unit.audit.mirrors import Mirror

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "audit.md"
SECTIONS = {"A **break**": Severity.BREAK, "A **warning**": Severity.WARNING, "A **note**": Severity.NOTE}


def documented() -> dict[str, Severity]:
    """Every code of the tables, with the severity of its section."""
    found: dict[str, Severity] = {}
    severity: Severity | None = None
    for line in DOCUMENT.read_text().splitlines():
        severity = next((one for start, one in SECTIONS.items() if line.startswith(start)), severity)
        if line.startswith("## "):
            severity = None
        if severity is not None and line.startswith("| `"):
            found.update(dict.fromkeys(re.findall(r"`([a-z-]+)`", line.split("|")[1]), severity))
    return found


def test_every_code_is_documented_with_its_severity() -> None:
    assert documented() == {code.value: severity_of(code) for code in Code}


@pytest.mark.parametrize("code", Code)
def test_what_is_not_said_to_be_less_is_a_break(code: Code) -> None:
    finding = Finding(code=code, where="x", expected="a", found="b")
    assert finding.severity is severity_of(code)
    assert str(finding) == f"{code.value}: x: expected a, found b"


def test_the_report_for_scripts_says_everything() -> None:
    mirror = Mirror()
    del mirror.store.objects[ledger_key(2)]
    report = mirror.audit()
    told = json.loads(json.dumps(report.as_json()))
    assert (told["format"], told["passed"], told["product"]) == ("humpyard-audit-1", False, "demo")
    assert told["counts"]["entries"] == 5
    assert {
        "code": "entry-missing",
        "severity": "break",
        "where": ledger_key(2),
        "expected": "entry 2",
        "found": "none, though entry 3 is there",
        "hint": None,
    } in told["findings"]
    severities = [one["severity"] for one in told["findings"]]
    assert severities == sorted(severities, key=["break", "warning", "note"].index)
    assert report.summary.startswith("5 entries, 1 decision asked again, 1 policy, 1 document of evidence")

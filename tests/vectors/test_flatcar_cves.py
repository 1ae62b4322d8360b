"""What the check of notes finds in those that Flatcar has published."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from release.notes.cves import cve_ids, malformed_cve_ids
from release.notes.markers import PLACEHOLDER

pytestmark = pytest.mark.shared


@pytest.fixture
def published(shared: Path) -> dict[str, str]:
    """Release notes by version."""
    entries = json.loads((shared / "data" / "flatcar-releases" / "releases.json").read_bytes())
    return {version: str(entry.get("release_notes", "")) for version, entry in entries.items()}


def test_every_identifier_is_found_and_four_are_none(published: dict[str, str]) -> None:
    every = "\n".join(published.values())
    assert set(cve_ids(every)) == set(re.findall(r"CVE-\d{4}-\d{4,}", every))
    assert len(cve_ids(every)) > 2000
    assert set(malformed_cve_ids(every)) == {"CVE-2022-169", "CVE-2022-521", "CVE-2022-515", "CVE-2022-705"}


def test_a_placeholder_is_found_where_one_was_left_and_nowhere_else(published: dict[str, str]) -> None:
    found = {match[0] for text in published.values() for match in PLACEHOLDER.finditer(text)}
    assert found == {"TODO"}
    assert sum(bool(PLACEHOLDER.search(text)) for text in published.values()) < 5

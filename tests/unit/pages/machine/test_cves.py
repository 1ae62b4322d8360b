"""What programs are told of CVEs."""

from __future__ import annotations

import json
from typing import Any

from release.pages.machine.files import machine_files
from release.pages.press import Press
from release.pages.site import Site
from tests.unit.pages.told import ours, site_at


def read(path: str, sample: Site) -> Any:
    return json.loads(dict(machine_files(sample, Press()))[path])


def test_what_notes_only_mention_is_in_no_count_of_fixes() -> None:
    notes = "#### Security fixes:\n\n- curl (CVE-2026-8000)\n- Not affected by CVE-2026-9000\n"
    sample = site_at(ours("1.0.1", "alpha", notes=notes))
    cves = {one["id"]: one for one in read("api/v1/cves.json", sample)["cves"]}
    assert (cves["CVE-2026-9000"]["fixed"], cves["CVE-2026-9000"]["mentioned"]) == ({}, {"alpha": "1.0.1"})
    assert cves["CVE-2026-8000"]["fixed"] == {"alpha": {"version": "1.0.1", "told": True}}
    one = read("api/v1/releases/1.0.1.json", sample)
    assert (one["cves"], [fix["cve"] for fix in one["fixes"]]) == (1, ["CVE-2026-8000"])

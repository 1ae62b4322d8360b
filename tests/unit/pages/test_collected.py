"""Pages of releases whose files are not kept any more."""

from __future__ import annotations

import re

from tests.unit.pages.samples import day, full_site
from tests.unit.pages.test_stopped import changed, notices, page

BASE = "https://releases.example.org/pages/"


def test_a_release_that_was_collected_says_so_and_has_nothing_to_take() -> None:
    site = full_site(BASE)
    version = str(min(item.release.version for item in site.releases))
    before = page(site, version)
    assert re.search(r'href="[^"]+/update/', before)
    html = page(changed(site, version, collected=day(18)), version)
    first, *_ = notices(html)
    assert first.startswith(
        f"warn: The files of {version} are not kept any more No channel needs them. What the release was"
        " stays on record, with its signature. Since 2026-08-18 09:30 UTC"
    )
    assert not re.search(r'href="[^"]+/update/', html)
    assert "Nothing here is to be had any more." in html
    assert "releases/" + version + "/release.json" in html

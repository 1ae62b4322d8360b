"""People read the last day of support, programs the first without; nobody is sent to what is stopped."""

from __future__ import annotations

import re
from dataclasses import replace

from release.pages.facts_support import support_calendar
from release.pages.records import Stop
from tests.unit.pages.samples import day, stopped_site, with_entry
from tests.unit.pages.test_stopped import changed, notices, rendered, text


def test_people_read_the_last_day_and_programs_the_first_without() -> None:
    files = rendered(stopped_site("https://releases.example.org/pages/"))
    row = re.search(r'<a href="[^"]*">LTS 2025</a></th>.*?</tr>', files["eol/index.html"], re.DOTALL)
    assert row is not None
    assert "Ends soon 2026-09-30 , since 2026-08-01" in text(row[0])
    assert "LTS 2026 through 2028-02-11." in files["eol/index.html"].partition("</head>")[0]
    assert "Supported through" in files["eol/index.html"]
    assert "LTS 2026 support through 2028-02-11" in text(files["releases/1.0.9/index.html"])
    assert '"eolFrom": "2026-10-01"' in files["api/v1/products/exampleos.json"]
    for path, page in files.items():
        if path.endswith(".html"):
            assert "supported until" not in page.lower(), path
    calendar = support_calendar(stopped_site()).decode()
    assert "DTSTART;VALUE=DATE:20261001\r\nSUMMARY:ExampleOS LTS 2025: no support from today on" in calendar


def test_who_is_on_an_ending_stream_is_not_sent_to_what_is_stopped() -> None:
    def move(sample: object) -> str:
        assert isinstance(sample, type(stopped_site()))
        found = next(said for said in notices(rendered(sample)["index.html"]) if "of LTS 2024 has" in said)
        return found.partition("Move to ")[2]

    stop = Stop(since=day(19), reason="x")
    assert move(stopped_site()) == "LTS 2026 1.0.9"
    gone = changed(stopped_site(), "1.0.9", withdrawals=(stop,))
    assert move(gone) == "LTS 2026, once it has what can be taken: 1.0.9 is withdrawn."
    paused = with_entry(stopped_site(), "1.0.9", "lts-2026", pauses=(stop,))
    assert move(paused) == "LTS 2026, once it has what can be taken: 1.0.9 is paused."
    lifted = replace(stop, lifted=day(20))
    assert move(with_entry(stopped_site(), "1.0.9", "lts-2026", pauses=(lifted,))) == "LTS 2026 1.0.9"

"""The calendar of ends of support: RFC 5545 as its text says, and nothing of it by accident."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from release.pages.calendar import Event, calendar
from release.pages.facts_support import support_calendar
from tests.unit.pages.samples import site, stopped_site

EVENT = Event(
    uid="a@example.org",
    stamp=datetime(2026, 8, 1, 9, 30, tzinfo=UTC),
    day=date(2026, 12, 31),
    summary="Support ends",
    description="Move; to LTS, 2027\\now\nor\x1b later",
)


def lines_of(data: bytes) -> list[str]:
    """Content lines, unfolded (section 3.1); every raw line is checked for its form on the way."""
    raw = data.split(b"\r\n")
    assert raw[-1] == b""
    assert all(0 < len(line) <= 75 and b"\n" not in line and b"\r" not in line for line in raw[:-1])
    assert all(line.decode() for line in raw[:-1])  # no piece ends within a character
    return re.sub(rb"\r\n[ \t]", b"", data).decode().removesuffix("\r\n").split("\r\n")


def test_text_is_escaped_and_what_acts_on_readers_is_not_in_it() -> None:
    found = lines_of(calendar("A", [EVENT]))
    assert "DESCRIPTION:Move\\; to LTS\\, 2027\\\\now\\nor\ufffd later" in found
    assert "DTSTART;VALUE=DATE:20261231" in found
    assert "DTSTAMP:20260801T093000Z" in found


def test_long_lines_are_folded_between_characters() -> None:
    title = "Käse und Brot " * 20
    found = lines_of(calendar("A", [replace(EVENT, summary=title)]))
    assert f"SUMMARY:{title}" in found


def test_an_alarm_is_within_its_event() -> None:
    found = lines_of(calendar("A", [replace(EVENT, alarm=timedelta(days=7), url="https://a.example/")]))
    begin, end = found.index("BEGIN:VALARM"), found.index("END:VALARM")
    assert found[begin + 1 : end] == ["ACTION:DISPLAY", "TRIGGER:-P7D", "DESCRIPTION:Support ends"]
    assert found[end + 1 :] == ["END:VEVENT", "END:VCALENDAR"]


def test_each_end_of_support_has_two_events_with_ids_that_stay() -> None:
    sample = stopped_site("https://releases.example.org/pages/")
    found = lines_of(support_calendar(sample))
    ids = [line.removeprefix("UID:") for line in found if line.startswith("UID:")]
    assert ids[:2] == [
        "support-ends-soon-lts-2024@releases.invalid",
        "support-ends-lts-2024@releases.invalid",
    ]
    assert len(ids) == len({*ids}) == 2 * len(sample.support)
    assert "DTSTART;VALUE=DATE:20261001" in found
    assert "DTSTART;VALUE=DATE:20260703" in found  # 90 days before
    assert "URL:https://releases.example.org/pages/eol/index.html" in found
    later = replace(sample, generated_at=sample.generated_at + timedelta(days=9))
    assert support_calendar(later) == support_calendar(sample)


def test_a_calendar_of_nothing_is_still_one() -> None:
    assert lines_of(support_calendar(site()))[0] == "BEGIN:VCALENDAR"

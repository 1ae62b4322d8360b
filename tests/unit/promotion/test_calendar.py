"""Freeze windows: local times of any zone, recurring or not, across clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from release.errors import InputError
from release.promotion import proposals
from release.promotion.calendar import FreezeWindow
from release.promotion.proposals import GateClosedError
from tests.unit.ledger.fakes import HOUR
from tests.unit.promotion.ruled_scene import DAY, RULES, RuledScene
from tests.unit.promotion.scene import ALICE, BOB

BERLIN = "Europe/Berlin"


def window(
    begins: str, ends: str, every: str | None = None, *, zone: str = BERLIN, channels: tuple[str, ...] = ()
) -> FreezeWindow:
    start = datetime.fromisoformat(begins)
    return FreezeWindow(
        name="quiet",
        zone=ZoneInfo(zone),
        begins=start,
        lasts=datetime.fromisoformat(ends) - start,
        every=every,
        channels=channels,
    )


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def is_open(found: FreezeWindow, *moments: str) -> list[bool]:
    return [found.until(utc(moment)) is not None for moment in moments]


# --- what a window is ----------------------------------------------------------------------------


def test_a_window_is_open_from_its_first_moment_to_its_last() -> None:
    found = window("2026-12-18T00:00", "2027-01-04T08:00")
    assert found.until(utc("2026-12-17T22:59:59")) is None
    assert found.until(utc("2026-12-17T23:00")) == utc("2027-01-04T07:00")
    assert found.until(utc("2027-01-04T06:59:59.999999")) == utc("2027-01-04T07:00")
    assert found.until(utc("2027-01-04T07:00")) is None
    assert found.until(utc("2027-12-20T12:00")) is None, "once is once"


def test_a_weekly_window_comes_every_week() -> None:
    found = window("2026-01-02T15:00", "2026-01-05T08:00", "FREQ=WEEKLY;BYDAY=FR")
    assert found.until(utc("2026-08-07T12:59:59")) is None
    assert found.until(utc("2026-08-07T13:00")) == utc("2026-08-10T06:00")
    assert found.until(utc("2026-08-10T06:00")) is None
    assert is_open(found, "2025-12-26T15:00", "2026-01-02T14:00", "2026-08-12T12:00") == [False, True, False]


def test_a_yearly_window_comes_every_year() -> None:
    found = window("2026-12-18T00:00", "2027-01-04T08:00", "FREQ=YEARLY")
    assert found.until(utc("2031-01-01T00:00")) == utc("2031-01-04T07:00")
    assert is_open(found, "2026-01-01T00:00", "2031-02-01T00:00") == [False, False]


def test_a_rule_ends_when_it_says_so() -> None:
    found = window("2026-01-01T00:00", "2026-01-01T12:00", "FREQ=DAILY;UNTIL=20260103T000000", zone="UTC")
    assert is_open(found, "2026-01-03T11:00", "2026-01-04T11:00") == [True, False]
    found = window("2026-01-01T00:00", "2026-01-01T12:00", "FREQ=DAILY;COUNT=2", zone="UTC")
    assert is_open(found, "2026-01-02T11:00", "2026-01-03T11:00") == [True, False]


def test_windows_that_overlap_themselves_stay_open() -> None:
    found = window("2026-01-01T00:00", "2026-01-02T12:00", "FREQ=DAILY;COUNT=3", zone="UTC")
    assert is_open(found, "2026-01-02T23:00", "2026-01-04T11:59", "2026-01-04T12:00") == [True, True, False]


# --- time zones and clock changes ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("UTC", "2026-07-01T09:00"),
        ("America/New_York", "2026-07-01T13:00"),
        ("Asia/Kathmandu", "2026-07-01T03:15"),
        ("Pacific/Kiritimati", "2026-06-30T19:00"),
        ("Pacific/Pago_Pago", "2026-07-01T20:00"),
    ],
)
@pytest.mark.parametrize("every", [None, "FREQ=DAILY"])
def test_times_are_local(zone: str, first: str, every: str | None) -> None:
    found = window("2026-07-01T09:00", "2026-07-01T10:00", every, zone=zone)
    begins = utc(first)
    assert found.until(begins - timedelta(microseconds=1)) is None
    assert found.until(begins) == begins + HOUR
    assert found.until(begins + HOUR) is None


def test_a_window_keeps_its_wall_clock_hours_over_the_year() -> None:
    found = window("2026-01-01T09:00", "2026-01-01T10:00", "FREQ=DAILY")
    assert is_open(found, "2026-01-15T08:30", "2026-07-15T07:30", "2026-07-15T08:30") == [True, True, False]


def test_a_window_over_the_change_to_summer_ends_at_the_hour_that_was_written() -> None:
    """29 March 2026, 02:00 becomes 03:00: the weekend is an hour shorter."""
    found = window("2026-03-27T15:00", "2026-03-30T08:00", "FREQ=WEEKLY;BYDAY=FR")
    assert found.until(utc("2026-03-27T14:00")) == utc("2026-03-30T06:00")
    assert is_open(found, "2026-03-30T05:59", "2026-03-30T06:00") == [True, False]


def test_a_window_over_the_change_to_winter_ends_at_the_hour_that_was_written() -> None:
    """25 October 2026, 03:00 becomes 02:00: the weekend is an hour longer."""
    found = window("2026-10-23T15:00", "2026-10-26T08:00")
    assert found.until(utc("2026-10-23T13:00")) == utc("2026-10-26T07:00")
    assert is_open(found, "2026-10-26T06:59", "2026-10-26T07:00") == [True, False]


@pytest.mark.parametrize("every", [None, "FREQ=YEARLY"])
def test_a_window_that_begins_in_the_hour_shown_twice_begins_the_first_time(every: str | None) -> None:
    """02:30 is at 00:30 UTC, and again an hour later; it stays open between, when clocks show 02:15."""
    found = window("2026-10-25T02:30", "2026-10-25T06:00", every)
    moments = ("2026-10-25T00:29", "2026-10-25T00:30", "2026-10-25T01:15", "2026-10-25T01:30")
    assert is_open(found, *moments) == [False, True, True, True]


@pytest.mark.parametrize("every", [None, "FREQ=YEARLY"])
def test_a_window_that_ends_in_the_hour_shown_twice_ends_the_second_time(every: str | None) -> None:
    found = window("2026-10-24T20:00", "2026-10-25T02:30", every)
    assert is_open(found, "2026-10-25T01:15", "2026-10-25T01:29", "2026-10-25T01:30") == [True, True, False]


@pytest.mark.parametrize("every", [None, "FREQ=YEARLY"])
def test_a_window_in_the_hour_that_is_skipped_is_read_the_longer_way(every: str | None) -> None:
    """02:30 is never shown: at the latest it is when 01:30 or 03:30 is."""
    found = window("2026-03-29T02:30", "2026-03-29T12:00", every)
    assert is_open(found, "2026-03-29T00:29", "2026-03-29T00:30") == [False, True]
    found = window("2026-03-28T20:00", "2026-03-29T02:30", every)
    assert is_open(found, "2026-03-29T01:29", "2026-03-29T01:30") == [True, False]


def test_a_day_that_a_zone_left_out_is_no_trouble() -> None:
    """Samoa had no 30 December 2011."""
    found = window("2011-12-30T09:00", "2011-12-30T17:00", "FREQ=DAILY", zone="Pacific/Apia")
    assert found.until(utc("2011-12-31T20:00")) is not None


# --- what is no window ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every", "message"),
    [
        ("FREQ=HOURLY", "expected an RFC 5545 rule, daily or rarer"),
        ("FREQ=SECONDLY", "daily or rarer"),
        ("WEEKLY", "daily or rarer"),
        ("FREQ=WEEKLY;BYDAY=FR\nRDATE:20260101T000000", "daily or rarer"),
        ("RRULE:FREQ=DAILY", "daily or rarer"),
        ("FREQ=DAILY;BYHOUR=1", "daily or rarer"),
        ("FREQ=DAILY;INTERVAL=0", "daily or rarer"),
        ("FREQ=DAILY;INTERVAL=-1", "daily or rarer"),
        ("FREQ=DAILY;INTERVAL=99999999999", "daily or rarer"),
        ("FREQ=DAILY;COUNT=0", "daily or rarer"),
        ("FREQ=DAILY;UNTIL=5", "daily or rarer"),
        ("FREQ=DAILY;UNTIL=20270101T000000Z", "daily or rarer"),
        ("FREQ=WEEKLY;FREQ=DAILY", "daily or rarer"),
        ("FREQ=WEEKLY;BYDAY=XX", "XX"),
        ("FREQ=YEARLY;BYSETPOS=999", "bysetpos"),
        ("FREQ=WEEKLY;BYDAY=TH", "expected it to begin with 2026-01-02T15:00:00"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "expected it to begin with"),
        ("FREQ=DAILY;UNTIL=20250101T000000", "expected it to begin with"),
    ],
)
def test_rules_that_could_not_be_meant_are_refused(every: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"freeze 'quiet': every .*{message}"):
        window("2026-01-02T15:00", "2026-01-05T08:00", every)


@pytest.mark.parametrize(
    ("begins", "ends", "message"),
    [
        ("2026-01-02T15:00", "2026-01-02T15:00", "expected a length of up to a year, found 0:00:00"),
        ("2026-01-02T15:00", "2026-01-01T15:00", "expected a length"),
        ("2026-01-02T15:00", "2028-01-01T15:00", "expected a length"),
        ("1066-10-14T09:00", "1066-10-14T18:00", "expected a year from 1970 to 8999, found 1066"),
        ("9999-12-31T09:00", "9999-12-31T18:00", "expected a year"),
    ],
)
def test_windows_that_could_not_be_meant_are_refused(begins: str, ends: str, message: str) -> None:
    with pytest.raises(InputError, match=f"freeze 'quiet': {message}"):
        window(begins, ends)


def test_a_window_has_no_offset_of_its_own() -> None:
    with pytest.raises(InputError, match="expected a local time, found 2026-01-02T15:00:00"):
        window("2026-01-02T15:00+01:00", "2026-01-05T08:00+01:00")


# --- in the gate ---------------------------------------------------------------------------------

FREEZE = """
[[freezes]]
name = "weekend"
zone = "Europe/Berlin"
begins = 2026-02-06T15:00:00
ends = 2026-02-09T08:00:00
every = "FREQ=WEEKLY;BYDAY=FR"
channels = [{channels}]
"""


def weekend(scene: RuledScene) -> datetime:
    """The next Friday, three in the afternoon in Berlin."""
    days = (4 - scene.now.weekday()) % 7 or 7
    return (scene.now + days * DAY).replace(hour=14, minute=0, second=0)


def test_nothing_moves_while_a_window_is_open() -> None:
    scene = RuledScene(RULES + FREEZE.format(channels=""))
    scene.tick(5 * DAY)
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    friday = weekend(scene)
    assert scene.unmet(asked, friday - HOUR) == ()
    (rule,) = scene.decide(asked, friday).unmet
    assert (rule.name, rule.final) == ("calendar", False)
    assert rule.detail == f"weekend until {(friday + timedelta(days=2, hours=17)):%Y-%m-%dT%H:%M:%SZ}"
    assert scene.unmet(asked, friday + timedelta(days=2, hours=17)) == ()


def test_a_window_that_begins_between_approval_and_move_stops_it() -> None:
    scene = RuledScene(RULES + FREEZE.format(channels=""))
    scene.tick(5 * DAY)
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    assert scene.decide(asked).allowed
    friday = weekend(scene)
    proposal = proposals.carry_out(asked, policy=scene.policy, now=friday)
    with pytest.raises(GateClosedError, match="calendar: missing the end of: weekend until"):
        scene.ledger.append(proposal, now=friday)
    monday = friday + 3 * DAY
    scene.ledger.append(proposals.carry_out(asked, policy=scene.policy, now=monday), now=monday)
    assert scene.state.heads["beta"].request == asked


@pytest.mark.parametrize(
    ("channels", "stopped"),
    [
        ("", {"alpha", "beta", "lts-2026"}),
        ('"beta"', {"beta"}),
        ('"lts"', {"lts-2026"}),
        ('"lts-2026"', {"lts-2026"}),
        ('"lts-2024"', set()),
        ('"stable", "alpha"', {"alpha"}),
    ],
)
def test_a_window_concerns_the_channels_it_names_and_their_streams(channels: str, stopped: set[str]) -> None:
    scene = RuledScene(RULES + FREEZE.format(channels=channels))
    scene.tick(3 * DAY)
    scene.register("3.0.0")
    requests = {name: scene.request("3.0.0", name) for name in ("alpha", "beta", "lts-2026")}
    friday = weekend(scene)
    assert {name for name, one in requests.items() if "calendar" in scene.unmet(one, friday)} == stopped


def test_a_channel_whose_name_begins_alike_is_no_stream() -> None:
    text = RULES.replace('name = "stable"', 'name = "beta-test"') + FREEZE.format(channels='"beta"')
    scene = RuledScene(text.replace('feeds_from = ["stable"]', 'feeds_from = ["beta-test"]'))
    scene.tick(3 * DAY)
    asked = scene.request("2.0.0", "beta-test")
    assert "calendar" not in scene.unmet(asked, weekend(scene))

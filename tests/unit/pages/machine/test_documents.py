"""What programs are told of what was withdrawn, stopped, hurried, or has come to its end."""

from __future__ import annotations

import json
from typing import Any

from release.pages.machine.flatcar_lists import release_list
from release.pages.machine.indexes import machine_index
from release.pages.site import Site
from tests.unit.pages.samples import ADVICE, INCIDENT, REASON, full_site, stopped_site

WITHDRAWN = {"since": "2026-08-16T09:30:00Z", "reason": REASON, "advice": ADVICE, "automatic": False}


def index(sample: Site) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(machine_index(sample))
    return read


def listed(sample: Site, channel: str | None) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(release_list(sample, channel))
    return read


def test_channels_say_whether_machines_are_offered_what_they_are_at() -> None:
    channels = index(stopped_site())["channels"]
    assert {name: channel["status"] for name, channel in channels.items()} == {
        "alpha": "offered",
        "beta": "withdrawn",
        "stable": "paused",
        "lts-2024": "ended",
        "lts-2025": "withdrawn",
        "lts-2026": "offered",
        "lts": "offered",
    }
    assert index(full_site())["channels"]["lts"]["status"] is None
    assert channels["beta"]["current"] == "1.0.10"
    assert channels["stable"]["paused"] == {
        "since": "2026-08-17T09:30:00Z",
        "reason": "Updates take an hour on slow disks",
        "advice": "",
        "automatic": False,
    }
    assert channels["alpha"]["frozen"]["reason"] == "Summer holidays"
    assert channels["alpha"]["paused"] is channels["stable"]["frozen"] is None


def test_streams_have_dates_and_no_judgement() -> None:
    channels = index(stopped_site())["channels"]
    assert channels["lts"]["streams"] == ["lts-2024", "lts-2025", "lts-2026"]
    assert channels["lts-2025"]["support"] == {
        "stream_of": "lts",
        "opened": "2026-08-01T12:30:00Z",
        "ends": "2026-10-01T00:00:00Z",
    }
    assert channels["lts"]["support"] is channels["stable"]["support"] is None


def test_releases_say_what_befell_them_and_where_they_come_from() -> None:
    releases = {entry["version"]: entry for entry in index(stopped_site())["releases"]}
    assert releases["1.0.10"]["withdrawn"] == WITHDRAWN
    assert releases["1.0.10"]["lineage"] == {"kind": "rebuild", "derives_from": "1.0.9"}
    assert releases["1.0.9"]["lineage"] == {"kind": "same-bits", "derives_from": None}
    assert releases["1.0.9"]["withdrawn"] is None
    assert releases["1.0.11"]["hurried"] == {
        "alpha": {
            "skipped": ["soak", "freeze"],
            "reason": "A hole is <exploited> & spreads",
            "incident": INCIDENT,
        }
    }
    assert releases["1.0.9"]["hurried"] == {}


def test_lists_keep_withdrawn_releases_marked_and_never_call_one_current() -> None:
    sample = stopped_site()
    for channel in (None, "beta", "alpha"):
        assert listed(sample, channel)["1.0.10"]["withdrawn"] == WITHDRAWN
    assert "current" not in listed(sample, "beta")
    assert "withdrawn" not in listed(sample, None)["1.0.11"]
    stable = listed(sample, "stable")
    assert [*stable] == ["1.0.8", "1.0.9", "current"]
    assert stable["current"]["paused"]["reason"] == "Updates take an hour on slow disks"
    assert [*stable["1.0.9"]][:5] == [
        "channel",
        "architectures",
        "release_date",
        "major_software",
        "release_notes",
    ]


def test_the_list_of_a_channel_with_streams_has_all_of_them_and_what_each_is_at() -> None:
    everything = listed(stopped_site(), "lts")
    assert [*everything] == ["0.9.1", "1.0.8", "1.0.9", "current-2024", "current-2026", "current"]
    assert {entry["channel"] for entry in everything.values()} == {"lts"}
    assert everything["current"]["release_date"] == "2026-08-12 09:30:00 +0000"
    assert [*listed(stopped_site(), "lts-2024")] == ["0.9.1", "current-2024", "current"]

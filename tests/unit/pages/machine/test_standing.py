"""Where channels are, by version and by what machines are offered."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from release.catalog.version import Version
from release.pages.machine.files import machine_files
from release.pages.press import Press
from release.pages.records import Stop
from release.pages.site import Site
from tests.unit.pages.machine.rich import rich_site
from tests.unit.pages.samples import AMD64, board, day, payload, published, release, site, with_entry
from tests.unit.pages.test_release_page import page

PAUSE = (Stop(since=day(15), reason="Too many did not come back", automatic=True),)


def read(sample: Site, path: str) -> Any:
    return json.loads(dict(machine_files(sample, Press()))[path])


def table(sample: Site) -> dict[str, dict[str, str]]:
    names, *lines = dict(machine_files(sample, Press()))["index.tab"].decode().splitlines()
    rows = [dict(zip(names.split("\t"), line.split("\t"), strict=True)) for line in lines]
    return {row["version"]: row for row in rows}


def test_a_channel_whose_rollout_is_stopped_is_not_at_a_release_without_saying_so() -> None:
    one = release("1.0.0", board(AMD64, payload(9000)), created=day(1))
    sample = site(published(one, alpha=day(2), beta=day(3)), alpha="1.0.0", beta="1.0.0")
    row = table(sample)["1.0.0"]
    assert (row["status"], row["current_in"], row["paused_in"]) == ("current", "alpha,beta", "-")
    sample = with_entry(sample, "1.0.0", "beta", pauses=PAUSE)
    row = table(sample)["1.0.0"]
    assert (row["status"], row["current_in"], row["paused_in"]) == ("current", "alpha", "beta")
    for document in (read(sample, "api/v1/releases/1.0.0.json"), read(sample, "index.json")["releases"][0]):
        assert (document["current_in"], document["paused_in"]) == (["alpha"], ["beta"])
    sample = with_entry(sample, "1.0.0", "alpha", pauses=PAUSE)
    row = table(sample)["1.0.0"]
    assert (row["status"], row["current_in"], row["paused_in"]) == ("paused", "-", "alpha,beta")


def test_a_pause_of_what_a_channel_has_left_behind_or_withdrew_is_none() -> None:
    sample = with_entry(rich_site(), "1.0.9", "alpha", pauses=PAUSE)
    assert table(sample)["1.0.9"]["paused_in"] == "stable"
    sample = with_entry(sample, "1.0.10", "beta", pauses=PAUSE)
    row = table(sample)["1.0.10"]
    assert (row["status"], row["current_in"], row["paused_in"]) == ("withdrawn", "-", "-")


def test_what_a_release_took_the_place_of_goes_by_version_as_on_its_page() -> None:
    """1.0.1 mends an old branch after 2.0.0 was published."""
    made = {
        version: release(version, board(AMD64, payload(9000)), created=day(number))
        for number, version in enumerate(("1.0.0", "2.0.0", "1.0.1"), start=1)
    }
    since = {version: day(5 + number) for number, version in enumerate(made)}
    sample = site(*(published(one, alpha=since[version]) for version, one in made.items()), alpha="2.0.0")
    found = {
        version: read(sample, f"api/v1/releases/{version}.json")["channels"][0] for version in sorted(made)
    }
    assert {version: (one["supersedes"], one["superseded_by"]) for version, one in found.items()} == {
        "1.0.0": (None, "1.0.1"),
        "1.0.1": ("1.0.0", "2.0.0"),
        "2.0.0": ("1.0.1", None),
    }
    replaced = page(sample, "2.0.0").partition("Replaces")[2].partition("</div>")[0]
    assert replaced.endswith('releases/1.0.1/index.html">1.0.1</a></dd>')
    back = replace(sample, heads={"alpha": Version(1, 0, 1)})
    (channel,) = read(back, "api/v1/releases/1.0.1.json")["channels"]
    assert (channel["status"], channel["superseded_by"]) == ("current", None)
    listed = read(sample, "api/v1/channels/alpha.json")["releases"]
    assert [one["version"] for one in listed] == ["1.0.1", "2.0.0", "1.0.0"]  # as they were offered


def test_channels_that_get_nothing_any_more_have_ended() -> None:
    """Whatever they are at: ended before paused, as documents of channels and releases have it."""
    sample = with_entry(rich_site(), "0.9.1", "lts-2024", pauses=PAUSE)
    channels = read(sample, "index.json")["channels"]
    assert {name: one["status"] for name, one in channels.items() if name not in {"alpha", "lts"}} == {
        "edge": "ended",
        "lts-2021": "ended",
        "lts-2024": "ended",
        "lts-2025": "withdrawn",
        "lts-2026": "offered",
        "beta": "withdrawn",
        "stable": "paused",
    }
    empty = replace(sample, heads={"alpha": Version(1, 0, 11)})
    assert read(empty, "index.json")["channels"]["edge"]["status"] is None

"""Flatcar's ten real lists, read as a history and written again: the same bytes, but for one release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from release.notes.imported import read_history
from release.pages import addresses
from release.pages.history_merge import site_of_history
from release.pages.machine.flatcar_lists import release_list
from release.pages.site import Site

pytestmark = pytest.mark.shared

OTHER_NOTES = "4081.3.1"
"""Flatcar's lists disagree: releases-lts-2024.json says openssh 9.8_p1-r4, releases.json says 9.7_p1-r7."""


@pytest.fixture(scope="module")
def lists(shared: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (shared / "data" / "flatcar-releases").glob("*.json")}


@pytest.fixture(scope="module")
def history(shared: Path) -> Site:
    return site_of_history("Flatcar", read_history(shared / "data" / "flatcar-releases"))


def test_every_list_comes_out_as_it_went_in(lists: dict[str, bytes], history: Site) -> None:
    names = [None, *(channel.name for channel in history.channels)]
    assert {addresses.release_list(name) for name in names} == {f"releases-json/{name}" for name in lists}
    for name in names:
        real = lists[addresses.release_list(name).removeprefix("releases-json/")]
        assert release_list(history, name) == _agreeing(real, lists["releases.json"]), name


def _agreeing(real: bytes, common: bytes) -> bytes:
    """The list, with the notes that the list of all releases has."""
    entries, known = json.loads(real), json.loads(common)
    different = {name for name, entry in entries.items() if name != "current" and entry != known[name]}
    assert different <= {OTHER_NOTES}
    for name in different:
        entries[name]["release_notes"] = known[name]["release_notes"]
    return json.dumps(entries, indent=2).encode() + b"\n" if different else real

"""Flatcar's ten real lists, read as a history and written again: the same bytes, but for two releases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from release.catalog.version import Version
from release.notes.imported import read_history
from release.pages.history_merge import site_of_history
from release.pages.machine.flatcar_lists import release_list
from release.pages.site import Site

pytestmark = pytest.mark.shared

OTHER_NOTES = "4081.3.1"
"""Flatcar's lists disagree: releases-lts-2024.json says openssh 9.8_p1-r4, the others say 9.7_p1-r7."""

OTHER_ORDER = "3794.0.0"
"""Its software stands in another order than that of all others. It is read sorted."""


@pytest.fixture(scope="module")
def lists(shared: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (shared / "data" / "flatcar-releases").glob("*.json")}


@pytest.fixture(scope="module")
def history(shared: Path) -> Site:
    return site_of_history("Flatcar", read_history(shared / "data" / "flatcar-releases"))


def test_every_list_comes_out_as_it_went_in(lists: dict[str, bytes], history: Site) -> None:
    names = [None, *(channel.name for channel in history.channels)]
    assert {"releases.json" if name is None else f"releases-{name}.json" for name in names} == {*lists}
    for name in names:
        real = lists["releases.json" if name is None else f"releases-{name}.json"]
        assert release_list(history, name) == _expected(real, history), name


def _expected(real: bytes, history: Site) -> bytes:
    """The real list, with the two releases named above as they come out."""
    entries = json.loads(real)
    if OTHER_ORDER in entries:
        software = entries[OTHER_ORDER]["major_software"]
        entries[OTHER_ORDER]["major_software"] = dict(sorted(software.items()))
    if OTHER_NOTES in entries:
        published = history.find(Version.parse(OTHER_NOTES))
        assert published
        entries[OTHER_NOTES]["release_notes"] = published.notes
    elif OTHER_ORDER not in entries:
        return real
    return json.dumps(entries, indent=2).encode() + b"\n"

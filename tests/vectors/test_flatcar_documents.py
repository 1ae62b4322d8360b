"""Documents for programs, and feeds, of Flatcar's 540 releases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import feedparser
import pytest
from jsonschema import Draft202012Validator

from release.notes.imported import read_history
from release.pages.history_merge import site_of_history
from release.pages.machine.files import machine_files
from release.pages.machine.schemas import schema_of
from release.pages.press import Press

pytestmark = pytest.mark.shared

BASE = "https://releases.example.org/pages/"


@pytest.fixture(scope="module")
def files(shared: Path) -> dict[str, bytes]:
    history = read_history(shared / "data" / "flatcar-releases")
    return dict(machine_files(site_of_history("Flatcar", history, base_url=BASE), Press()))


def read(files: dict[str, bytes], path: str) -> Any:
    return json.loads(files[path])


def test_every_release_has_a_document_and_a_line(files: dict[str, bytes]) -> None:
    documents = [path for path in files if path.startswith("api/v1/releases/")]
    assert len(documents) == 540
    lines = files["index.tab"].decode().splitlines()
    assert len(lines) == 541
    assert lines[1].split("\t")[0] == "4790.0.0"
    validators = {
        kind: Draft202012Validator(schema_of(kind)) for kind in ("version", "index", "channels", "product")
    }
    for path in documents[::15]:
        assert (path, [*validators["version"].iter_errors(read(files, path))]) == (path, [])
    for kind, path in (
        ("index", "index.json"),
        ("channels", "api/v1/channels.json"),
        ("product", "api/v1/products/flatcar.json"),
    ):
        assert (path, [*validators[kind].iter_errors(read(files, path))]) == (path, [])


def test_channels_are_at_what_flatcar_says(files: dict[str, bytes]) -> None:
    current = {
        one["name"]: one["current"]["version"] for one in read(files, "api/v1/channels.json")["channels"]
    }
    assert current == {
        "edge": "2466.99.0",
        "alpha": "4790.0.0",
        "beta": "4757.1.0",
        "stable": "4593.2.5",
        "lts-2021": "2605.32.1",
        "lts-2022": "3033.3.18",
        "lts-2023": "3510.3.8",
        "lts-2024": "4081.3.10",
        "lts": "4081.3.10",
    }
    lts = [one["version"] for one in read(files, "api/v1/channels/lts-2024.json")["releases"]]
    assert lts[:2] == ["4081.3.10", "4081.3.9"]


def test_ten_comes_after_nine_in_feeds(files: dict[str, bytes]) -> None:
    feed = feedparser.parse(files["releases-feed/releases-lts-2024.xml"])
    titles = [entry.title for entry in feed.entries]
    assert titles[:2] == ["Flatcar LTS 2024 4081.3.10", "Flatcar LTS 2024 4081.3.9"]
    assert len(titles) == 11


def test_feeds_are_short_and_well_formed(files: dict[str, bytes]) -> None:
    feeds = {path: data for path, data in files.items() if path.startswith("releases-feed/")}
    assert len(feeds) == 24
    identities = set()
    for path, data in feeds.items():
        assert len(data) < 200_000, path
        if path.endswith(".xml"):
            # What a reader makes of the HTML is not looked at here, and takes most of the time.
            feed = feedparser.parse(data, sanitize_html=False, resolve_relative_uris=False)
            assert not feed.bozo, path
            assert len(feed.entries) <= 50
            assert all(entry.updated == entry.published for entry in feed.entries)
            identities.add(feed.feed.id)
    assert len(identities) == 12


def test_nearly_every_cve_of_the_notes_is_in_the_document(files: dict[str, bytes]) -> None:
    cves = {one["id"]: one for one in read(files, "api/v1/cves.json")["cves"]}
    assert len(cves) == 7614
    assert cves["CVE-2024-6387"]["fixed"]["lts-2024"]["version"].startswith("4081.")
    told = {fix["cve"] for fix in read(files, "api/v1/releases/4593.2.5.json")["fixes"]}
    assert told <= {*cves}

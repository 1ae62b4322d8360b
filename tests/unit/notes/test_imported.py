"""Reading a history in Flatcar's form: what is taken from it, and what is refused with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from release.catalog.version import Version
from release.errors import InputError
from release.image.packages import Package
from release.notes.imported import read_history

ENTRY: dict[str, object] = {
    "channel": "stable",
    "architectures": ["amd64", "arm64"],
    "release_date": "2026-08-13 15:48:35 +0000",
    "major_software": {"kernel": ["6.12.102"], "docker": ["28.0.4"]},
    "release_notes": " - fixed",
}


def test_a_release_says_what_its_entry_says(tmp_path: Path) -> None:
    (tmp_path / "releases.json").write_text(json.dumps({"1.2.3": ENTRY, "current": ENTRY}))
    (release,) = read_history(tmp_path)
    assert (release.version, release.channel) == (Version(1, 2, 3), "stable")
    assert release.architectures == ("amd64", "arm64")
    assert release.created.isoformat() == "2026-08-13T15:48:35+00:00"
    assert release.software == (Package("kernel", "6.12.102"), Package("docker", "28.0.4"))
    assert (release.notes, release.boards) == (" - fixed", ())


def test_the_list_of_a_stream_says_the_stream_and_the_list_of_all_says_the_rest(tmp_path: Path) -> None:
    lts = {**ENTRY, "channel": "lts"}
    (tmp_path / "releases-lts-2024.json").write_text(json.dumps({"1.2.3": {**lts, "release_notes": "other"}}))
    (tmp_path / "releases.json").write_text(json.dumps({"1.2.3": lts, "1.10.0": ENTRY, "1.9.0": ENTRY}))
    releases = read_history(tmp_path)
    assert [str(release.version) for release in releases] == ["1.2.3", "1.9.0", "1.10.0"]
    assert (releases[0].channel, releases[0].notes) == ("lts-2024", " - fixed")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda entry: entry.pop("channel"), "expected an object with"),
        (lambda entry: entry.update(channel="Stable!"), "channel 'Stable!'"),
        (lambda entry: entry.update(release_date="2026-08-13"), "release_date: expected a time like"),
        (lambda entry: entry.update(release_date="2026-08-13 15:48:35 +0200"), r"expected UTC \(\+0000\)"),
        (lambda entry: entry.update(architectures=[]), "architectures: expected a list of at least one"),
        (lambda entry: entry.update(architectures=["<b>"]), "expected words in letters"),
        (lambda entry: entry.update(major_software=[]), "major_software: expected an object"),
        (lambda entry: entry.update(release_notes=None), "release_notes: expected text"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(
    tmp_path: Path, spoil: Callable[[dict[str, object]], object], message: str
) -> None:
    entry = dict(ENTRY)
    spoil(entry)
    (tmp_path / "releases.json").write_text(json.dumps({"1.2.3": entry}))
    with pytest.raises(InputError, match=message):
        read_history(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{", '{"1.02.3": {}}', '{"1.02.3": ' + json.dumps(ENTRY) + "}"])
def test_what_is_no_list_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "releases.json").write_text(text)
    with pytest.raises(InputError, match=r"releases\.json"):
        read_history(tmp_path)


def test_a_directory_without_lists_and_lists_that_disagree_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected lists called"):
        read_history(tmp_path)
    (tmp_path / "releases.json").write_text(json.dumps({"1.2.3": ENTRY}))
    (tmp_path / "releases-beta.json").write_text(json.dumps({"1.2.3": {**ENTRY, "channel": "beta"}}))
    with pytest.raises(InputError, match=r"1\.2\.3: in (beta|stable), in another list in"):
        read_history(tmp_path)

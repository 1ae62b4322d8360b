"""What the settings say of the pages, and what they may not say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from release.errors import InputError
from release.pages.records import Brand, Support
from release.settings import load_settings
from release.wiring.pages import pages_options

SETTINGS = """\
product = "Example OS"

[pages]
base_url = "https://releases.example.org/pages/"
templates = "own"
history = "lists"
tagline = "For machines that nobody looks after"
accent = "#005a9c"
home = "https://example.org/"
links = [{ text = "Help", url = "https://example.org/help" }]

[pages.support."lts-2024"]
stream_of = "lts"
opened = 2025-01-30
ends = 2027-01-30
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "humpyard.toml"
    path.write_text(text)
    return path


def test_settings_become_options(tmp_path: Path) -> None:
    found = pages_options(load_settings(written(tmp_path, SETTINGS)).pages, tmp_path)
    assert found.history == tmp_path / "lists"
    assert found.templates == tmp_path / "own"
    assert found.supports == {
        "lts-2024": Support(
            stream_of="lts", opened=datetime(2025, 1, 30, tzinfo=UTC), ends=datetime(2027, 1, 30, tzinfo=UTC)
        )
    }
    assert found.brand == Brand(
        tagline="For machines that nobody looks after",
        accent="#005a9c",
        home="https://example.org/",
        links=(("Help", "https://example.org/help"),),
    )
    plain = pages_options(load_settings(written(tmp_path, 'product = "X"')).pages, tmp_path)
    assert (plain.history, plain.supports, plain.brand) == (None, {}, Brand())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('home = "javascript:alert(1)"', "home: .*expected http"),
        ('home = "//example.org/"', "home: .*expected http"),
        ('home = "https:///x"', "home: .*expected http"),
        ('home = "https://[x/"', "home: .*expected http"),
        ('links = [{ text = "", url = "https://x.org" }]', "links.0.text"),
        ('links = [{ text = "x", url = "ftp://x.org" }]', "links.0.url"),
        ('accent = "red"', "accent"),
        ('support."lts-1".opened = 2025-01-02', "stream_of: Field required"),
        ('support.x = { stream_of = "lts", opened = 2025-01-02, ends = 2025-01-02 }', "ends after opened"),
    ],
)
def test_what_does_not_belong_on_pages_is_refused(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_settings(written(tmp_path, f'product = "X"\n[pages]\n{line}\n'))

"""A history that cannot be read keeps no page from being made once it could be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from release.errors import InputError
from release.line.history import last_history
from release.line.yard import PagesOptions

ENTRY = {
    "channel": "stable",
    "architectures": ["amd64"],
    "release_date": "2020-08-13 15:48:35 +0000",
    "major_software": {"kernel": ["5.1"]},
    "release_notes": "x",
}


def test_the_last_history_that_could_be_read_takes_the_place_of_one_that_cannot(tmp_path: Path) -> None:
    options, copies = PagesOptions(history=tmp_path / "lists"), tmp_path / "work" / "history"
    (tmp_path / "lists").mkdir()
    path = tmp_path / "lists" / "releases.json"
    path.write_text("{")
    with pytest.raises(InputError, match="expected JSON"):
        last_history(options, copies)
    for versions in (["1.0.0"], ["1.0.0", "1.0.1"], ["1.0.0", "1.0.1"]):
        path.write_text(json.dumps(dict.fromkeys(versions, ENTRY)))
        found, unread = last_history(options, copies)
        assert ([str(one.version) for one in found], unread) == (versions, ())
    for break_it in (lambda: path.write_text("{"), path.unlink):
        break_it()
        again, (line,) = last_history(options, copies)
        assert again == found
        assert line.endswith("(pages have the history that was read before)")
    assert last_history(PagesOptions(), copies) == ((), ())

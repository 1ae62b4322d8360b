"""A site takes the place of the one before it whole, and loses nothing that was published."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from release.errors import HumpyardError, InputError, RefusedError
from release.pages import directory as subject
from release.pages.directory import Written, read_site, write_site
from release.pages.publish_order import check_not_smaller, in_order, rank


def index(*versions: str) -> bytes:
    return json.dumps({"releases": [{"version": version} for version in versions]}).encode()


def files(versions: Iterable[str] = ("1.0.0",), **others: bytes) -> dict[str, bytes]:
    pages = {f"releases/{version}/index.html": version.encode() for version in versions}
    return {"index.html": b"home", "index.json": index(*versions), **pages, **others}


def test_what_did_not_change_stays_the_same_file(tmp_path: Path) -> None:
    place = tmp_path / "site"
    assert write_site(place, files()) == Written(files=3, changed=3, removed=0)
    before = (place / "releases/1.0.0/index.html").stat()
    more = files(("1.0.0", "1.0.1"))
    assert write_site(place, more) == Written(files=4, changed=2, removed=0)
    assert (place / "releases/1.0.0/index.html").stat().st_ino == before.st_ino
    inode = place.stat().st_ino
    assert write_site(place, more) == Written(files=4, changed=0, removed=0)
    assert place.stat().st_ino == inode
    assert read_site(place) == dict(sorted(more.items()))
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_without_an_exchange_in_one_step_or_hard_links_it_works_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_args, **_options: object())

    def no_link(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", no_link)
    (tmp_path / "real").mkdir()
    (tmp_path / "site").symlink_to("real")
    write_site(tmp_path / "site", files())
    write_site(tmp_path / "site", files(("1.0.0", "1.0.1")))
    assert read_site(tmp_path / "real") == dict(sorted(files(("1.0.0", "1.0.1")).items()))
    assert (tmp_path / "site").is_symlink()


def test_two_runs_at_once_mix_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, link = tmp_path / "site", os.link
    write_site(place, files())

    def late(old: Path, new: Path) -> None:
        """Another run is quicker, between our look at a file and its taking over."""
        monkeypatch.setattr(os, "link", link)
        write_site(place, {**files(), "index.html": b"theirs", "releases/1.0.0/index.html": b"theirs"})
        link(old, new)

    monkeypatch.setattr(os, "link", late)
    write_site(place, files())
    assert read_site(place) == dict(sorted(files().items()))


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (files(("1.0.1",)), "the new pages lack releases that are there: 1.0.0"),
        ({"index.html": b"", "index.json": index("1.0.0")}, "lacks files .* releases/1.0.0/index.html"),
    ],
)
def test_nothing_that_was_published_is_lost_unless_it_is_said(
    tmp_path: Path, new: dict[str, bytes], words: str
) -> None:
    place = tmp_path / "site"
    write_site(place, files())
    with pytest.raises(RefusedError, match=words):
        write_site(place, new)
    assert read_site(place) == dict(sorted(files().items()))
    assert write_site(place, new, allow_removal=True).removed == 1
    assert read_site(place) == dict(sorted(new.items()))


def test_what_is_no_site_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"dear")
    with pytest.raises(InputError, match="holds files and no site"):
        write_site(tmp_path, files(), allow_removal=True)
    with pytest.raises(HumpyardError):
        write_site(tmp_path / "holiday.jpg", files())
    assert (tmp_path / "holiday.jpg").read_bytes() == b"dear"


def test_a_run_that_was_cut_leaves_the_old_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "site"
    write_site(place, files())

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(subject, "_exchange", cut)
        with pytest.raises(KeyboardInterrupt):
            write_site(place, files(("1.0.0", "1.0.1")))
    assert read_site(place) == dict(sorted(files().items()))
    assert write_site(place, files(("1.0.0", "1.0.1"))).changed == 2


def test_pages_come_before_what_leads_to_them() -> None:
    paths = [
        "index.html",
        "index.json",
        "streams/stable.json",
        "api/v1/index.json",
        "api/v1/releases/1.0.0.json",
        "cve/2026/index.html",
        "releases/index.html",
        "releases/1.0.0/index.html",
        "releases-feed/releases.xml",
        "channels/stable/index.html",
        "keys/index.html",
    ]
    groups = in_order(paths)
    assert groups[0] == ["api/v1/releases/1.0.0.json", "keys/index.html", "releases/1.0.0/index.html"]
    assert groups[1] == [
        "channels/stable/index.html",
        "cve/2026/index.html",
        "releases-feed/releases.xml",
        "releases/index.html",
    ]
    assert groups[2] == ["api/v1/index.json", "index.json", "streams/stable.json"]
    assert groups[3] == ["index.html"]
    assert [rank(path) for group in groups for path in group] == [0] * 3 + [1] * 4 + [2] * 3 + [3]
    assert in_order(["b", "a"]) == [["a", "b"]]


def test_an_index_that_cannot_be_read_refuses_nothing() -> None:
    for before in (None, b"", b"[1]", b"{", b'{"releases": 3}', b"[" * 100_000):
        check_not_smaller(before, index(), "there")
    many = index(*(f"1.0.{number}" for number in range(7)))
    with pytest.raises(RefusedError, match=r"1\.0\.4 and 2 more"):
        check_not_smaller(many, index(), "there")

"""Building pages from the command line: with a history, into the store and a directory, cut in between."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from release.cli.main import run
from release.errors import StorageFullError
from release.line.pages import MEMO
from release.mirror.directory import DirectoryStore
from release.pages.directory import read_site
from release.pages.publish_order import rank
from tests.small_yard import NEW, OLD, SmallYard

HISTORY = {
    "stable": {"4459.2.4": "2026-03-01 10:00:00 +0000", "4593.0.0": "2026-03-02 10:00:00 +0000"},
    "lts-2024": {"4081.3.6": "2025-09-15 10:00:00 +0000"},
    "edge": {"2466.99.0": "2020-04-15 10:00:00 +0000"},
}


def with_history(yard: SmallYard) -> SmallYard:
    """Name a small history in the settings, and how long a stream of it is supported."""
    (yard.root / "history").mkdir()
    for channel, releases in HISTORY.items():
        entries = {
            version: {
                "channel": channel.removesuffix("-2024"),
                "architectures": ["amd64"],
                "release_date": date,
                "major_software": {"kernel": ["6.6.1"]},
                "release_notes": f"- Told by {channel} of {version}",
            }
            for version, date in releases.items()
        }
        (yard.root / "history" / f"releases-{channel}.json").write_text(json.dumps(entries))
    text = yard.settings.read_text().replace("[pages]\n", '[pages]\nhistory = "history"\n')
    if "[pages]" not in text:
        text += '\n[pages]\nhistory = "history"\n'
    text += '\n[pages.support."lts-2024"]\nstream_of = "lts"\nopened = 2025-01-30\nends = 2099-01-01\n'
    yard.settings.write_text(text)
    return yard


def test_a_site_has_the_history_and_the_pipelines_releases_wherever_it_is_built(
    released_yard: SmallYard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = with_history(released_yard)
    out = tmp_path / "site"
    assert yard.humpyard("pages", "build", "--out", str(out)) == 0
    site = read_site(out)
    index = json.loads(site["index.json"])
    versions = [release["version"] for release in index["releases"]]
    assert versions == [str(NEW), str(OLD), "4459.2.4", "4081.3.6", "2466.99.0"]
    assert index["channels"]["stable"]["current"] == str(OLD)  # the history says so, and the ledger nothing
    assert index["channels"]["lts-2024"]["current"] == "4081.3.6"
    assert "Told by" not in site[f"releases/{OLD}/index.html"].decode()
    assert "Told by lts-2024" in site["releases/4081.3.6/index.html"].decode()
    keys = [path for path in site if path.startswith("keys/") and not path.endswith(".html")]
    assert any(site[path].startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----") for path in keys)
    assert any(site[path].startswith(b"-----BEGIN PUBLIC KEY-----") for path in keys)
    # The same everywhere: in the store, without what was remembered, and when nothing changed.
    assert yard.humpyard("pages", "build") == 0
    assert read_site(yard.mirror / "pages") == site
    (yard.root / "work" / MEMO).unlink()
    capsys.readouterr()
    for command in (["build", "--out", str(out)], ["build"], ["render"]):
        assert yard.humpyard("pages", *command) == 0
        assert f"{len(site)} files, 0 of them new or changed" in capsys.readouterr().out
    assert run(["pages", "check", str(out)]) == 0
    assert "0 faults" in capsys.readouterr().out


def test_a_setting_that_went_missing_takes_no_releases_away(
    released_yard: SmallYard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yard, out = with_history(released_yard), tmp_path / "site"
    into = [[], ["--out", str(out)]]
    for place in into:
        assert yard.humpyard("pages", "build", *place) == 0
    before = read_site(yard.mirror / "pages")
    shutil.rmtree(yard.root / "history")
    assert yard.humpyard("pages", "build") == 0  # what could be read last is told, and that it is so
    assert read_site(yard.mirror / "pages") == before
    text = yard.settings.read_text().replace('history = "history"\n', "").partition("[pages.support")[0]
    yard.settings.write_text(text)
    for place in into:
        capsys.readouterr()
        assert yard.humpyard("pages", "build", *place) == 1
        assert "lack releases that are there: 2466.99.0" in capsys.readouterr().err
    assert read_site(yard.mirror / "pages") == read_site(out) == before
    for place in into:
        assert yard.humpyard("pages", "build", "--allow-removal", *place) == 0
    assert not (out / "releases" / "4081.3.6").exists()
    assert (yard.mirror / "pages" / "releases" / "4081.3.6" / "index.html").exists()  # never deleted there
    assert yard.humpyard("pages", "build") == 0


def test_a_run_that_is_cut_leads_nobody_wrong_and_the_next_goes_on(
    released_yard: SmallYard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard = with_history(released_yard)
    pages = yard.mirror / "pages"
    replace = DirectoryStore.replace

    for limit in (1, 2, 3):  # cut before files of this rank

        def full(store: DirectoryStore, key: str, data: bytes, limit: int = limit) -> None:
            if rank(key.removeprefix("pages/")) >= limit:
                raise StorageFullError("no room")
            replace(store, key, data)

        with monkeypatch.context() as patch:
            patch.setattr(DirectoryStore, "replace", full)
            assert yard.humpyard("pages", "build") != 0
        there = read_site(pages)
        assert max(map(rank, there)) == limit - 1
    assert yard.humpyard("pages", "build") == 0
    site = read_site(pages)
    assert {path: site[path] for path in there} == there
    (pages / "releases" / str(NEW) / "index.html").unlink()
    (pages / "releases" / str(OLD) / "index.html").write_bytes(b"x")
    assert yard.humpyard("pages", "build") == 0
    assert read_site(pages) == site


def test_a_site_that_is_wrong_is_told(released_yard: SmallYard, capsys: pytest.CaptureFixture[str]) -> None:
    assert released_yard.humpyard("pages", "build") == 0
    pages = released_yard.mirror / "pages"
    (pages / "releases" / str(NEW) / "index.html").unlink()
    capsys.readouterr()
    assert run(["pages", "check", str(pages), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["passed"]
    assert any(str(NEW) in one["fault"] and "leads nowhere" in one["fault"] for one in found["findings"])
    assert run(["pages", "check", str(pages)]) == 1
    capsys.readouterr()
    assert released_yard.humpyard("pages", "build") == 0
    assert run(["pages", "check", str(pages), "--not-older-than", "9"]) == 0
    index = json.loads((pages / "index.json").read_text())
    (pages / "index.json").write_text(json.dumps({**index, "generated_at": "2020-01-01T00:00:00Z"}))
    assert run(["pages", "check", str(pages)]) == 0
    assert run(["pages", "check", str(pages), "--not-older-than", "9"]) == 1
    assert "index.json: the data is of 2020-01-01 00:00 UTC" in capsys.readouterr().out
    assert run(["pages", "check", str(pages / "none")]) == 1
    assert run(["pages", "serve", str(pages / "none")]) == 1

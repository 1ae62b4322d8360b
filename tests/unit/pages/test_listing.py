"""Listings of a version's folders: complete, relative, the same bytes each time, and nothing runs in them."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from posixpath import dirname, normpath

import pytest

from release.bundle.layout import published_keys
from release.bundle.release import Release
from release.catalog.naming import NamingScheme
from release.digests import Digest
from release.errors import InputError
from release.mirror.replica import Document
from release.pages.listing import release_listings
from tests.unit.pages.samples import AMD64, ARM64, artifact, board, day, payload, release

NAMES = NamingScheme()
IMAGES, PAYLOADS = "alpha/amd64-usr/1.0.10/", "update/amd64-usr/1.0.10/"


class Page(HTMLParser):
    """What a page links to and shows."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += (value for name, value in attrs if tag == "a" and name == "href" and value)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def sample() -> Release:
    return release(
        "1.0.10",
        board(AMD64, payload(131 << 20), payload(11 << 20, "1.0.9")),
        board(ARM64, payload(122 << 20), files=False),
        created=day(8),
    )


def listings(item: Release, **options: object) -> dict[str, bytes]:
    documents: tuple[Document, ...] = release_listings(item, NAMES, **options)  # type: ignore[arg-type]
    return {document.key: document.data for document in documents}


def test_every_folder_of_the_release_has_both(sample: Release) -> None:
    folders = (IMAGES, PAYLOADS, "update/arm64-usr/1.0.10/")
    expected = [folder + name for folder in folders for name in ("index.json", "index.html")]
    assert list(listings(sample)) == expected


def test_images_are_listed_under_each_channel_that_has_them(sample: Release) -> None:
    found = listings(sample, channels=("alpha", "lts-2024"))
    assert {key.split("/")[0] for key in found} == {"alpha", "lts-2024", "update"}
    alpha, lts = (json.loads(found[f"{name}/amd64-usr/1.0.10/index.json"]) for name in ("alpha", "lts-2024"))
    assert alpha == lts


def test_the_data_names_every_file_that_is_published_there(sample: Release) -> None:
    found = listings(sample)
    listed = {
        normpath(f"{dirname(key)}/{entry['url']}")
        for key, data in found.items()
        if key.endswith(".json")
        for entry in json.loads(data)
    }
    published = {key for key in published_keys(sample, NAMES) if not key.startswith("releases/")}
    assert listed == published


def test_the_data_is_as_mirror_scripts_and_checkers_want_it(sample: Release) -> None:
    entries = json.loads(listings(sample)[PAYLOADS + "index.json"])
    assert [entry["name"] for entry in entries] == sorted(entry["name"] for entry in entries)
    by_name = {entry["name"]: entry for entry in entries}
    full = sample.boards[0].payloads[0].artifact
    assert by_name["flatcar_production_update.gz"] == {
        "name": "flatcar_production_update.gz",
        "size": 131 << 20,
        "url": "./flatcar_production_update.gz",
        "mod_time": "2026-08-08T09:30:00Z",
        "is_dir": False,
        "is_symlink": False,
        "sha256": full.sha256.hex,
        "type": "application/octet-stream",
    }
    checksum = f"{full.sha256.hex}  {full.name}\n".encode()
    assert by_name["flatcar_production_update.gz.sha256"]["sha256"] == Digest.sha256(checksum).hex
    assert by_name["flatcar_production_update.gz.sha256"]["size"] == len(checksum)
    assert by_name["flatcar_production_update.gz.sig"]["size"] is None
    assert by_name["flatcar_production_update-from-1.0.9.gz"]["size"] == 11 << 20


def test_every_link_is_relative_and_leads_to_something(sample: Release) -> None:
    found = listings(sample)
    known = {
        *found,
        *published_keys(sample, NAMES),
        "pages/index.html",
        "pages/releases/1.0.10/index.html",
    }
    for key, data in found.items():
        if key.endswith(".html"):
            for link in Page(data).links:
                target = normpath(f"{dirname(key)}/{link.partition('#')[0]}")
                assert "://" not in link
                assert link.startswith(("./", "../", "#"))
                assert link.startswith("#") or target in known, link


def test_the_page_shows_names_sizes_and_digests(sample: Release) -> None:
    page = Page(listings(sample)[PAYLOADS + "index.html"])
    full = sample.boards[0].payloads[0].artifact
    for text in (full.name, full.sha256.hex, "131\xa0MiB", "update/amd64-usr/1.0.10/", "sha256", "DIGESTS"):
        assert text in page.text
    assert f"./{full.name}.sig" in page.links
    assert "./flatcar_production_update-from-1.0.9.gz.DIGESTS" in page.links
    assert "../../../pages/releases/1.0.10/index.html" in page.links
    assert "../../../alpha/amd64-usr/1.0.10/index.html" in page.links
    assert "script" not in page.tags


def test_a_board_without_images_is_not_linked_to(sample: Release) -> None:
    page = Page(listings(sample)["update/arm64-usr/1.0.10/index.html"])
    assert not any("alpha/arm64-usr" in link for link in page.links)


def test_what_the_release_calls_itself_is_escaped(sample: Release) -> None:
    data = listings(replace(sample, product="<script>alert(1)</script>\u202e"))[IMAGES + "index.html"]
    assert b"<script" not in data
    assert "\u202e".encode() not in data
    assert "script" not in Page(data).tags


def test_the_same_release_gives_the_same_bytes(sample: Release) -> None:
    assert listings(sample) == listings(replace(sample))


def test_a_file_that_is_called_like_a_listing_is_refused(sample: Release) -> None:
    files = (artifact("index.html", 3), *sample.boards[0].files)
    files = tuple(sorted(files, key=lambda one: one.name))
    other = replace(sample, boards=(replace(sample.boards[0], files=files), sample.boards[1]))
    with pytest.raises(InputError, match=r"alpha/amd64-usr/1\.0\.10/index\.html"):
        listings(other)


def test_a_directory_overrides_the_template(sample: Release, tmp_path: Path) -> None:
    (tmp_path / "listing.html").write_text("{{ view.path }}: {{ view.rows | length }}")
    assert listings(sample, templates=tmp_path)[PAYLOADS + "index.html"] == b"update/amd64-usr/1.0.10/: 2\n"

"""A directory mirror behind a real nginx, configured as the documentation says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from release.mirror.content_types import IMMUTABLE, MUTABLE, cache_control, content_type
from tests.nginx import RECOMMENDED, served_by_nginx
from tests.plain_server import served

VERSION = "alpha/amd64-usr/4593.0.1"
PAYLOAD = "update/amd64-usr/4593.0.1/flatcar_production_update.gz"
KEYS = (
    f"{VERSION}/flatcar_production_image.vmlinuz",
    f"{VERSION}/flatcar_production_update.bin.bz2",
    f"{VERSION}/flatcar_production_update.bin.bz2.sig",
    f"{VERSION}/flatcar_production_update.bin.bz2.DIGESTS",
    f"{VERSION}/version.txt",
    PAYLOAD,
    f"{PAYLOAD}.sig",
    "alpha/amd64-usr/current/channel.json",
    "alpha/amd64-usr/current/version.txt",
    "channel-info.txt",
    "evidence/abc/tests.json",
    "head.json",
    "ledger/00000001.json",
    "pages/index.html",
    "pages/404.html",
    "pages/eol/support.ics",
    "pages/index.json",
    "pages/index.tab",
    "pages/releases-feed/releases.json",
    "pages/releases-feed/releases.xml",
    "pages/releases/4593.0.1/index.html",
    "releases/4593.0.1/release.json",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mirror")
    for key in KEYS:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(f"{key}\n".encode() * 100)
    (root / VERSION / "index.html").write_text("<p>listing</p>")
    (root / ".humpyard/tmp").mkdir(parents=True)
    (root / ".humpyard/tmp/half").write_bytes(b"half")
    return root


@pytest.fixture(scope="module")
def url(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_by_nginx(root, tmp_path_factory.mktemp("nginx")) as url:
        yield url


@pytest.mark.parametrize("key", KEYS)
def test_headers_are_those_that_a_bucket_would_be_given(url: str, root: Path, key: str) -> None:
    answer = requests.get(f"{url}/{key}", headers={"Accept-Encoding": "gzip"}, timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == cache_control(key)
    assert answer.headers["Content-Type"] == content_type(key)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Encoding" not in answer.headers
    assert answer.content == (root / key).read_bytes()


def test_a_listing_is_short_lived_although_below_a_version(url: str) -> None:
    for path in (f"{VERSION}/", f"{VERSION}/index.html"):
        answer = requests.get(f"{url}/{path}", timeout=60)
        assert answer.text == "<p>listing</p>"
        assert answer.headers["Cache-Control"] == MUTABLE


def test_scripts_of_other_sites_may_read_pages_and_none_may_frame_them(url: str) -> None:
    for key in ("pages/index.json", "pages/releases-feed/releases.xml", "pages/index.html"):
        answer = requests.get(f"{url}/{key}", timeout=60)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        framed = answer.headers.get("Content-Security-Policy")
        assert framed == (None if "releases-feed" in key else "frame-ancestors 'none'")


def test_nobody_remembers_that_something_was_not_there(url: str, root: Path) -> None:
    for path in ("pages/nothing.html", f"{VERSION}/nothing", "nothing", "pages/nothing/"):
        answer = requests.get(f"{url}/{path}", timeout=60)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")
        assert answer.content == (root / "pages/404.html").read_bytes()


def test_a_payload_is_fetched_in_two_pieces(url: str, root: Path) -> None:
    whole = (root / PAYLOAD).read_bytes()
    first = requests.get(f"{url}/{PAYLOAD}", headers={"Range": "bytes=0-99"}, timeout=60)
    tag = first.headers["ETag"]
    rest = requests.get(
        f"{url}/{PAYLOAD}", headers={"Range": f"bytes=100-{len(whole)}", "If-Range": tag}, timeout=60
    )
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.content + rest.content == whole
    assert rest.headers["Content-Range"] == f"bytes 100-{len(whole) - 1}/{len(whole)}"
    assert rest.headers["Cache-Control"] == IMMUTABLE


def test_nothing_whose_name_begins_with_a_dot_is_served(url: str) -> None:
    for path in (".humpyard/tmp/half", "alpha/.view-1/x", ".humpyard/"):
        assert requests.get(f"{url}/{path}", timeout=60).status_code == 404


def test_a_mirror_takes_no_writes(url: str, root: Path) -> None:
    before = (root / KEYS[0]).read_bytes()
    for method in ("PUT", "DELETE", "POST"):
        assert requests.request(method, f"{url}/{KEYS[0]}", data=b"x", timeout=60).status_code == 405
    assert (root / KEYS[0]).read_bytes() == before


def test_big_files_of_current_are_redirected_to_the_version_before_a_bucket(tmp_path: Path) -> None:
    root = tmp_path / "bucket"
    for key in ("alpha/amd64-usr/current/version.txt", f"{VERSION}/image.bin", f"{VERSION}/version.txt"):
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_text(key)
    (tmp_path / "current.map").write_text("alpha/amd64-usr 4593.0.1;\n")
    example = RECOMMENDED.with_name("nginx-current-redirect.conf")
    with served(root) as bucket:
        http = (
            f"upstream bucket {{ server {bucket.removeprefix('http://')}; }}"
            f" map $of $version_of {{ include {tmp_path}/current.map; }}"
        )
        with served_by_nginx(root, tmp_path / "nginx", server=f"include {example};", http=http) as url:
            big = requests.get(f"{url}/alpha/amd64-usr/current/image.bin", timeout=60)
            small = requests.get(f"{url}/alpha/amd64-usr/current/version.txt", timeout=60)
            unknown = requests.get(f"{url}/beta/amd64-usr/current/image.bin", timeout=60)
            odd = requests.get(f"{url}/alpha/amd64-usr/current/%0d%0aX-Odd:1", timeout=60)
    assert big.text == f"{VERSION}/image.bin"
    assert big.history[0].headers["Cache-Control"] == MUTABLE
    assert small.history == []
    assert small.text == "alpha/amd64-usr/current/version.txt"
    assert (unknown.status_code, odd.status_code) == (404, 404)

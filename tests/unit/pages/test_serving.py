"""A site is served as it should be: types, policies, no way out of its directory."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from release.errors import InputError
from release.pages.serving import serving

POLICY = "default-src &#39;none&#39;; style-src 'x'"
PAGE = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><p>Hi</p>'.encode()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    site = tmp_path / "site"
    (site / "cve" / "2026").mkdir(parents=True)
    (site / "index.html").write_bytes(PAGE)
    (site / "cve" / "2026" / "index.html").write_bytes(PAGE)
    (site / "404.html").write_bytes(PAGE + b"<p>Lost</p>")
    (site / "index.json").write_text("{}")
    (site / "releases-feed").mkdir()
    (site / "releases-feed" / "releases.xml").write_text("<feed/>")
    (tmp_path / "secret").write_text("s")
    (site / "out").symlink_to(tmp_path / "secret")
    (site / "circle").symlink_to("circle")
    with serving(site) as address:
        yield address


def ask(address: str, path: str, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html?id=CVE-1#x", "text/html; charset=utf-8"),
        ("/cve/2026/", "text/html; charset=utf-8"),
        ("/index.json", "application/json"),
        ("/releases-feed/releases.xml", "application/atom+xml"),
    ],
)
def test_files_have_types_and_policies(address: str, path: str, kind: str) -> None:
    answer, body = ask(address, path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    expected = "default-src 'none'; style-src 'x'" if "html" in kind else "default-src 'none'"
    assert answer.headers["Content-Security-Policy"] == f"{expected}; frame-ancestors 'none'"
    assert "max-age=60" in answer.headers["Cache-Control"]
    head, nothing = ask(address, path, "HEAD")
    assert (head.headers["Content-Length"], nothing) == (str(len(body)), b"")


@pytest.mark.parametrize(
    "path",
    [
        "/gone",
        "/gone/",
        "/../secret",
        "/%2e%2e/secret",
        "//secret",
        "/out",
        "/circle",
        "/a%00b",
        "/" + "x" * 5000,
    ],
)
def test_what_is_not_there_is_lost_and_nothing_else_is_given(address: str, path: str) -> None:
    answer, body = ask(address, path)
    assert answer.status == 404
    assert answer.headers["Cache-Control"] == "no-store"
    assert b"Lost" in body


def test_what_is_no_address_is_refused(address: str) -> None:
    """http.client asks for none such."""
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.sendall(b"GET http://[/ HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 400 ")


def test_directories_are_named_with_a_slash_and_nothing_can_be_changed(address: str) -> None:
    answer, _ = ask(address, "/cve/2026")
    assert (answer.status, answer.headers["Location"]) == (301, "/cve/2026/")
    assert ask(address, "/cve/")[0].status == 404
    assert ask(address, "/index.html", "PUT")[0].status == 501
    assert json.loads(ask(address, "/index.json")[1]) == {}


def test_what_cannot_be_served_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(InputError, match="expected a directory"), serving(tmp_path / "none"):
        pass
    port = urlsplit(address).port
    with pytest.raises(InputError, match="cannot listen"), serving(tmp_path, port=port or 0):
        pass


def test_without_a_page_for_lost_addresses_a_line_says_so(tmp_path: Path) -> None:
    with serving(tmp_path) as address:
        answer, body = ask(address, "/x")
        assert (answer.status, body) == (404, b"Not found\n")

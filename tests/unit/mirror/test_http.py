"""Reading a mirror over HTTP, from good servers and bad ones."""

from __future__ import annotations

import gzip
import socket
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from release.digests import hash_stream
from release.errors import InputError, NotVerifiedError, UnavailableError
from release.mirror.directory import DirectoryStore
from release.mirror.http import HttpReader
from release.mirror.plan import Wanted
from release.mirror.store import MissingObjectError, ObjectTooLargeError
from release.mirror.sync import verify_objects
from tests.canned_server import Canned, canned_server
from tests.plain_server import served
from tests.store_conformance import KEY, sha
from tests.talking_server import talking_server


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """A directory mirror with one object and one pointer behind a plain web server; its URL."""
    store = DirectoryStore(tmp_path)
    store.create(KEY, b"text\n", sha256=sha(b"text\n"))
    store.swap_pointer("alpha/amd64-usr/current/version.txt", None, b"FLATCAR_VERSION=1.2.3\n")
    with served(tmp_path) as url:
        yield url


def test_a_mirror_is_read(mirror: str) -> None:
    reader = HttpReader(mirror + "/")
    assert reader.read(KEY) == b"text\n"
    with reader.open(KEY) as stream:
        assert hash_stream(stream).sha256 == sha(b"text\n")
    stat = reader.stat(KEY)
    assert stat is not None
    assert (stat.size, stat.sha256) == (5, None)
    pointer = reader.read_pointer("alpha/amd64-usr/current/version.txt")
    assert pointer is not None
    assert pointer.data == b"FLATCAR_VERSION=1.2.3\n"
    verify_objects(reader, [Wanted(key=KEY, size=5, sha256=sha(b"text\n"))])
    with pytest.raises(NotVerifiedError, match=KEY):
        verify_objects(reader, [Wanted(key=KEY, size=5, sha256=sha(b"other"))])


def test_what_is_missing_is_missing(mirror: str) -> None:
    reader = HttpReader(mirror)
    assert reader.stat("absent") is None
    assert reader.read_pointer("absent") is None
    with pytest.raises(MissingObjectError, match=f"{mirror}/absent: there is no such object"):
        reader.open("absent")


def test_reading_is_bounded(mirror: str) -> None:
    with pytest.raises(ObjectTooLargeError, match=f"{KEY}: expected at most 4 bytes"):
        HttpReader(mirror).read(KEY, 4)
    with (
        HttpReader(mirror, max_size=4).open(KEY) as stream,
        pytest.raises(ObjectTooLargeError, match="4 bytes"),
    ):
        stream.read()


def test_keys_are_checked_and_listing_is_refused(mirror: str) -> None:
    reader = HttpReader(mirror)
    with pytest.raises(InputError, match="expected segments"):
        reader.open("../secret")
    with pytest.raises(InputError, match="cannot be listed"):
        reader.list("alpha/")


@pytest.mark.parametrize(
    "url", ["", "file:///x", "ftp://host/", "http://", "http://h/?q", "http://h/#f", "host/x"]
)
def test_only_web_addresses_are_mirrors(url: str) -> None:
    with pytest.raises(InputError, match="mirror URL"):
        HttpReader(url)


def test_an_address_with_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="expected no user name and no password") as caught:
        HttpReader("https://ada:canary@mirror.invalid/")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://a..b/", "http://*/", "http://[::x]/"])
def test_addresses_that_cannot_be_are_input_errors(url: str) -> None:
    with pytest.raises(InputError):
        HttpReader(url, retries=0).read(KEY)


@pytest.mark.parametrize(
    ("status", "family"),
    [
        (404, MissingObjectError),
        (410, MissingObjectError),
        (401, InputError),
        (403, InputError),
        (400, InputError),
        (204, InputError),
        (206, InputError),
        (408, UnavailableError),
        (429, UnavailableError),
        (500, UnavailableError),
        (503, UnavailableError),
    ],
)
def test_statuses_have_their_errors(status: int, family: type[Exception]) -> None:
    with (
        canned_server(lambda *_: Canned(status=status)) as url,
        pytest.raises(family, match=f"{url}/{KEY}: ") as caught,
    ):
        HttpReader(url, retries=0).read(KEY)
    assert type(caught.value) is family


def test_a_server_that_recovers_is_asked_again() -> None:
    asked: list[str] = []

    def answer(_method: str, path: str, _headers: Mapping[str, str]) -> Canned:
        asked.append(path)
        return Canned(status=503) if len(asked) == 1 else Canned(body=b"text")

    with canned_server(answer) as url:
        assert HttpReader(url + "/base", retries=1).read(KEY) == b"text"
    assert asked == [f"/base/{KEY}"] * 2


def test_an_object_that_breaks_off_is_unavailable_not_short() -> None:
    with (
        canned_server(lambda *_: Canned(body=b"half", length=8)) as url,
        pytest.raises(UnavailableError, match=f"{KEY}.*[Ii]ncomplete"),
    ):
        HttpReader(url, retries=0).read(KEY)


def test_bytes_are_taken_as_they_are() -> None:
    """Even when the server calls a .gz file an encoding; and no encoding is asked for."""
    seen: list[Mapping[str, str]] = []

    def answer(_method: str, _path: str, headers: Mapping[str, str]) -> Canned:
        seen.append(headers)
        return Canned(body=b"CrAU payload", headers={"Content-Encoding": "gzip"})

    with canned_server(answer) as url:
        assert HttpReader(url).read("update.gz") == b"CrAU payload"
    assert seen[0]["Accept-Encoding"] == "identity"


def test_a_size_that_is_not_told_is_an_input_error() -> None:
    with (
        canned_server(lambda *_: Canned(length=-1)) as url,
        pytest.raises(InputError, match="expected a Content-Length, found ''"),
    ):
        HttpReader(url).stat(KEY)


def test_redirects_are_followed_but_not_for_ever() -> None:
    def answer(_method: str, path: str, _headers: Mapping[str, str]) -> Canned:
        if path == "/there":
            return Canned(body=b"text")
        return Canned(status=302, headers={"Location": "/there" if "once" in path else path})

    with canned_server(answer) as url:
        assert HttpReader(url).read("once") == b"text"
        with pytest.raises(UnavailableError, match="redirects"):
            HttpReader(url).read("loop")


def test_the_body_of_a_redirect_is_not_unpacked() -> None:
    """It is read to its end: packed twice, hundreds of megabytes are less than a kilobyte."""
    bomb = gzip.compress(gzip.compress(bytes(64 << 20)))
    packed = {"Location": "/there", "Content-Encoding": "gzip, gzip"}

    def answer(_method: str, path: str, _headers: Mapping[str, str]) -> Canned:
        return Canned(body=b"text") if path == "/there" else Canned(status=302, body=bomb, headers=packed)

    with canned_server(answer) as url:
        tracemalloc.start()
        try:
            assert HttpReader(url).read(KEY, 100) == b"text"
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 16 << 20


@pytest.mark.parametrize("location", [b"http://[", b"http://\xff\xfe/", b"file:///etc/passwd"])
def test_a_redirect_to_nowhere_is_an_input_error(location: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")

    with talking_server(talk) as url, pytest.raises(InputError, match=f"{url}/{KEY}: "):
        HttpReader(url, retries=0).read(KEY)


def test_a_size_beyond_all_numbers_is_an_input_error() -> None:
    many = {"Content-Length": "9" * 5000}
    with (
        canned_server(lambda *_: Canned(headers=many, length=-1)) as url,
        pytest.raises(InputError, match="expected a Content-Length, found '9999"),
    ):
        HttpReader(url).stat(KEY)


def test_nobody_there_is_unavailable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=f"{url}/{KEY}.*refused"):
            HttpReader(url, retries=0).read(KEY)

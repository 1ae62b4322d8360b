"""Reading a mirror over HTTP, from good servers and bad ones."""

from __future__ import annotations

import gzip
import socket
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from release.digests import hash_stream
from release.errors import InputError, NotVerifiedError, UnavailableError
from release.mirror.directory import DirectoryStore
from release.mirror.http import HttpReader
from release.mirror.pace import Pace, TooSlowError
from release.mirror.plan import Wanted
from release.mirror.store import MissingObjectError, ObjectTooLargeError
from release.mirror.sync import verify_objects
from tests.canned_server import Canned, canned_server
from tests.store_conformance import KEY, sha


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """A directory mirror with one object and one pointer behind a plain web server; its URL."""
    store = DirectoryStore(tmp_path)
    store.create(KEY, b"text\n", sha256=sha(b"text\n"))
    store.swap_pointer("alpha/amd64-usr/current/version.txt", None, b"FLATCAR_VERSION=1.2.3\n")
    handler = partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


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


# Servers that are slow, or do not end, on purpose


class Clock:
    """Seconds that go by whenever somebody looks."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


Talk = Callable[[socket.socket], None]


@contextmanager
def talking_server(talk: Talk) -> Iterator[str]:
    """Serve connections, one after the other, by whatever ``talk`` says to them; its URL."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.recv(65536)
                talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def drip(head: bytes, drop: bytes) -> Talk:
    """Say ``head`` at once and then the same few bytes for ever."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(drop)

    return talk


OK = b"HTTP/1.1 200 OK\r\n"
SLOW = [
    pytest.param(OK + b"Content-Length: 100000000\r\n\r\n", b"x", id="body"),
    pytest.param(OK + b"\r\n", b"x", id="body without a length"),
    pytest.param(OK + b"X-Long: ", b"x", id="header line"),
    pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="interim answers"),
    pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="chunks"),
    pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n", id="trailers"),
    pytest.param(
        b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 9999999\r\n\r\n", b"x", id="redirect"
    ),
    pytest.param(b"HTTP/1.1 503 Busy\r\nContent-Length: 9999999\r\n\r\n", b"x", id="refusal"),
]


@pytest.mark.parametrize(("head", "drop"), SLOW)
def test_a_server_that_drips_is_left_alone_when_patience_ends(head: bytes, drop: bytes) -> None:
    """Each look at the clock costs ten seconds, so the bytes that come meanwhile are far too few."""
    pace = Pace(patience=60, rate=1 << 30)
    with talking_server(drip(head, drop)) as url:
        reader = HttpReader(url, pace=pace, clock=Clock(10))
        with pytest.raises(
            TooSlowError, match=f"{url}/{KEY}: the server sends less than 1.07374e[+]09 bytes/s"
        ):
            reader.read(KEY)


def test_a_server_that_says_nothing_is_left_alone_when_patience_ends() -> None:
    """By the real clock: what a single read may take is what is left of our patience."""

    def nothing(connection: socket.socket) -> None:
        connection.recv(1)  # until the other side goes

    with talking_server(nothing) as url, pytest.raises(TooSlowError, match=r"for longer than 0\.2 s"):
        HttpReader(url, pace=Pace(patience=0.2)).read(KEY)


def test_a_server_that_was_fast_may_not_be_slow_for_longer() -> None:
    """Bytes fill patience up again, and no further: ten fast megabytes buy no day of dripping."""
    clock = Clock(0)

    def talk(connection: socket.socket) -> None:
        connection.sendall(OK + b"\r\n" + bytes(10_000_000))
        clock.step = 10
        drip(b"", b"x")(connection)

    with (
        talking_server(talk) as url,
        HttpReader(url, pace=Pace(rate=100), clock=clock).open(KEY) as stream,
        pytest.raises(TooSlowError),
    ):
        stream.read()


def test_a_proxy_is_held_to_the_same_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    with talking_server(drip(OK + b"\r\n", b"x")) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        reader = HttpReader("http://mirror.invalid", pace=Pace(rate=1 << 30), clock=Clock(10))
        with pytest.raises(TooSlowError, match=f"http://mirror.invalid/{KEY}"):
            reader.read(KEY)


def test_many_small_objects_share_one_patience() -> None:
    """A second for each, and no more: seven seconds for each of a thousand are too many."""
    with canned_server(lambda *_: Canned(body=b"x")) as url:
        reader = HttpReader(url, pace=Pace(patience=60), clock=Clock(1))
        with pytest.raises(TooSlowError):
            deque((reader.read(KEY) for _ in range(1000)), maxlen=0)


def test_what_the_reader_does_between_reads_costs_no_patience() -> None:
    clock = Clock(0)
    with (
        canned_server(lambda *_: Canned(body=bytes(3 << 20))) as url,
        HttpReader(url, pace=Pace(patience=1), clock=clock).open(KEY) as stream,
    ):
        while stream.read(1 << 20):
            clock.now += 3600


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, id="interim answers"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 1000, id="trailers"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b"x" * 10_000, id="redirect"),
    ],
)
def test_endless_bytes_around_an_object_end_soon(head: bytes, drop: bytes) -> None:
    with (
        talking_server(drip(head, drop)) as url,
        pytest.raises(ObjectTooLargeError, match=f"{url}/{KEY}: the server sent .* would not end"),
    ):
        HttpReader(url).read(KEY)


def test_an_endless_object_ends_at_the_limit() -> None:
    with talking_server(drip(OK + b"\r\n", b"x" * 65536)) as url:
        with pytest.raises(ObjectTooLargeError, match="expected at most 1000 bytes"):
            HttpReader(url).read(KEY, 1000)
        with (
            HttpReader(url, max_size=3_000_000).open(KEY) as stream,
            pytest.raises(ObjectTooLargeError, match="more than 3000000 bytes"),
        ):
            deque(iter(lambda: stream.read(65536), b""), maxlen=0)


def test_a_steady_server_may_take_as_long_as_its_bytes_are_worth() -> None:
    body = b"x" * 3_000_000
    with canned_server(lambda *_: Canned(body=body)) as url:
        reader = HttpReader(url, pace=Pace(patience=10, rate=1000), clock=Clock(0.5))
        assert reader.read(KEY) == body


def test_small_chunks_are_no_attack() -> None:
    chunked = b"".join(b"400\r\n" + bytes(1024) + b"\r\n" for _ in range(4000)) + b"0\r\n\r\n"
    headers = {"Transfer-Encoding": "chunked"}
    with canned_server(lambda *_: Canned(body=chunked, headers=headers, length=-1)) as url:
        assert HttpReader(url).read(KEY) == bytes(4000 * 1024)


def test_a_server_does_not_decide_how_long_we_sleep() -> None:
    asked: list[str] = []

    def answer(_method: str, path: str, _headers: Mapping[str, str]) -> Canned:
        asked.append(path)
        return Canned(status=503, headers={"Retry-After": "86400"})

    with canned_server(answer) as url, pytest.raises(UnavailableError, match="503"):
        HttpReader(url, retries=1).read(KEY)
    assert len(asked) == 2


@pytest.mark.parametrize("wrong", [{"patience": 0}, {"rate": -1}])
def test_a_pace_is_more_than_nothing(wrong: Mapping[str, float]) -> None:
    with pytest.raises(ValueError, match="more than nothing"):
        Pace(**wrong)

"""Servers that are slow, or do not end, on purpose: each is left alone in time."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Mapping

import pytest

from release.errors import UnavailableError
from release.mirror.http import HttpReader
from release.mirror.pace import Pace, TooSlowError
from release.mirror.store import ObjectTooLargeError
from tests.canned_server import Canned, canned_server
from tests.store_conformance import KEY
from tests.talking_server import drip, talking_server


class Clock:
    """Seconds that go by whenever somebody looks."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


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

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import closing
from typing import Any, ClassVar

import pytest
from uvicorn import Config, Server

from release.errors import InputError, UnavailableError
from release.updates.server.protocol import REQUEST_LIMIT, BoundedProtocol
from release.updates.server.running import listen_at

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Impatient(BoundedProtocol):
    request_seconds: ClassVar[float] = 1


async def echo(
    _scope: object,
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def talk(with_it: Talk) -> None:
    """Run a server, and somebody who talks with it."""

    async def run() -> None:
        with closing(listen_at("127.0.0.1:0")) as listener:
            config = Config(
                echo, http=Impatient, ws="none", lifespan="off", log_config=None, access_log=False
            )
            server = Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                reader, writer = await asyncio.open_connection(*listener.getsockname())
                await with_it(reader, writer)
                writer.close()
            finally:
                server.should_exit = True
                await serving

    asyncio.run(run())


async def _ended(reader: asyncio.StreamReader) -> bytes:
    """What came until the other end closed, however it did."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize(
    "part", [b"", GET[:10], b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234"]
)
def test_a_request_that_does_not_end_is_cut_off(part: bytes) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(part)
        assert await _ended(reader) == b""

    talk(slow)


def test_a_second_request_that_does_not_end_is_cut_off() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GET)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.write(GET[:10])
        assert await _ended(reader) == b""

    talk(slow)


def test_an_idle_connection_between_requests_is_kept() -> None:
    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(GET)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(2 * Impatient.request_seconds)

    talk(patient)


def test_headers_without_end_are_cut_off() -> None:
    async def much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nX: " + b"x" * (REQUEST_LIMIT + (1 << 20)))
        assert b"200" not in await _ended(reader)

    talk(much)


def test_too_many_requests_ahead_are_cut_off_and_some_are_not() -> None:
    async def eager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GET * 10)
        for _ in range(10):
            await reader.readuntil(b"ok")
        writer.write(GET * 1000)
        assert (await _ended(reader)).count(b"ok") < 1000

    talk(eager)


@pytest.mark.parametrize("address", ["", "localhost", "127.0.0.1:", "127.0.0.1:70000", ":80", "127.0.0.1:x"])
def test_an_address_is_a_host_and_a_port(address: str) -> None:
    with pytest.raises(InputError, match="expected HOST:PORT"):
        listen_at(address)


def test_an_address_that_is_taken_is_said_to_be() -> None:
    with closing(listen_at("127.0.0.1:0")) as listener, pytest.raises(UnavailableError, match="in use"):
        listen_at(f"127.0.0.1:{listener.getsockname()[1]}")


def test_answers_are_sent_at_once() -> None:
    with closing(listen_at("127.0.0.1:0")) as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

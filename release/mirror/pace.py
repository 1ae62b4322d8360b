"""How long, and how much, one is willing to read from a server that may be slow on purpose.

A timeout per read is no bound: one byte every ten seconds never reaches it, in a body, between the
header lines, in the answer to a redirect, or spread over a thousand small files. So every byte that comes
from a socket is counted here, below HTTP, and so is every second that was waited for one.

Patience is a bucket that waiting empties and bytes fill again, at the least rate. Whatever a server does,
n bytes in m objects take at most ``patience + n / rate + m`` seconds, and a server that was fast cannot
be slow for longer than one that never was.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from release.errors import UnavailableError
from release.mirror.store import ObjectTooLargeError

READ_TIMEOUT = 60.0
"""Seconds without a byte."""
_OVERHEAD = 1 << 20
"""Bytes of headers, redirects and refusals that an exchange may have beside the object itself."""
_FRAMING = 2
"""How many bytes on the wire one byte of an object may cost: chunked transfer adds lines of its own."""
_PER_OBJECT = 1.0
"""Seconds that asking for an object may take, however small it is: the way there and back."""


class TooSlowError(UnavailableError):
    """The server sends less than the least rate, for longer than one is patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is fast enough. ``patience`` is in seconds, ``rate`` in bytes per second."""

    patience: float = 60.0
    rate: float = 10_000.0

    def __post_init__(self) -> None:
        if not (self.patience > 0 and self.rate > 0):
            raise ValueError(f"{self}: a pace needs more than nothing")


class Patience:
    """What is left of it, for all that one reader asks of one server. Not for several threads."""

    def __init__(self, pace: Pace, clock: Callable[[], float]) -> None:
        """``clock`` gives seconds that never go back."""
        self._pace = pace
        self._clock = clock
        self._left = pace.patience
        self._since: float | None = None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The block waits for the server. Inside another such block it is part of that."""
        if self._since is not None:
            yield
            return
        self._since = self._clock()
        try:
            yield
        finally:
            self._settle()
            self._since = None

    def left(self, where: str) -> float:
        """Seconds left. Raises TooSlowError, naming ``where``, when there are none."""
        self._settle()
        if self._left <= 0:
            raise TooSlowError(
                f"{where}: the server sends less than {self._pace.rate:g} bytes/s, for longer than"
                f" {self._pace.patience:g} s",
                hint="try another mirror, or be more patient with this one",
            )
        return self._left

    def object_asked(self) -> None:
        """One object more is being asked for."""
        self._fill(_PER_OBJECT)

    def bytes_came(self, count: int) -> None:
        """So many bytes came from the socket."""
        self._fill(count / self._pace.rate)

    def _fill(self, seconds: float) -> None:
        self._left = min(self._pace.patience, self._left + seconds)

    def _settle(self) -> None:
        if self._since is not None:
            now = self._clock()
            self._left -= now - self._since
            self._since = now


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One object being asked for, redirects and further tries included."""

    where: str
    patience: Patience
    _received: int = 0
    _allowed: int = _OVERHEAD

    def __post_init__(self) -> None:
        self.patience.object_asked()

    def expect(self, count: int) -> None:
        """The reader asks for ``count`` bytes more of the object."""
        self._allowed += _FRAMING * count

    def took(self, count: int) -> None:
        """``count`` bytes came from the socket. Raises ObjectTooLargeError when nobody asked for them."""
        self.patience.bytes_came(count)
        self._received += count
        if self._received > self._allowed:
            raise ObjectTooLargeError(
                f"{self.where}: the server sent {self._received} bytes, and would not end"
            )


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def paced_by(exchange: Exchange) -> Iterator[None]:
    """Let every answer that begins in here, whatever redirect or further try it is of, count for it."""
    token = _current.set(exchange)
    try:
        with exchange.patience.waiting():
            yield
    finally:
        _current.reset(token)


class PacedAdapter(HTTPAdapter):
    """Connects requests to servers, with every answer read at the pace of ``paced_by``."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Use pools whose connections read through us."""
        super().init_poolmanager(*args, **options)
        _pace(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        """The same for connections through a proxy."""
        manager = super().proxy_manager_for(*args, **options)
        _pace(manager)
        return manager


def _pace(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _PacedHttpPool, "https": _PacedHttpsPool}


class _PacedResponse(HTTPResponse):
    """What ``http.client`` makes of an answer, reading by our rules."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        exchange = _current.get()
        if exchange is not None:
            self.fp.close()
            self.fp = io.BufferedReader(_PacedRaw(sock, exchange))

    def begin(self) -> None:
        """Read status and headers, and forget what encoding they tell.

        Bodies of redirects would be unpacked, and some hundred bytes that were packed twice fill all memory.
        """
        super().begin()
        del self.headers["Content-Encoding"]


class _PacedHttpConnection(HTTPConnection):
    response_class = _PacedResponse


class _PacedHttpsConnection(HTTPSConnection):
    response_class = _PacedResponse


class _PacedHttpPool(HTTPConnectionPool):
    ConnectionCls = _PacedHttpConnection


class _PacedHttpsPool(HTTPSConnectionPool):
    ConnectionCls = _PacedHttpsConnection


class _PacedRaw(io.RawIOBase):
    """A socket's bytes, counted. With TLS, too, the timeout is for a whole read: ssl module, since 3.5."""

    def __init__(self, sock: socket.socket, exchange: Exchange) -> None:
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]  # io passes a memoryview
        exchange, patience = self._exchange, self._exchange.patience
        with patience.waiting():
            self._socket.settimeout(min(READ_TIMEOUT, patience.left(exchange.where)))
            try:
                count: int | None = self._raw.readinto(buffer)
            except TimeoutError:
                patience.left(exchange.where)  # says so when it was our patience that ended
                raise
        exchange.took(count or 0)
        return count

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._raw.close()

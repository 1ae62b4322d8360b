"""How long, and how much, one is willing to read from a server that may be slow on purpose.

A timeout per read is no bound: one byte every ten seconds never reaches it, in a body, between the
header lines, or in the answer to a redirect. So every byte that comes from a socket is counted here,
below HTTP: an exchange is over when it has taken longer than its patience plus what its bytes are worth
at the least rate, or when it has sent more than anybody asked for.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
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


class TooSlowError(UnavailableError):
    """The server sends less than the least rate, for longer than one is patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is fast enough: after n bytes, at most ``patience + n / rate`` seconds have gone by.

    ``patience`` is in seconds and counts once for an object, redirects and further tries included;
    ``rate`` in bytes per second.
    """

    patience: float = 60.0
    rate: float = 10_000.0

    def __post_init__(self) -> None:
        if not (self.patience > 0 and self.rate > 0):
            raise ValueError(f"{self}: a pace needs more than nothing")


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One object being asked for. ``clock`` gives seconds that never go back."""

    where: str
    pace: Pace
    clock: Callable[[], float]
    begun: float = field(init=False)
    _received: int = 0
    _allowed: int = _OVERHEAD

    def __post_init__(self) -> None:
        self.begun = self.clock()

    def expect(self, count: int) -> None:
        """The reader asks for ``count`` bytes more of the object."""
        self._allowed += _FRAMING * count

    def took(self, count: int) -> None:
        """``count`` bytes came from the socket. Raises ObjectTooLargeError when nobody asked for them."""
        self._received += count
        if self._received > self._allowed:
            raise ObjectTooLargeError(
                f"{self.where}: the server sent {self._received} bytes, and would not end"
            )

    def left(self) -> float:
        """Seconds left before more bytes must have come. Raises TooSlowError when there are none."""
        spent = self.clock() - self.begun
        left = self.pace.patience + self._received / self.pace.rate - spent
        if left <= 0:
            raise TooSlowError(
                f"{self.where}: {self._received} bytes in {spent:.0f} s, slower than {self.pace.rate:g}"
                f" bytes/s for longer than {self.pace.patience:g} s",
                hint="try another mirror, or say that this one may be slower",
            )
        return left


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def paced_by(exchange: Exchange) -> Iterator[None]:
    """Let every answer that begins in here, whatever redirect or further try it is of, count for it."""
    token = _current.set(exchange)
    try:
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
        self._socket.settimeout(min(READ_TIMEOUT, self._exchange.left()))
        try:
            count: int | None = self._raw.readinto(buffer)
        except TimeoutError:
            self._exchange.left()  # says so when it was our patience that ended
            raise
        self._exchange.took(count or 0)
        return count

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._raw.close()

"""uvicorn's HTTP protocol with bounds that it has not: on bytes, on time, on requests sent ahead.

Its parser (llhttp) keeps headers, trailers and parts of them without any bound, and waits for the rest of a
request as long as a client likes. A balancer in front has bounds of its own; this holds without one.
"""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from release.updates.omaha_xml import SIZE_LIMIT

REQUEST_LIMIT = SIZE_LIMIT + (32 << 10)
"""Bytes of one request with its headers, and the framing of its body."""
_ONE_READ = 256 << 10
"""What asyncio may read at once: so much more can be there before the application could say no."""
_AHEAD_LIMIT = 16
"""Requests that a client sends before it has the answers."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections that take too much, too long, or come too early."""

    request_seconds: ClassVar[float] = 20.0
    """From the first byte of a request, or the beginning of a connection, to the last byte."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """A connection; its first request must come soon."""
        super().connection_made(transport)
        self._bytes = 0
        self._deadline: TimerHandle | None = None
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        self._request_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a client."""
        self._bytes += len(data)
        if self._deadline is None and self.cycle.response_complete:
            self._await_request()
        super().data_received(data)
        if len(self.pipeline) > _AHEAD_LIMIT or self._bytes > REQUEST_LIMIT + _ONE_READ:
            self._refuse()

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._request_is_there()
        self._bytes = 0
        super().on_message_complete()

    def _await_request(self) -> None:
        self._deadline = self.loop.call_later(self.request_seconds, self._refuse)

    def _request_is_there(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.abort()

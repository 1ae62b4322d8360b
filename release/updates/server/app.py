"""The ASGI application: routes, limits on what is read, and answers that tell a stranger nothing.

``POST /v1/update`` is for machines. ``GET /health`` says that the process lives, ``/ready`` that it holds a
document that is not expired, ``/metrics`` what it counted. Everything else is a short 404.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from release.updates.omaha_response import CONTENT_TYPE
from release.updates.omaha_xml import SIZE_LIMIT, MalformedRequestError
from release.updates.server.access_log import AccessLog
from release.updates.server.answering import Answering, Reply
from release.updates.server.log import Bucket, EventLog
from release.updates.server.metrics import CONTENT_TYPE as METRICS_TYPE

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_XML: Headers = [(b"content-type", CONTENT_TYPE.encode()), (b"cache-control", b"no-store")]
_PLAIN: Headers = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
_CLOSE = (b"connection", b"close")
_FAULTS_TOLD, _FAULTS_PERIOD = 10, 60.0


class _Refused(Exception):  # noqa: N818  no error: a status
    """A request that is not read to its end."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class _Gone(Exception):  # noqa: N818  no error: nobody is left to answer
    """The client went away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What begins and ends with the application. ``end`` may block: it writes what is not written yet."""

    begin: Callable[[], None]
    end: Callable[[], None]


class UpdateApp:
    """Serves one ``Answering``."""

    def __init__(
        self,
        answering: Answering,
        life: Life,
        log: EventLog,
        *,
        path: str,
        access_log: AccessLog | None = None,
    ) -> None:
        """``path`` is where machines ask, without a slash at its end; one at the end is allowed."""
        self._answering = answering
        self._metrics = answering.metrics
        self._life = life
        self._log = log
        self._paths = frozenset({path, f"{path}/"})
        self._access_log = access_log
        self._faults = Bucket(_FAULTS_TOLD, _FAULTS_PERIOD, time.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of the application."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            try:
                status, body, headers = await self._respond(scope, receive)
            except _Gone:
                return
            self._metrics.request(status)
            length = (b"content-length", b"%d" % len(body))
            await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
            await send({"type": "http.response.body", "body": body})

    async def _respond(self, scope: Scope, receive: Receive) -> tuple[int, bytes, Headers]:
        try:
            if scope["path"] in self._paths:
                return await self._update(scope, receive)
            return self._page(scope["path"], scope["method"])
        except _Refused as refused:
            return refused.status, f"{refused.text}\n".encode(), [*_PLAIN, _CLOSE]
        except _Gone:
            raise
        except Exception as error:  # noqa: BLE001 - a client is told nothing of it
            return 500, self._fault(error), [*_PLAIN, _CLOSE]

    async def _update(self, scope: Scope, receive: Receive) -> tuple[int, bytes, Headers]:
        if scope["method"] != "POST":
            return 405, b"405: use POST\n", [*_PLAIN, (b"allow", b"POST")]
        data = await _read_body(scope["headers"], receive)
        try:
            reply = self._answering.answer(data)
        except MalformedRequestError as error:
            self._note(scope, Reply(400, b"", ()))
            return 400, f"400: {error.message}\n".encode("ascii", "backslashreplace"), _PLAIN
        self._note(scope, reply)
        return reply.status, reply.body, _XML

    def _page(self, path: str, method: str) -> tuple[int, bytes, Headers]:
        if path not in {"/health", "/ready", "/metrics"}:
            return 404, b"404: nothing here\n", _PLAIN
        if method not in {"GET", "HEAD"}:
            return 405, b"405: use GET\n", [*_PLAIN, (b"allow", b"GET, HEAD")]
        if path == "/metrics":
            return 200, self._metrics.text(), [(b"content-type", METRICS_TYPE.encode()), *_PLAIN[1:]]
        if path == "/ready" and not self._is_ready():
            return 503, b"503: no document that is not expired\n", _PLAIN
        return 200, b"ok\n", _PLAIN

    def _is_ready(self) -> bool:
        documents = self._answering.documents
        return documents.settled and bool(documents.held.fresh(self._answering.clock()))

    def _note(self, scope: Scope, reply: Reply) -> None:
        if self._access_log is not None:
            self._access_log.note(scope.get("client"), reply)

    def _fault(self, error: Exception) -> bytes:
        number = secrets.token_hex(8)
        if self._faults.take():
            self._log.fault("request-fault", error, request=number, not_told=self._faults.held_back or None)
            self._faults.held_back = 0
        return f"500: request {number} failed; its number is in the server's log\n".encode()

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._life.begin()
                await send({"type": "lifespan.startup.complete"})
            else:
                self._life.end()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _read_body(headers: Iterable[tuple[bytes, bytes]], receive: Receive) -> bytes:
    """The body, refused before it is read where its length, or its coding, is wrong."""
    for name, value in headers:
        if name == b"content-length" and (len(value) > 9 or int(value) > SIZE_LIMIT):
            raise _Refused(413, f"413: expected up to {SIZE_LIMIT} bytes")
        if name == b"content-encoding" and value.lower() != b"identity":
            raise _Refused(415, "415: expected no content encoding")
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        if len(body) > SIZE_LIMIT:
            raise _Refused(413, f"413: expected up to {SIZE_LIMIT} bytes")
        message = await receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise _Gone
    if len(body) > SIZE_LIMIT:
        raise _Refused(413, f"413: expected up to {SIZE_LIMIT} bytes")
    return body

"""A proxy on loopback before an S3 server: it writes down what is asked, and fails as a test tells it.

It forwards what comes for itself, the ``Host`` header unchanged because it is signed, and what comes as for
a forward proxy, with whole URLs, so that names of buckets in host names need no name service.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from urllib.parse import parse_qs, urlsplit

_OURS = frozenset({"content-length", "transfer-encoding", "connection", "date", "server"})
_EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>throw-away</Message></Error>"


@dataclass(frozen=True)
class Asked:
    """One request, and the status of its answer."""

    method: str
    path: str
    size: int
    status: int
    storage_class: str | None = None

    @property
    def part(self) -> int | None:
        """The number of the part that an UploadPart brings."""
        number = parse_qs(urlsplit(self.path).query).get("partNumber")
        return int(number[0]) if number and self.method == "PUT" else None


@dataclass
class S3Proxy:
    """What was asked so far, in the order of the answers; and what is not let through, by method and path.

    A request to ``deny`` is told that its credentials have expired. One to ``hold`` waits until ``release``
    is set, and is dropped then: its connection is closed. Of the answer to one to ``cut`` the body breaks off
    behind so many bytes.
    """

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    hold: Callable[[str, str], bool] = lambda _method, _path: False
    deny: Callable[[str, str], bool] = lambda _method, _path: False
    cut: Callable[[str, str], int | None] = lambda _method, _path: None
    holding: Event = field(default_factory=Event)
    release: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def parts(self) -> list[int]:
        """Numbers of the parts that the server took, in order."""
        with self.lock:
            return [one.part for one in self.asked if one.part is not None and one.status == 200]

    def storage_classes(self) -> dict[str, str | None]:
        """Which one was asked for, by path, when an object was begun."""
        with self.lock:
            begun = [
                one for one in self.asked if one.method in {"PUT", "POST"} and "uploadId=" not in one.path
            ]
            return {urlsplit(one.path).path: one.storage_class for one in begun}

    def forget(self) -> None:
        """Begin a new page."""
        with self.lock:
            self.asked.clear()

    def let_all_pass(self) -> None:
        """Drop what is held, and hold nothing from now on."""
        self.hold = lambda _method, _path: False
        self.release.set()


class _Server(ThreadingHTTPServer):
    def __init__(self, proxy: S3Proxy, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy
        self.upstream = upstream

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients are killed here on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or what follows the headers waits for a delayed ACK
    server: _Server

    def _handle_any(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        proxy = self.server.proxy
        if proxy.hold(self.command, path):
            proxy.holding.set()
            proxy.release.wait()
            self.close_connection = True
        elif proxy.deny(self.command, path):
            self._answer(403, [], _EXPIRED)
        else:
            try:
                self._forward(path, data)
            except (OSError, http.client.HTTPException):  # one of both sides is gone
                self.close_connection = True

    def _forward(self, path: str, data: bytes) -> None:
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(data)
            answer = upstream.getresponse()
            body = answer.read()
        finally:
            upstream.close()
        with self.server.proxy.lock:
            wanted = self.headers.get("x-amz-storage-class")
            self.server.proxy.asked.append(Asked(self.command, path, len(data), answer.status, wanted))
        self._answer(answer.status, answer.getheaders(), body)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        length = str(len(body))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in _OURS:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            end = self.server.proxy.cut(self.command, self.path)
            self.wfile.write(body[:end])
            self.close_connection = self.close_connection or end is not None

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle_any  # noqa: N815  # the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        pass


@contextmanager
def s3_proxy(endpoint: str) -> Iterator[S3Proxy]:
    """Run a proxy before the server at ``endpoint``."""
    proxy = S3Proxy()
    with _Server(proxy, urlsplit(endpoint).netloc) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield proxy
        finally:
            proxy.let_all_pass()
            server.shutdown()
            thread.join()

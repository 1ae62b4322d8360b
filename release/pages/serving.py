"""Serves a site from a directory, to look at it, with the headers that a web server should send."""

from __future__ import annotations

import re
import socket
import socketserver
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from html import unescape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, unquote, urlsplit

from release.catalog.naming import PAGES_PREFIX
from release.errors import InputError
from release.mirror.content_types import MUTABLE, content_type
from release.pages import addresses

_POLICY = re.compile(rb'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_NOTHING = "default-src 'none'"
_TIMEOUT = 30.0
"""Seconds that a client may be silent."""


@contextmanager
def serving(directory: Path, *, bind: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve ``directory`` in threads while the block runs; gives the address, ``http://HOST:PORT/``.

    Port 0 takes a free one. Only files below the directory are given, as they are at that moment; no link
    out of it is followed.

    Raises:
        InputError: no such directory, or the address cannot be listened at.
    """
    if not directory.is_dir():
        raise InputError(
            f"{directory}: expected a directory with a site", hint="humpyard pages build --out DIR"
        )
    try:
        server = _Server((bind, port), partial(_Handler, directory))
    except OSError as error:
        raise InputError(f"{bind}:{port}: cannot listen there: {error.strerror or error}") from error
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    shown = f"[{bind}]" if ":" in bind else bind
    try:
        yield f"http://{shown}:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Without the library's question for our own name, which takes seconds where nobody answers."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "humpyard"
    sys_version = ""
    timeout = _TIMEOUT

    def __init__(self, directory: Path, *arguments: object) -> None:
        self._root = directory.resolve()
        super().__init__(*arguments)  # type: ignore[arg-type]  # what the server gives it

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, *, body: bool) -> None:
        try:
            path = unquote(urlsplit(self.path).path).lstrip("/")
        except ValueError:  # no address, as http://[/
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        found = self._find(path)
        if found is not None and stat.S_ISDIR(found.stat().st_mode):
            if path and not path.endswith("/"):
                self._send(HTTPStatus.MOVED_PERMANENTLY, "text/plain", b"", location=f"/{quote(path)}/")
                return
            path, found = f"{path}index.html", self._find(f"{path}index.html")
        if found is None or not found.is_file():
            lost = self._find(addresses.NOT_FOUND)
            data = b"Not found\n" if lost is None else lost.read_bytes()
            kind = "text/plain; charset=utf-8" if lost is None else content_type(addresses.NOT_FOUND)
            self._send(HTTPStatus.NOT_FOUND, kind, data, body=body)
            return
        self._send(HTTPStatus.OK, content_type(PAGES_PREFIX + path), found.read_bytes(), body=body)

    def _find(self, path: str) -> Path | None:
        """What is there, inside the root."""
        try:
            found = (self._root / path).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):  # links in a circle, before Python 3.13
            return None
        return found if found.is_relative_to(self._root) else None

    def _send(
        self, status: HTTPStatus, kind: str, data: bytes, *, body: bool = True, location: str | None = None
    ) -> None:
        policy = _POLICY.search(data) if kind.startswith("text/html") else None
        said = _NOTHING if policy is None else unescape(policy[1].decode())
        self.send_response(status)
        if location is not None:
            self.send_header("Location", location)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", MUTABLE if status is HTTPStatus.OK else "no-store")
        self.send_header("Content-Security-Policy", f"{said}; frame-ancestors 'none'")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if body:
            self.wfile.write(data)

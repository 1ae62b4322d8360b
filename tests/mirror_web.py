"""Public addresses of mirrors on loopback: one web server, a folder per mirror, and whatever may go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

Fault = Callable[["MirrorHandler"], bool]
"""Answers a GET in its own way; False lets the server go on as usual."""


@dataclass
class MirrorWeb:
    """``roots`` and ``faults`` by the first segment of a path, which is the mirror's name."""

    url: str = ""
    roots: dict[str, Path] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    def address(self, mirror: str) -> str:
        """The public address of a mirror."""
        return f"{self.url}/{mirror}/"

    def reset_faults(self) -> None:
        """Serve well, and let go who is stuck."""
        self.over.set()
        self.over = Event()
        self.faults.clear()

    def reset(self) -> None:
        """Serve nothing, and well."""
        self.reset_faults()
        self.roots.clear()
        self.asked.clear()


class MirrorHandler(SimpleHTTPRequestHandler):
    """``mirror`` is who is asked, ``key`` for what."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or what follows the headers waits for a delayed ACK

    def __init__(self, *args: object, web: MirrorWeb) -> None:
        self.web = web
        self.mirror = self.key = ""
        super().__init__(*args)  # type: ignore[arg-type]  # what the server gives

    def do_GET(self) -> None:
        """Serve the file, or what the fault says."""
        self.mirror, _, self.key = self.path.lstrip("/").partition("/")
        self.web.asked.append(f"{self.mirror} {self.key}")
        fault = self.web.faults.get(self.mirror)
        if fault is not None and fault(self):
            return
        root = self.web.roots.get(self.mirror)
        if root is None or not (root / self.key).is_file():
            self.answer(404, b"")
            return
        self.answer(200, (root / self.key).read_bytes())

    def answer(self, status: int, data: bytes, length: int | None = None) -> None:
        """Answer with ``data``, announced as ``length`` bytes."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Nothing."""


def unavailable(handler: MirrorHandler) -> bool:
    """503, whatever is asked for."""
    handler.answer(503, b"")
    return True


def lying(part: str) -> Fault:
    """Other bytes of the same length for keys that have ``part`` in them."""

    def fault(handler: MirrorHandler) -> bool:
        path = handler.web.roots[handler.mirror] / handler.key
        if part not in handler.key or not path.is_file():
            return False
        data = path.read_bytes()
        handler.answer(200, data[:-1] + bytes([data[-1] ^ 1]))
        return True

    return fault


def shortened(part: str, announced: bool) -> Fault:
    """A byte less for keys that have ``part`` in them; ``announced``: in the length, too."""

    def fault(handler: MirrorHandler) -> bool:
        path = handler.web.roots[handler.mirror] / handler.key
        if part not in handler.key or not path.is_file():
            return False
        data = path.read_bytes()
        handler.close_connection = True
        handler.answer(200, data[:-1], len(data) - announced)
        return True

    return fault


def stuck(handler: MirrorHandler) -> bool:
    """Says nothing until the test is over."""
    handler.web.over.wait(60)
    handler.close_connection = True
    return True


@pytest.fixture(scope="session")
def running_web() -> Iterator[MirrorWeb]:
    """One server for all tests of this process."""
    web = MirrorWeb()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(MirrorHandler, web=web)) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        web.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield web
        finally:
            web.over.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def web(running_web: MirrorWeb) -> Iterator[MirrorWeb]:
    """The same, as new for each test."""
    running_web.reset()
    yield running_web
    running_web.reset()

"""A mirror in the hands of somebody who means harm: a copy of a real one, served over HTTP on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import BinaryIO

import pytest

from release.cli.main import run
from tests.small_yard import PRODUCT, SmallYard

Talk = Callable[[BinaryIO, Event], None]
"""Sends whatever it likes until the event is set, or the other side has gone."""


def endless(stream: BinaryIO, over: Event) -> None:
    """Bytes without an end, as fast as they are taken."""
    while not over.is_set():
        stream.write(bytes(65536))


def dripping(stream: BinaryIO, over: Event) -> None:
    """A byte now and then, so that no timeout for a single read is ever reached."""
    while not over.wait(0.05):
        stream.write(b" ")


@dataclass(frozen=True)
class HostileMirror:
    """``directory`` may be tampered with at will; ``talks`` take the place of files, by key."""

    yard: SmallYard
    directory: Path
    url: str
    talks: dict[str, Talk] = field(default_factory=dict)

    def path(self, key: str) -> Path:
        """The file of a key."""
        return self.directory / key

    def write(self, key: str, data: bytes) -> None:
        """Put bytes in the place of a file that may be read-only, or a hard link."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(data)

    def copy(self, source: str, key: str) -> None:
        """Serve a file, or a folder, under another key."""
        if self.path(source).is_dir():
            shutil.rmtree(self.path(key), ignore_errors=True)
            shutil.copytree(self.path(source), self.path(key))
        else:
            self.write(key, self.path(source).read_bytes())

    def take_from(self, other: Path, *keys: str) -> None:
        """Serve what another state of the mirror has under these keys, files or folders."""
        for key in keys:
            path = self.path(key)
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            source = other / key
            if source.is_dir():
                shutil.copytree(source, path)
            elif source.exists():
                self.write(key, source.read_bytes())

    def verify(self, *options: str, channel: str | None = "alpha", keys: Path | None = None) -> int:
        """`humpyard verify` over HTTP with the keys that a user has; its exit code."""
        keys = keys or self.yard.root / "keys"
        arguments = [
            f"--product={PRODUCT}",
            f"--release-key={keys}/pipeline.asc",
            f"--build-key={keys}/build.asc",
            f"--payload-key={keys}/payload-2048.pub.pem",
        ]
        if channel is not None:
            arguments.append(f"--channel={channel}")
        return run(["verify", self.url, *arguments, *options])


@dataclass(frozen=True)
class Times:
    """One yard, and its mirror as it was at two times: alpha at the old release, then at the new one."""

    yard: SmallYard
    before: Path
    after: Path


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said to the person who verified."""
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return printed.out + printed.err


def flip(path: Path, place: int = -1) -> None:
    """Change one bit of a file, whoever else has a link to it."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.unlink()
    path.write_bytes(data)


@contextmanager
def served(yard: SmallYard, state: Path, directory: Path) -> Iterator[HostileMirror]:
    """Serve a copy of ``state``, in ``directory``, until the block ends."""
    shutil.copytree(state, directory)
    talks: dict[str, Talk] = {}
    over = Event()
    handler = partial(_Handler, talks=talks, over=over, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}"
            yield HostileMirror(yard, directory, url, talks)
        finally:
            over.set()
            server.shutdown()
            thread.join()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: object, talks: Mapping[str, Talk], over: Event, directory: str) -> None:
        self._talks = talks
        self._over = over
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]  # what the server gives

    def do_GET(self) -> None:
        """Serve the file, or talk."""
        talk = self._talks.get(self.path.lstrip("/"))
        if talk is None:
            super().do_GET()
            return
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            talk(self.wfile, self._over)  # type: ignore[arg-type]  # a stream that can be written to

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        pass

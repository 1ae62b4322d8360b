"""`humpyard serve` as a process of its own on a free port, and machines that ask it. Ended by pid."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import requests

from tests.update_mirror import PRODUCT

APPLICATION = "e96281a6-d1af-4bde-9a0a-97b76e56dc57"
HUMPYARD = Path(sys.executable).with_name("humpyard")
_LIMIT = 60.0
MACHINE = "0123456789abcdef0123456789abcdef"


def request_body(
    machine: str = MACHINE,
    version: str = "4081.2.0",
    *,
    track: str = "stable",
    board: str = "amd64-usr",
    inside: str = "<ping active='1'></ping><updatecheck></updatecheck>",
    application: str = APPLICATION,
) -> bytes:
    """What update_engine sends, in its form."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<request protocol="3.0" version="update_engine-0.4.10" updaterversion="update_engine-0.4.10" installsource="scheduler" ismachine="1">
    <os version="Chateau" platform="CoreOS" sp="{version}_x86_64"></os>
    <app appid="{{{application}}}" version="{version}" track="{track}" bootid="{{{machine}}}" oem="qemu" oemversion="" alephversion="{version}" machineid="{machine}" lang="en-US" board="{board}" hardware_class="" delta_okay="false" >
        {inside}
        <event eventtype="3" eventresult="2" previousversion=""></event>
    </app>
</request>
""".encode()  # noqa: E501  as it is sent


@dataclass(frozen=True, slots=True)
class UpdateServer:
    """A running server."""

    url: str
    process: subprocess.Popen[bytes]
    lines: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def ask(self, body: bytes | None = None, **options: Any) -> requests.Response:
        return requests.post(f"{self.url}/v1/update/", body or request_body(), timeout=30, **options)

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=30)

    def exchange(self, data: bytes) -> bytes:
        """Send bytes as they are; all that comes back until the other end closes."""
        with socket.create_connection(self.address, timeout=30) as connection:
            connection.sendall(data)
            found = b""
            while piece := connection.recv(65536):
                found += piece
            return found

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == name]

    def await_event(self, name: str, count: int = 1) -> dict[str, Any]:
        await_true(lambda: len(self.events(name)) >= count or self.process.poll() is not None, name)
        return self.events(name)[count - 1]

    def await_ready(self) -> None:
        await_true(lambda: self.get("/ready").status_code == requests.codes.ok, "ready")

    def end(self) -> int:
        """SIGTERM, and wait."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_LIMIT)

    @property
    def resident(self) -> int:
        """Bytes of resident memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(text.partition("VmRSS:")[2].split()[0])


def await_true(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come: {what}")
        time.sleep(0.02)


@contextmanager
def update_server(
    folder: Path,
    mirrors: Sequence[str],
    keys: Sequence[Path],
    *options: str,
    settings: Path | None = None,
    refresh: int = 1,
) -> Iterator[UpdateServer]:
    """Start one, with options alone or by settings; it has its database and state in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    given = ["--settings", str(settings)] if settings else ["--product", PRODUCT]
    process = subprocess.Popen(
        [
            HUMPYARD, "serve", *given, "--listen", "127.0.0.1:0", "--refresh", str(refresh),
            *(f"--mirror={mirror}" for mirror in mirrors), *(f"--release-key={key}" for key in keys),
            *options,
        ],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    lines: list[dict[str, Any]] = []
    raw: list[bytes] = []
    reader = Thread(target=_read, args=(process, lines, raw))
    reader.start()
    try:
        await_true(lambda: lines or process.poll() is not None, "listening")
        if not lines:
            reader.join(_LIMIT)
            raise AssertionError(b"".join(raw).decode())
        yield UpdateServer(f"http://{lines[0]['address']}", process, lines, raw)
    finally:
        process.terminate()
        try:
            process.wait(_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()


def _read(process: subprocess.Popen[bytes], lines: list[dict[str, Any]], raw: list[bytes]) -> None:
    assert process.stderr is not None
    with process.stderr as stream:
        for line in stream:
            raw.append(line)
            if line.startswith(b"{"):
                lines.append(json.loads(line))

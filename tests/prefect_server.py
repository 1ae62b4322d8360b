"""A real Prefect server for the session, on 127.0.0.1 and a free port, ended by pid."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

START_LIMIT = 180.0
"""Seconds. A new database takes 11 to 26 s on busy machines."""


@dataclass(frozen=True, slots=True)
class PrefectServer:
    """A running server. ``environment`` makes a program, and its children, talk to it."""

    url: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a client of this server, and nothing else of ours."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        return {
            **inherited,
            "DO_NOT_TRACK": "1",
            "PREFECT_API_URL": f"{self.url}/api",
            "PREFECT_HOME": str(self.home),
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{url}/api/health", timeout=5).ok
    return False


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """Start it once a session; what it says is in ``server.log`` of its home."""
    home = tmp_path_factory.mktemp("prefect")
    port = _free_port()
    server = PrefectServer(url=f"http://127.0.0.1:{port}", home=home)
    environment = {name: text for name, text in server.environment.items() if name != "PREFECT_API_URL"}
    with (home / "server.log").open("wb") as log:
        command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(
            [sys.executable, *command], env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            deadline = time.monotonic() + START_LIMIT
            while not _answers(server.url):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"Prefect does not start:\n{(home / 'server.log').read_text()[-3000:]}")
                time.sleep(0.5)
            yield server
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

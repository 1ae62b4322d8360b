"""A real Prefect server on 127.0.0.1 and a free port, ended by pid. One serves the session."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from flows.rehearsal.s3_server import free_port

START_LIMIT = 180.0
"""Seconds. A new database takes 11 to 26 s on busy machines."""
BUSY_TRIES = 30
"""With SQLite the server answers 503 when others write; Prefect's own clients try again, too."""


@dataclass(slots=True)
class PrefectServer:
    """A server: start it, kill it, forget all it knew. ``environment`` makes a program talk to it.

    ``extra`` are settings of the server and of its clients alike.
    """

    home: Path
    port: int
    extra: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

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
            **self.extra,
        }

    @property
    def database(self) -> Path:
        """All that the server knows."""
        return self.home / "prefect.db"

    def get(self, path: str) -> Any:
        """What the API answers to a GET, under ``/api/``; fails the test for an error."""
        return self._call("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any], method: str = "POST") -> Any:
        """What the API answers to a POST, in which it also says whether it did what was asked."""
        return self._call(method, path, body)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        user, colon, password = self.extra.get("PREFECT_API_AUTH_STRING", "").partition(":")
        session = requests.Session()
        session.auth = (user, password) if colon else None
        if self.extra.get("PREFECT_SERVER_CSRF_PROTECTION_ENABLED") == "true" and body is not None:
            client = str(uuid4())
            token = session.get(f"{self.url}/api/csrf-token", params={"client": client}, timeout=120).json()
            session.headers.update({"Prefect-Csrf-Token": token["token"], "Prefect-Csrf-Client": client})
        for _ in range(BUSY_TRIES):
            answer = session.request(method, f"{self.url}/api/{path}", json=body, timeout=120)
            if answer.status_code != requests.codes.service_unavailable:
                break  # the database was not busy
            time.sleep(1)
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    def start(self) -> None:
        """Start it and wait until it answers; what it says is in ``server.log`` of its home."""
        environment = {name: text for name, text in self.environment.items() if name != "PREFECT_API_URL"}
        command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_LIMIT
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"Prefect does not start:\n{(self.home / 'server.log').read_text()[-3000:]}")
            time.sleep(0.5)

    def kill(self) -> None:
        """End it without any warning."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Delete its database and everything else it kept. It must not be running."""
        assert self._process is None
        assert self.database.is_file()
        shutil.rmtree(self.home)
        self.home.mkdir()

    def _answers(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/api/health", timeout=5).ok
        return False


@contextlib.contextmanager
def running_server(home: Path, extra: Mapping[str, str] | None = None) -> Iterator[PrefectServer]:
    """A server of one's own, to be killed and started at will."""
    server = PrefectServer(home=home, port=free_port(), extra=extra or {})
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """Start it once a session."""
    with running_server(tmp_path_factory.mktemp("prefect")) as server:
        yield server

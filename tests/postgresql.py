"""A real PostgreSQL server for tests: Debian's, on loopback, in a new folder, as a user without rights.

Make the fixture known where it is wanted by ``from tests.postgresql import postgresql``. However often
that is done, one server serves the whole test run.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from flows.rehearsal.s3_server import free_port
from tests.programs import missing
from tests.servers import die_with_parent

_START_LIMIT = 60.0
"""Seconds until it answers; 0.3 to 2.3 were measured on an idle machine, and initdb's 1 to 3 before."""
_USER = "humpyard"


class PostgreSQL:
    """One server: start it, kill it, start it again on the same data and port."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder, self._programs, self._port = folder, programs, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self._user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
        if self._user is not None:
            owner = pwd.getpwnam(self._user)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [
                programs / "initdb",
                f"--pgdata={folder / 'data'}",
                f"--username={_USER}",
                "--auth=trust",
                "--no-sync",
                "--locale=C.UTF-8",
            ],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=folder,
            timeout=_START_LIMIT,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    "-D",
                    self._folder / "data",
                    f"--port={self._port}",
                    "--listen_addresses=127.0.0.1",
                    "--unix_socket_directories=",
                    "--max_connections=50",
                    "--fsync=off",  # the machine is not killed here, only processes
                ],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=self._user,
                preexec_fn=die_with_parent,  # noqa: PLW1509  # a killed test run must leave no server
            )
        deadline = time.monotonic() + _START_LIMIT
        while True:
            try:
                psycopg.connect(self._conninfo("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = (self._folder / "log").read_text(errors="replace")[-4000:]
                    raise RuntimeError(f"PostgreSQL does not answer: {error}\n{said}") from error
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """End the server at once; its data stays whole (SIGQUIT: immediate shutdown)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def new_database(self) -> str:
        """Make an empty database; gives its URL."""
        self._made += 1
        name = f"test_{self._made}"
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://{_USER}@127.0.0.1:{self._port}/{name}"

    def _conninfo(self, database: str) -> str:
        return f"host=127.0.0.1 port={self._port} user={_USER} dbname={database}"


_running: list[PostgreSQL] = []


@pytest.fixture(scope="session")
def postgresql() -> PostgreSQL:
    """The server of this test run. Skips when PostgreSQL is missing, fails then when ``CI=true``."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda one: int(one.parts[4]))
    if not found:
        missing("no /usr/lib/postgresql/*/bin/postgres: PostgreSQL is not installed")
    if not _running:
        folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="hy-pg-"))
        server = PostgreSQL(folder, found[-1].parent)
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        atexit.register(server.stop)  # runs first
        server.start()
        _running.append(server)
    return _running[0]

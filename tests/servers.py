"""What every server that a test starts needs: to end with the test run, and to be waited for."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import time
from pathlib import Path

_START_LIMIT = 120.0
"""Seconds."""
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """For ``preexec_fn``: a killed test run must leave no server."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def await_port(process: subprocess.Popen[bytes], port: int, log: Path, name: str) -> None:
    """Wait until it listens. Raises RuntimeError, with the end of its log, when it does not."""
    deadline = time.monotonic() + _START_LIMIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace")[-4000:] if log.exists() else ""
                raise RuntimeError(f"{name} does not listen: {said}") from error
            time.sleep(0.02)
        else:
            return

"""Programs that run beside us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from release.errors import ToolMissingError
from release.process import running

LIMIT = 30.0


def eventually(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so before anybody would give up."""
    deadline = time.monotonic() + LIMIT
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_so()


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_program_runs_beside_us_until_the_block_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(["sh", "-c", "echo $$; exec sleep 600"], log=log) as ended:
        assert eventually(lambda: log.exists() and bool(log.read_text()))
        pid = int(log.read_text())
        assert ended() is None
    assert not alive(pid)


def test_a_program_that_ends_by_itself_says_how(tmp_path: Path) -> None:
    with running(["sh", "-c", "echo because >&2; exit 3"], log=tmp_path / "log") as ended:
        assert eventually(lambda: ended() is not None)
        assert ended() == 3
    assert (tmp_path / "log").read_text() == "because\n"


def test_it_sees_nothing_of_our_environment_but_what_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "canary")
    with running(["env"], log=tmp_path / "log", environment={"GIVEN": "yes"}, cwd=tmp_path) as ended:
        assert eventually(lambda: ended() == 0)
    shown = (tmp_path / "log").read_text()
    assert "GIVEN=yes" in shown
    assert "canary" not in shown


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ToolMissingError, match="no-such-program"),
        running(["no-such-program"], log=tmp_path / "log"),
    ):
        pass


def test_it_is_killed_when_we_are(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = (
        "import pathlib, sys, time\n"
        "from release.process import running\n"
        "with running(['sh', '-c', 'echo $$; exec sleep 600'], log=pathlib.Path(sys.argv[1])):\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(log)])
    assert eventually(lambda: log.exists() and bool(log.read_text()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    pid = int(log.read_text())
    assert eventually(lambda: not alive(pid))

"""What a killed process leaves behind is removed by the next."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from release.signing.openpgp import OpenPgpHome

_MAKE_A_HOME_AND_DIE = """
import os, signal
from release.signing.openpgp import OpenPgpHome
home = OpenPgpHome()
home.generate_key("Nobody")
print(home.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_home_whose_process_was_killed_is_removed_and_its_agent_ended() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MAKE_A_HOME_AND_DIE], check=False, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL
    left = Path(done.stdout.strip())
    assert left.is_dir()
    with OpenPgpHome() as home:
        assert not left.exists()
        assert home.path.is_dir()
    assert not any(str(left).encode() in command for command in _commands())


def _commands() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            found.append(path.read_bytes())
    return found


def test_a_home_in_use_is_left_alone() -> None:
    with OpenPgpHome() as first, OpenPgpHome() as second:
        assert first.path.is_dir()
        assert second.path.is_dir()
        assert f"-{os.getpid()}-" in first.path.name

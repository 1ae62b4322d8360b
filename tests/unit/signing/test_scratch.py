"""What a killed process leaves behind is removed by the next one, also when several come at once."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from release.process import run
from release.signing import scratch
from release.signing.openpgp import OpenPgpHome
from release.signing.scratch import make_scratch

_MAKE_A_HOME_AND_DIE = """
import os, signal, sys
from pathlib import Path
from release.signing import scratch
from release.signing.openpgp import OpenPgpHome
scratch.ROOT = Path(sys.argv[1])
home = OpenPgpHome()
home.generate_key("Nobody")
print(home.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory in place of /tmp, where processes of other tests would sweep, too."""
    with tempfile.TemporaryDirectory(prefix="hy-sweep-", dir="/tmp", ignore_cleanup_errors=True) as root:
        monkeypatch.setattr(scratch, "ROOT", Path(root))
        yield Path(root)


def abandoned_home(root: Path) -> Path:
    """The home of a process that was killed; its agent still runs."""
    done = subprocess.run(
        [sys.executable, "-c", _MAKE_A_HOME_AND_DIE, root], check=False, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL
    home = Path(done.stdout.strip())
    assert home.is_dir()
    return home


def agent_runs(home: Path) -> bool:
    """Whether it still does after a while: without a watch on its home an agent looks once a minute."""
    for _ in range(900):
        if not any(str(home).encode() in command for command in _commands()):
            return False
        time.sleep(0.1)
    return True


def _commands() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            found.append(path.read_bytes())
    return found


def test_a_home_whose_process_was_killed_is_removed_and_its_agent_ended(root: Path) -> None:
    left = abandoned_home(root)
    with OpenPgpHome() as home:
        assert not left.exists()
        assert home.path.is_dir()
    assert not agent_runs(left)


def test_several_processes_may_sweep_the_same_remains(root: Path) -> None:
    name = abandoned_home(root).name
    with ThreadPoolExecutor(4) as sweepers:
        for number in range(10):
            left = root / f"{name}{number}"
            left.mkdir(mode=0o700)
            run(["gpgconf", "--homedir", left, "--launch", "gpg-agent"])
            made = [each.result() for each in [sweepers.submit(make_scratch) for _ in range(4)]]
            assert not left.exists()
            assert all(each.is_dir() for each in made)


def test_remains_whose_agent_cannot_be_told_stop_nobody(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    left = abandoned_home(root)
    (tmp_path / "gpgconf").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "gpgconf").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert make_scratch().is_dir()
    assert not left.exists()
    assert not agent_runs(left)


def test_a_home_in_use_is_left_alone() -> None:
    with OpenPgpHome() as first, OpenPgpHome() as second:
        assert first.path.is_dir()
        assert second.path.is_dir()
        assert f"-{os.getpid()}-" in first.path.name

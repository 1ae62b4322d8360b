"""A real rsync daemon on loopback that wants a password, with modules that differ in what they allow."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.rehearsal.s3_server import free_port
from release.mirror.rsync_program import Rsync
from release.mirror.rsync_target import RsyncTarget
from tests.programs import needed
from tests.servers import die_with_parent

USER, PASSWORD = "mirror", "open sesame"
_START_LIMIT = 120.0
_CONFIGURATION = """
use chroot = no
port = {port}
address = 127.0.0.1
pid file = {folder}/pid
lock file = {folder}/lock
log file = {folder}/log
reverse lookup = no
transfer logging = yes
log format = %o %l %b %f
{owner}
auth users = {user}
secrets file = {folder}/secrets
strict modes = no
read only = no
munge symlinks = no

[mirror]
path = {root}

[frozen]
path = {root}
read only = yes

[keeps]
path = {root}
refuse options = delete

[munging]
path = {root}
munge symlinks = yes
"""


class RsyncDaemon:
    """One daemon: start it, kill it, start it again on the same files and port."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "served"
        self.root.mkdir(parents=True)
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        owner = "uid = root\ngid = root" if os.getuid() == 0 else ""
        (folder / "secrets").write_text(f"{USER}:{PASSWORD}\n")
        (folder / "secrets").chmod(0o600)
        (folder / "conf").write_text(
            _CONFIGURATION.format(port=self.port, folder=folder, owner=owner, user=USER, root=self.root)
        )

    def url(self, module: str = "mirror", path: str = "/site") -> str:
        """The address of a path in a module."""
        return f"rsync://{USER}@127.0.0.1:{self.port}/{module}{path}"

    def rsync(self, module: str = "mirror", path: str = "/site", password: str = PASSWORD) -> Rsync:
        """Transfers from and to it."""
        return Rsync(target=RsyncTarget.parse(self.url(module, path)), secret=lambda: password, patience=120)

    def start(self) -> None:
        """Start it and wait until it listens."""
        (self._folder / "pid").unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [needed("rsync"), "--daemon", "--no-detach", f"--config={self._folder / 'conf'}"],
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509  # a killed test run must leave no server
        )
        deadline = time.monotonic() + _START_LIMIT
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"rsync does not listen: {self.log()}") from error
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """What it said."""
        path = self._folder / "log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    def received(self) -> list[tuple[str, int, int]]:
        """Every file that was written here: its name, its size, and the bytes that came for it."""
        text = (self._folder / "log").read_text(errors="replace")
        found = re.findall(r"\] recv (\d+) (\d+) (\S+)$", text, re.MULTILINE)
        return [(name, int(size), int(moved)) for size, moved, name in found]


@pytest.fixture
def rsync_daemon(tmp_path: Path) -> Iterator[RsyncDaemon]:
    """A daemon with nothing in it."""
    daemon = RsyncDaemon(tmp_path / "rsync-daemon")
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.kill()

"""A real sshd on loopback with keys of its own, for one test: who logs in is who runs the test."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.rehearsal.s3_server import free_port
from tests.programs import missing, needed
from tests.servers import await_port, die_with_parent

_SERVER = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile {folder}/pid
AuthorizedKeysFile {folder}/user.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
"""
_CLIENT = """
Host *
    IdentityFile {folder}/user
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
"""


@dataclass(frozen=True, slots=True)
class SshServer:
    """Where it is, who may log in, and the configuration of a client that can."""

    port: int
    user: str
    client: Path
    known_hosts: Path


@pytest.fixture
def ssh_server(tmp_path: Path) -> Iterator[SshServer]:
    """A server that lets one key in."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    port = free_port()
    for name in ("host", "user"):
        subprocess.run(
            [needed("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True
        )
    (folder / "sshd_config").write_text(_SERVER.format(port=port, folder=folder))
    (folder / "ssh_config").write_text(_CLIENT.format(folder=folder))
    key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}\n")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd, as root, separates privileges
    log = folder / "log"
    process = subprocess.Popen(
        [_sshd(), "-D", "-f", folder / "sshd_config", "-E", log],
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent,  # noqa: PLW1509  # a killed test run must leave no server
    )
    try:
        await_port(process, port, log, "sshd")
        yield SshServer(port, getpass.getuser(), folder / "ssh_config", folder / "known_hosts")
    finally:
        process.kill()
        process.wait()


def _sshd() -> str:
    """By its full path, as it insists on; it is not in the PATH of Debian's users."""
    path = Path("/usr/sbin/sshd")
    return str(path) if path.is_file() else missing("sshd is not installed")

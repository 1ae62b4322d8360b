"""A directory behind a real nginx on loopback, with the configuration that the documentation recommends.

Everything nginx writes is in one folder, and it is ended by pid.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.rehearsal.s3_server import free_port
from tests.programs import needed
from tests.servers import await_port, die_with_parent

RECOMMENDED = Path(__file__).resolve().parents[1] / "docs/examples/nginx-mirror.conf"
_CONFIGURATION = """
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
    {http}
    server {{
        listen 127.0.0.1:{port};
        root {root};
        {server}
    }}
}}
"""


@contextmanager
def served_by_nginx(root: Path, folder: Path, *, server: str | None = None, http: str = "") -> Iterator[str]:
    """Serve ``root``; gives the URL, without a slash at the end.

    Args:
        root: what is served; it need not exist yet.
        folder: an empty directory for configuration, logs and temporary files; made when missing.
        server: what stands inside ``server {}``; by default the recommended configuration.
        http: what stands inside ``http {}`` before it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            port=port,
            root=root,
            http=http,
            server=f"include {RECOMMENDED};" if server is None else server,
        )
    )
    process = subprocess.Popen(
        [needed("nginx"), "-p", folder, "-c", configuration, "-e", folder / "error.log"],
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent,  # noqa: PLW1509  # a killed test run must leave no server
    )
    try:
        await_port(process, port, folder / "error.log", "nginx")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()

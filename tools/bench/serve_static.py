"""What the update server is measured beside: a folder, and bytes from memory, under the same uvicorn.

``python -m tools.bench.serve_static FOLDER`` prints its URL and serves until it is killed.
"""

from __future__ import annotations

import socket
import sys
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from uvicorn import Server

from release.updates.server.running import RunOptions, listen_at, server_config


class Memory:
    """Reads a request to its end and sends the same bytes each time."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._headers = [(b"content-type", b"text/xml"), (b"content-length", b"%d" % len(body))]

    async def __call__(self, _scope: object, receive: object, send: object) -> None:
        """One request."""
        while (await receive()).get("more_body"):  # type: ignore[operator]  # ASGI
            pass
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})  # type: ignore[operator]  # ASGI
        await send({"type": "http.response.body", "body": self._body})  # type: ignore[operator]  # ASGI


def application(folder: Path) -> Starlette:
    """Both."""
    memory = Memory((folder / "answer.xml").read_bytes())
    return Starlette(routes=[Mount("/files", StaticFiles(directory=folder)), Mount("/memory", memory)])


def main() -> None:
    """Serve."""
    options = RunOptions(listen="127.0.0.1:0")
    listener: socket.socket = listen_at(options.listen)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    Server(server_config(partial(application, Path(sys.argv[1])), options)).run(sockets=[listener])


if __name__ == "__main__":
    main()

"""Runs the application under uvicorn: one process, or several that share a listening socket."""

from __future__ import annotations

import logging
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from release.errors import InputError, UnavailableError, storage_errors
from release.updates.server.app import UpdateApp
from release.updates.server.log import EventLog, LibraryLines
from release.updates.server.metrics import SHARED
from release.updates.server.protocol import BoundedProtocol

_BACKLOG = 2048
_KEEP_ALIVE = 75
"""Seconds; longer than a balancer keeps idle connections (nginx: 60), so that it is the one to close."""
_GRACE = 10
"""Seconds that running requests have at the end."""
_CONNECTIONS = 4_000
"""Of one process; above it requests are answered 503."""
_SILENT_LIMIT = 30
"""Seconds after which a process that does not answer its parent is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """``listen`` is ``HOST:PORT``; port 0 takes a free one. ``proxies`` may say who the client is."""

    listen: str
    workers: int = 1
    proxies: tuple[str, ...] = ()


def run_server(make: Callable[[], UpdateApp], options: RunOptions, log: EventLog) -> None:
    """Serve until SIGTERM or SIGINT, then finish what runs, and what is not written.

    Args:
        make: makes the application, in every process anew; can be pickled.
        options: where, and with how many processes.
        log: is told the address.

    Raises:
        InputError: the address is none of this machine.
        UnavailableError: it is taken.
    """
    with closing(listen_at(options.listen)) as listener:
        host, port = listener.getsockname()[:2]
        log.say("listening", address=f"{host}:{port}", workers=options.workers, pid=os.getpid())
        if options.workers == 1:
            signal.signal(signal.SIGTERM, _leave_to_server)
            take_library_lines(log)
            Server(server_config(make, options)).run(sockets=[listener])
        else:
            _run_several(make, options, listener, log)
    log.say("stopped", pid=os.getpid())


def take_library_lines(log: EventLog) -> None:
    """Let what libraries log become lines of ours, in this process; but none for each bad request."""
    root = logging.getLogger()
    root.handlers = [LibraryLines(log)]
    root.setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def _run_several(
    make: Callable[[], UpdateApp], options: RunOptions, listener: socket.socket, log: EventLog
) -> None:
    """Processes that die are replaced; see uvicorn's ``Multiprocess``."""
    temporary = Path(tempfile.gettempdir())
    with storage_errors(temporary), tempfile.TemporaryDirectory(prefix="humpyard-") as counters:
        os.environ[SHARED] = counters  # children read it when they import their metrics
        take_library_lines(log)
        Multiprocess(server_config(make, options), sockets=[listener]).run()


def server_config(make: Callable[[], object], options: RunOptions) -> Config:
    """How uvicorn runs an application here, with its bounds; ``make`` makes it."""
    return Config(
        make,
        factory=True,
        workers=options.workers,
        http=BoundedProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=bool(options.proxies),
        forwarded_allow_ips=list(options.proxies),
        server_header=False,
        backlog=_BACKLOG,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
        timeout_worker_healthcheck=_SILENT_LIMIT,
    )


def listen_at(address: str) -> socket.socket:
    """A listening socket at ``HOST:PORT``. Raises as ``run_server``."""
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise InputError(f"listen {address!r}: expected HOST:PORT, for example 127.0.0.1:8080 or [::1]:8080")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, int(port)), family=family, backlog=_BACKLOG)
        # Connections inherit it. Without, an answer's body waits 40 ms for the client to confirm its headers.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except socket.gaierror as error:
        raise InputError(f"listen {address!r}: {error.strerror}") from error
    except OSError as error:
        raise UnavailableError(
            f"listen {address!r}: {error.strerror}", hint="is another server there already?"
        ) from error
    return listener


def _leave_to_server(*_: object) -> None:
    """The server ends by SIGTERM itself, and then raises it again for whoever was there before."""

"""A server that says whatever a test lets it say, byte by byte."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

Talk = Callable[[socket.socket], None]


@contextmanager
def talking_server(talk: Talk) -> Iterator[str]:
    """Serve connections, one after the other, by whatever ``talk`` says to them; its URL."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.recv(65536)
                talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def drip(head: bytes, drop: bytes) -> Talk:
    """Say ``head`` at once and then the same few bytes for ever."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(drop)

    return talk

"""What threads that fill mirrors share: how far they are, and the word to give up."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from threading import Event, Lock
from typing import BinaryIO

from release.errors import UnavailableError
from release.line.mirrors import Behind
from release.line.steps import Report
from release.mirror.store import Source
from release.mirror.streams import mapped_stream, source_chunks
from release.mirror.sync import Action


class GivenUpError(UnavailableError):
    """Nobody waits for this mirror any longer now; what was sent stays, and the next run goes on."""


class Watch:
    """Counts bytes of all mirrors together. Everything here is for any thread."""

    def __init__(self, report: Report, total: int) -> None:
        """``report`` is told of bytes, of ``total``."""
        self._report = report
        self._total = max(total, 1)
        self._done: dict[tuple[str, str, str], int] = {}
        self._sum = 0
        self._lock = Lock()

    def reached(self, mirror: str, phase: str, key: str, done: int) -> None:
        """``done`` bytes of an object were sent, or read. Going back, for a further try, counts nothing."""
        with self._lock:
            before = self._done.get((mirror, phase, key), 0)
            if done <= before:
                return
            self._done[mirror, phase, key] = done
            self._sum += done - before
            self._report(min(self._sum, self._total), self._total)


class Carrier:
    """One mirror's part of a watch."""

    def __init__(self, watch: Watch, mirror: str) -> None:
        self._watch = watch
        self._mirror = mirror
        self._over = Event()

    def give_up(self) -> None:
        """Let whoever works for this mirror stop at the next piece of data."""
        self._over.set()

    def left_behind(self) -> Behind:
        """Give up, and say so."""
        self.give_up()
        return Behind(mirror=self._mirror, what="not waited for any longer", error=self._given_up())

    def check(self) -> None:
        """Raises GivenUpError when that was said."""
        if self._over.is_set():
            raise self._given_up()

    def _given_up(self) -> GivenUpError:
        return GivenUpError(
            f"{self._mirror}: is slow, and enough others are ready",
            hint="it goes on where it was: humpyard mirrors sync",
        )

    def sent(self, action: Action, key: str, size: int) -> None:
        """A reporter: an object is there now. Reading back through the mirror's own API does not count."""
        if action is not Action.VERIFIED:
            self._watch.reached(self._mirror, "sent", key, size)

    def read(self, key: str, done: int) -> None:
        """So much was read back. Raises GivenUpError."""
        self.check()
        self._watch.reached(self._mirror, "read", key, done)

    def source(self, key: str, source: Source) -> Callable[[], BinaryIO]:
        """The same bytes as a stream that is counted, and ends with GivenUpError when that was said."""

        def open_stream() -> BinaryIO:
            pieces, done, rest = source_chunks(source), 0, b""

            def read(count: int) -> bytes:
                nonlocal done, rest
                self.check()
                data = rest or next(pieces, b"")
                data, rest = data[:count], data[count:]
                done += len(data)
                self._watch.reached(self._mirror, "sent", key, done)
                return data

            return mapped_stream(read, pieces.close, nullcontext)

        return open_stream

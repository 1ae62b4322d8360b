"""The thread that refreshes documents, so that no request ever waits for a mirror or for gpg."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from release.updates.server.documents import Documents
from release.updates.server.log import EventLog

SOON = 5.0
"""Seconds until the next try where the last one failed, if that is earlier."""
_JITTER = 0.1
"""So that the copies of a server, started together, do not ask together for ever."""


class Refresher:
    """Refreshes at once, and then every ``interval`` seconds, more or less a tenth."""

    def __init__(
        self, documents: Documents, log: EventLog, interval: float, after: Callable[[], None] = lambda: None
    ) -> None:
        """``after`` is called in the thread after every round; what it raises is logged."""
        self._documents = documents
        self._log = log
        self._interval = interval
        self._after = after
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refresh", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """End it. A round that waits for a mirror is left to die with the process, after ``patience``."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(patience)

    def _run(self) -> None:
        self._guarded(self._documents.recall)
        self._guarded(self._after)  # the fuse looks before mirrors are waited for
        while not self._stopping.is_set():
            good = self._guarded(self._documents.refresh)
            self._guarded(self._after)
            pause = self._interval if good else min(self._interval, SOON)
            self._stopping.wait(pause * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311  no secret

    def _guarded(self, work: Callable[[], object]) -> bool:
        """Whether it was done, and said yes. A mistake in one round must not end all others."""
        try:
            return work() is not False
        except Exception as error:  # noqa: BLE001 - see above
            self._log.fault("refresh-fault", error)
            return False

"""Runs the demo again and again, each time killed after another step, until it comes to its end.

A program of its own, since it forks: `python -m tests.flows.killed_demo OUT CONTENT_BYTES RECORD`.
RECORD gets a line for each kill.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections import Counter
from pathlib import Path

from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.demo.story import Demo
from release.line.steps import Step


class KillAfterNewStep:
    """Watches the demo and ends its process without any warning after a step it was not killed after yet.

    ``record`` is a file that holds the steps of earlier kills, a line each. A step is known by the part
    of the demo it belongs to, its name, and how often that came in this part.
    """

    def __init__(self, record: Path) -> None:
        self._record = record
        self._seen = set(record.read_text().splitlines()) if record.exists() else set()
        self._part = ""
        self._count: Counter[str] = Counter()

    def say(self, line: str) -> None:
        """A line of the demo; those that begin with a digit begin a part."""
        if line[:1].isdigit():
            self._part = line[:1]

    def started(self, step: Step) -> None:
        """Nothing."""

    def progressed(self, step: Step, done: int, total: int) -> None:
        """Nothing."""

    def finished(self, step: Step, outcome: str) -> None:  # noqa: ARG002 - the protocol's form
        """Kill, unless it was done after this step before."""
        name = f"{self._part} {step.name}"
        self._count[name] += 1
        key = f"{name} {self._count[name]}"
        if key not in self._seen:
            with self._record.open("a") as record:
                record.write(f"{key}\n")
            os.kill(os.getpid(), signal.SIGKILL)


def _attempt(out: Path, content: int, record: Path) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            watcher = KillAfterNewStep(record)
            # Heartbeats cost a second per flow run, and nobody watches these runs.
            with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
                Demo(out=out, observer=watcher, say=watcher.say, content=content).run()
            code = 0
        except BaseException:  # noqa: BLE001 - a forked child must not come back
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main(out: Path, content: int, record: Path) -> int:
    """Returns 0 when the demo came to its end after being killed after every one of its steps."""
    code = -signal.SIGKILL
    while code == -signal.SIGKILL:
        code = _attempt(out, content, record)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))

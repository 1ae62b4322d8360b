"""Promotes, and is killed without any warning after the ledger moved and before any pointer did.

A program of its own: `python -m tests.flows.killed_promotion SETTINGS`.
"""

from __future__ import annotations

import os
import signal
import sys

from flows.promote_release import promote_release
from flows.runner import observed_by
from release.line.steps import Step


class KillAfterMove:
    """Watches a promotion and ends its process when its decision is recorded."""

    def started(self, step: Step) -> None:
        """Nothing."""

    def progressed(self, step: Step, done: int, total: int) -> None:
        """Nothing."""

    def finished(self, step: Step, outcome: str) -> None:  # noqa: ARG002 - the protocol's form
        """Kill where it hurts the most."""
        if step.name.startswith("move-"):
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with observed_by(KillAfterMove()):
        promote_release(sys.argv[1])

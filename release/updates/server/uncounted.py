"""Stands where no database was named: machines are answered, and what they report is not counted."""

from __future__ import annotations

from datetime import datetime

from release.catalog.version import Version
from release.updates.counts import MachineKey, Report


class Uncounted:
    """A ``Recorder`` that forgets, so that no deltas are offered, and groups with a limit get nothing."""

    def start(self) -> None:
        """Nothing begins."""

    def close(self) -> None:
        """Nothing ends."""

    def record(self, report: Report) -> None:
        """Forget it."""

    def failed_delta(self, machine: MachineKey, version: Version) -> bool:  # noqa: ARG002 - the protocol's form
        """Nothing is known of it, which must not mean that none failed."""
        return True

    def offered_before(self, machine: MachineKey, version: Version) -> bool:  # noqa: ARG002 - as above
        """Not as far as is remembered."""
        return False

    def offers_last_hour(self, group: str, now: datetime) -> int:  # noqa: ARG002 - as above
        """As many as anybody likes: a limit cannot be kept without counting, so it is reached."""
        return 1 << 62

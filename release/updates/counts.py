"""What machines report about a release, and how many of them: values, and what may be kept of a machine.

A machine's last word is the furthest it got since it was first offered the release in the rollout's
present stretch, whatever the order in which reports come in, so reports may be repeated, come late, or
come through several update servers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from typing import NewType, Protocol

from release.catalog.board import Board
from release.catalog.version import Version

MachineKey = NewType("MachineKey", bytes)
"""16 bytes that stand for a machine; see ``machine_key``."""

_DOMAIN = b"humpyard machine 1\0"
_KEY_BYTES = 16
CODE_LIMIT = 2**31 - 1
"""Error codes above it are told as this one."""


def machine_key(product: str, machine_id: str) -> MachineKey:
    """What is kept in the place of a machine's id: half a SHA-256 over it and the product's name.

    The ids themselves are never stored or logged. Who has an id can find its rows; who has the rows cannot
    find the ids, as long as ids are random (``/etc/machine-id`` is: 122 bits). ``machine_id`` is untrusted.
    """
    name = product.encode()
    said = b"%d:%b%b" % (len(name), name, machine_id.encode("utf-8", "surrogatepass"))
    return MachineKey(hashlib.sha256(_DOMAIN + said).digest()[:_KEY_BYTES])


class Progress(IntEnum):
    """How far a machine got. A larger one is not taken back: a retry does not hide that it failed.

    But for a rollout that went on: a machine that is offered the release after that begins anew.
    """

    OFFERED = 0
    DOWNLOADING = 1
    INSTALLED = 2
    """Written to disk; a reboot is to come."""
    FAILED = 3
    SUCCEEDED = 4
    """It runs the release, and says so."""


class PayloadKind(IntEnum):
    """What it was told to download."""

    FULL = 0
    DELTA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One thing that happened with one machine.

    ``version`` is the release that it is about; None when a machine did not say, and then it is about
    what that machine was offered last in its channel and board. Only an offer makes a machine known:
    whatever is told about one that was never offered the release is left out.
    """

    channel: str
    board: Board
    version: Version | None
    machine: MachineKey
    at: datetime
    """Aware, UTC; kept in whole seconds."""
    progress: Progress
    kind: PayloadKind | None = None
    """Of an offer: what was offered. Otherwise it does not count: a machine has what it was offered last."""
    code: int | None = None
    """Of a failure: the client's error code."""
    since: datetime | None = None
    """Of an offer: when the rollout that it is part of began, or went on, last. None: it goes on no more."""
    group: str = ""
    """Of an offer: the group whose limit it counts for; empty where there is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutCounts:
    """Machines that were offered a release in one channel, all boards, by how far they got.

    ``downloading`` to ``failed`` are disjoint; the rest of ``offered`` has told nothing yet.
    """

    offered: int = 0
    downloading: int = 0
    installed: int = 0
    succeeded: int = 0
    failed: int = 0
    failed_delta: int = 0
    """Machines that a delta failed on; most of them succeed later, with the full payload."""
    due: int = 0
    """Machines that were offered it so long ago that they should have told how it ended."""
    silent: int = 0
    """Those of ``due`` that have not."""
    codes: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    """Machines that failed, by error code; the most frequent first."""

    @property
    def ended(self) -> int:
        """Machines that told how it ended."""
        return self.succeeded + self.failed


class Recorder(Protocol):
    """Where an update server tells what happened. Never blocks, never raises for a store that is away."""

    def record(self, report: Report) -> None:
        """Take note of it, soon."""
        ...

    def failed_delta(self, machine: MachineKey, version: Version) -> bool:
        """Whether a delta to ``version`` failed on it, so that it is offered the full payload."""
        ...

    def offered_before(self, machine: MachineKey, version: Version) -> bool:
        """Whether it was offered ``version`` under a limit already, as far as is remembered."""
        ...

    def offers_last_hour(self, group: str, now: datetime) -> int:
        """How many machines of the group were first offered something in the hour before ``now``."""
        ...

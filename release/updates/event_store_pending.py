"""Reports that wait to be written, merged by machine. Bounded; not safe for threads by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from release.updates.counts import CODE_LIMIT, MachineKey, PayloadKind, Progress, Report


class Place(NamedTuple):
    """A release as one channel offers it to one board; ``version`` None: what was offered last."""

    channel: str
    board: str
    version: str | None


class Slot(NamedTuple):
    """What one machine tells about one release."""

    place: Place
    machine: MachineKey


@dataclass(slots=True)
class Told:
    """How far a machine got, as far as was told; ``code`` is that of its latest failure."""

    progress: Progress
    code: int | None = None
    arrived: float = 0.0
    """When the first of it came, on a clock that never goes back."""

    def add(self, report: Report) -> None:
        """Merge a later report."""
        self.progress = max(self.progress, report.progress)
        if report.progress is Progress.FAILED:
            self.code = _clamped(report.code)


@dataclass(slots=True)
class Offered(Told):
    """An offer, and what was told after it."""

    offered: int = 0
    """When first; times are in seconds since 1970."""
    renewed: int = 0
    """When first in its stretch."""
    latest: int = 0
    """When last."""
    stretch: int = 0
    """When the rollout began, or went on, last; 0 for an offer that is part of none."""
    kind: PayloadKind = PayloadKind.FULL
    group: str = ""
    failed_delta: bool = False

    def add(self, report: Report) -> None:
        """Merge a later report, or a later offer: in a later stretch the machine begins anew."""
        Told.add(self, report)
        if report.progress is Progress.OFFERED:
            self._renew(_new_offer(report))
        if report.progress is Progress.FAILED and self.kind is PayloadKind.DELTA:
            self.failed_delta = True

    def _renew(self, later: Offered) -> None:
        self.kind, self.latest = later.kind, max(self.latest, later.latest)
        if later.stretch > self.stretch:
            self.stretch, self.renewed = later.stretch, later.renewed
            self.progress, self.code = Progress.OFFERED, None


@dataclass(slots=True)
class Pending:
    """Reports in the order in which they take effect: ``told`` is from before the batch's own offers."""

    told: dict[Slot, Told] = field(default_factory=dict)
    offered: dict[Slot, Offered] = field(default_factory=dict)
    _latest: dict[Slot, Slot] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.told) + len(self.offered)

    def add(self, report: Report, limit: int, arrived: float = 0.0) -> bool:
        """Take a report in, unless it needs new room and ``limit`` entries are there. Tells whether."""
        slot = self._slot(report)
        known: Told | None = self.offered.get(slot)
        offers = report.progress is Progress.OFFERED
        if offers and known is not None:
            self._latest[_nameless(slot)] = slot
        if known is None and not offers:
            known = self.told.get(slot)
        if known is not None:
            known.add(report)
            return True
        if len(self) >= limit:
            return False
        if offers:
            self.offered[slot] = _new_offer(report)
            self._latest[_nameless(slot)] = slot
        else:
            self.told[slot] = Told(progress=report.progress, code=_code(report), arrived=arrived)
        return True

    def take(self, before: float) -> Pending:
        """Take all out but reports without a version that arrived at ``before`` or later.

        They may be about an offer that another server made and has not written yet: written now, they
        would be lost, or count for an older release. One that an offer follows here is about what was
        before that, and goes first.
        """
        fresh = {
            slot: one
            for slot, one in self.told.items()
            if slot.place.version is None and one.arrived >= before and slot not in self._latest
        }
        told = {slot: one for slot, one in self.told.items() if slot not in fresh}
        taken = Pending(told=told, offered=self.offered)
        self.told, self.offered, self._latest = fresh, {}, {}
        return taken

    def _slot(self, report: Report) -> Slot:
        version = None if report.version is None else str(report.version)
        slot = Slot(Place(report.channel, str(report.board), version), report.machine)
        return self._latest.get(slot, slot) if version is None else slot


def _new_offer(report: Report) -> Offered:
    at = int(report.at.timestamp())
    return Offered(
        progress=Progress.OFFERED,
        offered=at,
        renewed=at,
        latest=at,
        stretch=0 if report.since is None else int(report.since.timestamp()),
        kind=PayloadKind.FULL if report.kind is None else report.kind,
        group=report.group,
    )


def _nameless(slot: Slot) -> Slot:
    return Slot(slot.place._replace(version=None), slot.machine)


def _code(report: Report) -> int | None:
    return _clamped(report.code) if report.progress is Progress.FAILED else None


def _clamped(code: int | None) -> int | None:
    return None if code is None else max(-CODE_LIMIT, min(code, CODE_LIMIT))

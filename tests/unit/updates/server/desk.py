"""An update server in memory: mirrors that can be away, a clock that is set, and what was logged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from release.catalog.version import Version
from release.ledger.fold import Trust
from release.trust.verify import Visitor
from release.updates.counts import MachineKey, Progress, Recorder, Report
from release.updates.server.answering import Answering
from release.updates.server.documents import Documents, Source, Wanted
from release.updates.server.groups import Group, Groups
from release.updates.server.log import EventLog
from release.updates.server.memory import Memory
from release.updates.server.metrics import Metrics
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import MALLORY, PIPELINE, FakeKeyring
from tests.update_mirror import PRODUCT, UpdateMirror, utc_now
from tests.update_server import APPLICATION


@dataclass
class Desk:
    """``mirrors`` are asked in their order; the first is ``mirror``."""

    names: tuple[str, ...] = ("one", "two")
    wanted: Wanted | None = None
    memory: Memory | None = None
    now: datetime = field(default_factory=utc_now)
    lines: list[str] = field(default_factory=list)
    keyring: FakeKeyring = field(default_factory=lambda: FakeKeyring((PIPELINE, MALLORY)))
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stores = {name: MemoryStore() for name in self.names}
        self.mirrors = {
            name: UpdateMirror(store.objects.__setitem__, PIPELINE.sign)
            for name, store in self.stores.items()
        }
        self.log = EventLog(self.lines.append)
        self.documents = self.open()

    @property
    def mirror(self) -> UpdateMirror:
        return self.mirrors[self.names[0]]

    def open(self) -> Documents:
        """Another server that reads the same mirrors, and has the same memory."""
        visitor = Visitor(
            product=PRODUCT,
            trust=Trust(pipeline=frozenset({PIPELINE.fingerprint})),
            verifier=self.keyring,
            now=self.now,
        )
        sources = [Source(name=name, open=lambda name=name: self._reader(name)) for name in self.names]  # type: ignore[misc]  # a default value binds
        return Documents(
            visitor, sources, self.log, clock=lambda: self.now, wanted=self.wanted, memory=self.memory
        )

    def _reader(self, name: str) -> MemoryStore:
        self.asked.append(name)
        return self.stores[name]

    def away(self, *names: str) -> None:
        for name, store in self.stores.items():
            store.faults.down = name in names

    def pass_time(self, time: timedelta) -> None:
        self.now += time

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def told(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.events if line["event"] == event]

    def answering(self, recorder: Recorder | None = None, groups: Iterable[Group] = ()) -> Answering:
        return Answering(
            product=PRODUCT,
            application=APPLICATION,
            documents=self.documents,
            groups=Groups(groups),
            recorder=recorder or Notes(),
            metrics=Metrics(self.documents),
            clock=lambda: self.now,
        )


@dataclass
class Notes:
    """A recorder that remembers everything."""

    reports: list[Report] = field(default_factory=list)
    failed: set[Version] = field(default_factory=set)
    known: set[MachineKey] = field(default_factory=set)

    def record(self, report: Report) -> None:
        self.reports.append(report)
        if report.progress is Progress.OFFERED:
            self.known.add(report.machine)

    def failed_delta(self, machine: MachineKey, version: Version) -> bool:  # noqa: ARG002 - the protocol's form
        return version in self.failed

    def offered_before(self, machine: MachineKey, version: Version) -> bool:  # noqa: ARG002 - as above
        return machine in self.known

    def offers_last_hour(self, group: str, now: datetime) -> int:  # noqa: ARG002 - as above
        return len({one.machine for one in self.reports if one.group == group})

"""A yard whose alpha rolls out in steps and halts by itself, and machines that report to its event store.

The old release is a floor of alpha.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from release.audit.finding import Severity
from release.catalog.board import Board
from release.catalog.version import Version
from release.cli.main import run
from release.line.audit_job import audit_yard
from release.trust.channel_document import (
    ChannelDocument,
    channel_document_key,
    read_channel_document,
    unseal_channel,
)
from release.updates.counts import PayloadKind, Progress, Report, machine_key
from release.updates.event_store import open_event_store
from release.updates.event_store_pending import Pending
from release.wiring import open_yard
from tests.small_yard import BOARD, NEW, OLD, PRODUCT, SmallYard

ROLLOUT = (
    'rollout = { kind = "stepped", steps = [{ after = 0, percent = 10 }, { after = 24, percent = 100 }],'
    " halt = { error_percent = 20, error_minimum = 5 } }"
)
FLOOR = f'\n[[floors]]\nchannel = "alpha"\nversion = "{OLD}"\nreason = "it moves the data"\n'
DATABASE = "events.db"


@dataclass(frozen=True, slots=True)
class RolloutYard:
    """The yard; alpha is at the new release, of which machines report what tests say."""

    small: SmallYard
    output: Callable[[], str]

    def humpyard(self, *arguments: str) -> int:
        """Run a command line here; returns its exit code."""
        return self.small.humpyard(*arguments)

    def told(self, *arguments: str) -> Any:
        """What a command line prints with ``--json``; it must end well."""
        self.output()
        assert self.humpyard(*arguments, "--json") == 0
        return json.loads(self.output())

    def status(self) -> dict[str, Any]:
        """What `rollout status` says of alpha."""
        found: dict[str, Any] = next(
            one for one in self.told("rollout", "status") if one["channel"] == "alpha"
        )
        return found

    def entries(self) -> int:
        """How long the ledger is."""
        return len(list((self.small.mirror / "ledger").iterdir()))

    def document(self) -> ChannelDocument:
        """What machines of alpha are told; its signature is not verified."""
        data = (self.small.mirror / channel_document_key("alpha", Board.parse(BOARD))).read_bytes()
        return read_channel_document(unseal_channel(data, "document").body, "document")

    def report(self, first: int, *, succeeded: int = 0, failed: int = 0, version: Version = NEW) -> None:
        """Machines, from number ``first`` on, are offered the release now, and tell how it went."""
        now, pending = datetime.now(UTC), Pending()
        since = self.document().offers[0].rollout.since
        for number in range(succeeded + failed):
            for progress in (Progress.OFFERED, Progress.SUCCEEDED if number < succeeded else Progress.FAILED):
                report = Report(
                    channel="alpha",
                    board=Board.parse(BOARD),
                    version=version,
                    machine=machine_key(PRODUCT, str(first + number)),
                    at=now,
                    progress=progress,
                    kind=PayloadKind.FULL,
                    since=since,
                    code=44,
                )
                assert pending.add(report, 1000)
        store = open_event_store(f"sqlite:///{DATABASE}", self.small.root)
        store.write(pending, now)
        store.close()

    def breaks(self) -> list[str]:
        """What an audit finds broken."""
        with open_yard(self.small.settings) as yard:
            return [str(one) for one in audit_yard(yard).of(Severity.BREAK)]

    def resume(self, request: str) -> None:
        """Two people let the rollout go on, and it does."""
        for name in ("grace", "linus"):
            sign_off = ["promote", "sign-off", request.removeprefix("sha256:"), "--go"]
            assert self.humpyard(*sign_off, *self.small.secret(name)) == 0
        assert self.humpyard("promote", "run") == 0


@pytest.fixture(scope="session")
def rollout_template(yard_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old release is in alpha and beta, the new one promoted to alpha."""
    root = tmp_path_factory.mktemp("rollout") / "yard"
    shutil.copytree(yard_template, root)
    yard = SmallYard(root)
    shutil.rmtree(yard.mirror)
    policy = root / "policy.toml"
    policy.write_text(policy.read_text().replace('name = "alpha"\n', f'name = "alpha"\n{ROLLOUT}\n') + FLOOR)
    assert run(["ledger", "begin", "--settings", str(yard.settings)]) == 0
    yard.publish(OLD, offered_in=("alpha", "beta"))
    yard.publish(NEW, OLD)
    assert yard.humpyard("promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada")) == 0
    assert yard.humpyard("promote", "run") == 0
    with yard.settings.open("a") as settings:
        settings.write(f'\n[events]\nurl = "sqlite:///{DATABASE}"\n')
    return root


@pytest.fixture
def rollout_yard(rollout_template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> RolloutYard:
    """A fresh copy of it."""
    shutil.copytree(rollout_template, tmp_path / "yard")
    return RolloutYard(SmallYard(tmp_path / "yard"), lambda: capsys.readouterr().out)

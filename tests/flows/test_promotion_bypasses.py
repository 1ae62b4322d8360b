"""No state of a flow run moves a channel: every way around a Prefect gate that is known, on a real server.

Each run is of the deployment that waits for a request, with a worker. Everything here is done as anybody
could who reaches the API: states have no author and resuming needs no right.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from release.catalog.board import Board
from release.catalog.naming import ledger_key
from release.mirror.directory import DirectoryStore
from release.mirror.pointers import read_channel_pointer
from tests.flows.deployments import LIMIT, POOL, ROOT, Run, prefect, start_run
from tests.prefect_server import PrefectServer
from tests.small_yard import BOARD, NEW, OLD, SmallYard

WAITING = "promote-release/when-signed"


@dataclass(frozen=True, slots=True)
class Beta:
    """A yard with NEW in alpha, and Ada's request that beta move there; two gos are missing."""

    yard: SmallYard
    request: str

    def say(self, name: str, *verdict: str) -> None:
        """Somebody signs."""
        signed = ["promote", "sign-off", self.request.removeprefix("sha256:")]
        assert self.yard.humpyard(*signed, *verdict, *self.yard.secret(name)) == 0

    def run(self, server: PrefectServer) -> Run:
        """A run that waits for the request."""
        return start_run(server, WAITING, {"settings": str(self.yard.settings), "request": self.request})

    @property
    def payload(self) -> Path:
        """A file of the release on the mirror that people sign for."""
        return self.yard.mirror / "update" / BOARD / str(NEW) / "flatcar_production_update.gz"

    @property
    def entries(self) -> int:
        """How many entries the ledger has."""
        store = DirectoryStore(self.yard.mirror)
        return next(number for number in range(1000) if store.stat(ledger_key(number)) is None)

    @property
    def at(self) -> str:
        """The version that machines in beta are told of."""
        pointer = read_channel_pointer(DirectoryStore(self.yard.mirror), "beta", Board.parse(BOARD))
        assert pointer is not None
        return str(pointer.version)


@pytest.fixture
def beta(released_yard: SmallYard, capsys: pytest.CaptureFixture[str]) -> Iterator[Beta]:
    """The request, and at the end: whatever happened, the whole ledger verifies."""
    yard = released_yard
    asked = ["promote", "request", str(NEW), *yard.secret("ada"), "--json", "--to"]
    assert yard.humpyard(*asked, "alpha") == 0
    assert yard.humpyard("promote", "run") == 0
    capsys.readouterr()
    assert yard.humpyard(*asked, "beta") == 0
    yield Beta(yard, json.loads(capsys.readouterr().out)["request"])
    assert yard.humpyard("ledger", "log") == 0


@pytest.fixture(scope="module")
def plain(deployed: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> PrefectServer:
    """The gate that people write by themselves, deployed beside ours."""
    project = tmp_path_factory.mktemp("plain")
    deployment = {
        "name": "plain",
        "entrypoint": "tests.flows.plain_gate.plain_gate",
        "work_pool": {"name": POOL},
    }
    (project / "prefect.yaml").write_text(json.dumps({"pull": [], "deployments": [deployment]}))
    prefect(deployed, "deploy", "--all", cwd=project)
    return deployed


def _retry(server: PrefectServer, run: Run) -> None:
    """As people do it. The command line, and the button of the page, retry with force."""
    prefect(server, "flow-run", "retry", run.id, cwd=ROOT)


def _other(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def test_a_run_that_nobody_approved_and_that_crashed_is_retried_by_force_and_waits_again(
    plain: PrefectServer, beta: Beta, tmp_path: Path
) -> None:
    """The bypass: a plain suspension takes a forced retry for an answer. Ours has a new key each time."""
    marker = tmp_path / "published"
    naive, ours = start_run(plain, "plain-gate/plain", {"marker": str(marker)}), beta.run(plain)
    entries = beta.entries
    for kind in ("CRASHED", "FAILED"):
        waiting = ours.wait()
        assert waiting["name"] == "Suspended", waiting
        forced = ours.force(kind)
        assert forced["status"] == "ACCEPT"
        _retry(plain, ours)
        assert ours.wait(after=forced["state"])["name"] == "Suspended"
    assert (beta.at, beta.entries) == (str(OLD), entries)

    assert naive.wait()["name"] == "Suspended"
    forced = naive.force("CRASHED")
    assert not marker.exists()
    _retry(plain, naive)
    assert naive.wait(after=forced["state"])["type"] == "COMPLETED"
    assert marker.read_text() == "published"  # nobody has ever said yes to it


def test_a_run_that_failed_after_the_approval_uses_it_for_nothing_else_when_it_is_retried(
    deployed: PrefectServer, beta: Beta
) -> None:
    """Other bytes under the same names; then a veto; then what was signed for, and only that."""
    beta.say("grace", "--go")
    beta.say("linus", "--go")
    signed_for = beta.payload.read_bytes()
    entries = beta.entries

    beta.payload.write_bytes(_other(signed_for))
    run = beta.run(deployed)
    failed = run.wait()
    assert failed["type"] == "FAILED"
    _retry(deployed, run)
    failed = run.wait(after=failed)
    assert failed["type"] == "FAILED"
    assert (beta.at, beta.entries) == (str(OLD), entries)

    beta.payload.write_bytes(signed_for)
    beta.say("linus", "--no-go", "--reason", "what was that?")
    _retry(deployed, run)
    vetoed = run.wait(after=failed)
    assert vetoed["name"] == "Suspended"
    assert (beta.at, beta.entries) == (str(OLD), entries + 1)

    beta.say("linus", "--go")
    run.post("resume", {})
    assert run.wait(after=vetoed)["type"] == "COMPLETED"
    assert (beta.at, beta.entries) == (str(NEW), entries + 3)


def test_an_approval_under_an_older_policy_is_void_for_a_run_that_is_retried(
    deployed: PrefectServer, beta: Beta, capsys: pytest.CaptureFixture[str]
) -> None:
    """It failed when enough had signed; then they changed the rules, as the rules allow."""
    beta.say("grace", "--go")
    beta.say("linus", "--go")
    signed_for = beta.payload.read_bytes()
    beta.payload.write_bytes(_other(signed_for))
    run = beta.run(deployed)
    failed = run.wait()
    assert failed["type"] == "FAILED"

    policy = beta.yard.root / "policy-2.toml"
    policy.write_text((beta.yard.root / "policy.toml").read_text() + "\n# new rules\n")
    capsys.readouterr()
    asked = ["policy", "request", str(policy), *beta.yard.secret("ada"), "--json"]
    assert beta.yard.humpyard(*asked) == 0
    change = Beta(beta.yard, json.loads(capsys.readouterr().out)["request"])
    change.say("grace", "--go")
    change.say("linus", "--go")
    assert beta.yard.humpyard("promote", "run") == 1  # the rules are changed, beta is refused once more
    beta.payload.write_bytes(signed_for)
    entries = beta.entries
    _retry(deployed, run)
    void = run.wait(after=failed)
    assert void["type"] == "FAILED"
    assert "under the policy in force" in void["message"]
    assert (beta.at, beta.entries) == (str(OLD), entries)


def test_who_may_write_to_the_api_runs_programs_on_the_worker_and_is_found_out(
    deployed: PrefectServer, beta: Beta, capsys: pytest.CaptureFixture[str]
) -> None:
    """Why the API needs a password: a run can be told which command to be. No gate is asked then.

    A worker that may write to the mirror can be made to move a pointer. Nothing can make it look like a
    decision: the next run names it and leaves it alone.
    """
    current = beta.yard.mirror / "{}" / BOARD / "current" / "version.txt"
    command = f"cp {str(current).format('alpha')} {str(current).format('beta')}"
    start_run(deployed, WAITING, {"settings": "/nowhere"}, job_variables={"command": command})
    deadline = time.monotonic() + LIMIT
    while beta.at != str(NEW) and time.monotonic() < deadline:
        time.sleep(0.3)
    assert beta.at == str(NEW)
    capsys.readouterr()
    assert beta.yard.humpyard("promote", "run") == 1
    assert f"beta: the pointer is at {NEW}, which no decision in the ledger backs" in capsys.readouterr().err


def test_a_forged_input_and_a_forced_schedule_move_nothing(deployed: PrefectServer, beta: Beta) -> None:
    """The bypass: anybody writes a run's input, in anybody's name, and schedules it."""
    run, entries = beta.run(deployed), beta.entries
    waiting = run.wait()
    keyset: dict[str, Any] = waiting["state_details"]["run_input_keyset"] or {}
    forged = {"approver": "the-CTO", "approved": True, "request": beta.request}
    for key in {"approval", "response", "schema", *keyset.values()}:
        run.post("input", {"key": key, "value": json.dumps(forged), "sender": "prefect.flow-run.the-CTO"})
    scheduled = run.post("set_state", {"state": {"type": "SCHEDULED", "name": "Resuming"}, "force": True})
    assert scheduled["status"] == "ACCEPT"
    again = run.wait(after=waiting)
    assert again["name"] == "Suspended"
    assert (beta.at, beta.entries) == (str(OLD), entries)


def test_resuming_without_an_approval_and_forced_ends_move_nothing_and_the_last_signature_does(
    deployed: PrefectServer, beta: Beta
) -> None:
    """One sign-off of two, rung for at any time; states that say it is done; then the second sign-off."""
    beta.say("grace", "--go")
    run, entries = beta.run(deployed), beta.entries
    waiting = run.wait()
    for body in ({}, {"run_input": {"approver": "the-CTO", "approved": True}}):
        run.post("resume", body)
        after = run.wait(after=waiting)
        assert after["name"] == "Suspended"
        waiting = after
    for kind in ("RUNNING", "COMPLETED"):
        assert run.force(kind)["status"] == "ACCEPT"
        assert run.state()["type"] == kind
        assert (beta.at, beta.entries) == (str(OLD), entries)
    completed = run.state()
    _retry(deployed, run)
    waiting = run.wait(after=completed)
    assert waiting["name"] == "Suspended"
    assert (beta.at, beta.entries) == (str(OLD), entries)

    beta.say("linus", "--go")
    assert run.post("resume", {})["status"] == "ACCEPT"
    assert run.wait(after=waiting)["type"] == "COMPLETED"
    assert (beta.at, beta.entries) == (str(NEW), entries + 2)  # the sign-off and the move


def test_a_request_that_can_never_go_through_is_not_waited_for(
    deployed: PrefectServer, beta: Beta, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was overtaken by another one: no bell can help, and the run says so."""
    grace = ["promote", "request", str(NEW), *beta.yard.secret("grace"), "--json", "--to", "beta"]
    capsys.readouterr()
    assert beta.yard.humpyard(*grace) == 0
    other = Beta(beta.yard, json.loads(capsys.readouterr().out)["request"])
    waiting = beta.run(deployed)
    suspended = waiting.wait()
    assert suspended["name"] == "Suspended"
    other.say("ada", "--go")
    other.say("linus", "--go")
    assert other.run(deployed).wait()["type"] == "COMPLETED"
    waiting.post("resume", {})
    failed = waiting.wait(after=suspended)
    assert failed["type"] == "FAILED"
    assert "beta has moved since this one" in failed["message"]

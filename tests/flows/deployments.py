"""prefect.yaml on a real server, a real process worker, and the API that everybody can call."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.prefect_server import PrefectServer

ROOT = Path(__file__).resolve().parents[2]
POOL = "humpyard"
LIMIT = 180.0
"""Seconds for one flow run; a process worker needs 5 to 13 s to reach the flow's body."""
ENDED = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
AT_REST = ENDED | {"PAUSED"}
"""Types of the states in which no process works on a run. A suspended run is of type PAUSED."""

Json = dict[str, Any]


def prefect(server: PrefectServer, *arguments: str, cwd: Path = ROOT) -> str:
    """Run Prefect's command line against the server; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        env=server.environment,
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True, slots=True)
class Run:
    """One flow run, as anybody who reaches the API can treat it."""

    server: PrefectServer
    id: str

    def state(self) -> Json:
        """The state that Prefect says it is in."""
        state: Json = self.server.get(f"flow_runs/{self.id}")["state"]
        return state

    def wait(self, after: Json | None = None) -> Json:
        """The state it comes to rest in. ``after`` is a state that does not count: it was left since."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            state = self.state()
            if state["type"] in AT_REST and (after is None or state["id"] != after["id"]):
                return state
            time.sleep(0.3)
        pytest.fail(f"the run did not come to rest within {LIMIT:.0f} s; it is {self.state()}")

    def post(self, action: str, body: Mapping[str, Any]) -> Json:
        """POST to the run; returns the answer, in which Prefect says whether it was accepted."""
        answer: Json = self.server.post(f"flow_runs/{self.id}/{action}", body)
        return answer

    def force(self, kind: str) -> Json:
        """Say that the run is in a state, whatever the rules of the orchestrator."""
        return self.post("set_state", {"state": {"type": kind, "message": "forced"}, "force": True})


def start_run(server: PrefectServer, name: str, parameters: Mapping[str, Any], **more: Any) -> Run:
    """Start a run of a deployment; ``name`` is ``flow/deployment``, ``more`` what the API takes besides."""
    deployment = server.get(f"deployments/name/{name}")["id"]
    body = {"parameters": parameters, "state": {"type": "SCHEDULED"}, **more}
    return Run(server, server.post(f"deployments/{deployment}/create_flow_run", body)["id"])


def run_deployment(server: PrefectServer, name: str, parameters: Mapping[str, Any]) -> Json:
    """Run a deployment until it rests; returns the flow run's state."""
    return start_run(server, name, parameters).wait()


def deploy_all(server: PrefectServer, project: Path) -> None:
    """A work pool and all deployments of prefect.yaml, as the README has it; their schedules are paused.

    A scheduled run would take the place of a test's own where only one may run at a time.
    """
    shutil.copy(ROOT / "prefect.yaml", project)
    prefect(server, "work-pool", "create", POOL, "--type", "process")
    prefect(server, "deploy", "--all", cwd=project)
    for one in server.post("deployments/filter", {}):
        server.post(f"deployments/{one['id']}", {"paused": True}, method="PATCH")


@contextmanager
def worker_on(server: PrefectServer, project: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process worker of the pool; what it says is in ``worker.log`` of ``project``."""
    with (project / "worker.log").open("ab") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL],
            env={**server.environment, "PREFECT_WORKER_QUERY_SECONDS": "1"},
            cwd=project,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield worker
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


@pytest.fixture(scope="session")
def deployed(
    prefect_server: PrefectServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PrefectServer]:
    """The session's server with all deployments of prefect.yaml, and a process worker that serves them."""
    project = tmp_path_factory.mktemp("project")
    deploy_all(prefect_server, project)
    with worker_on(prefect_server, project):
        yield prefect_server

"""Prefect may lose everything at any moment; the ledger finishes what was begun.

The server runs with the settings that docs/prefect.md gives a team.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from release.catalog.board import Board
from release.catalog.naming import ledger_key
from release.mirror.directory import DirectoryStore
from release.mirror.pointers import read_channel_pointer
from tests.flows.deployments import ROOT, deploy_all, run_deployment, start_run, worker_on
from tests.prefect_server import PrefectServer, running_server
from tests.small_yard import BOARD, NEW, OLD, SmallYard

TEAM = {
    "PREFECT_SERVER_API_AUTH_STRING": "team:throw-away",
    "PREFECT_API_AUTH_STRING": "team:throw-away",
    "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "https://prefect.example.org",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server of our own, to be killed and made to forget, as a team would run it."""
    with running_server(tmp_path_factory.mktemp("team"), TEAM) as server:
        yield server


def _request(yard: SmallYard, channel: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    asked = ["promote", "request", str(NEW), "--to", channel, *yard.secret("ada"), "--json"]
    assert yard.humpyard(*asked) == 0
    request: str = json.loads(capsys.readouterr().out)["request"]
    return request


def _sign_off(yard: SmallYard, request: str, name: str) -> None:
    assert yard.humpyard("promote", "sign-off", request, "--go", *yard.secret(name)) == 0


def _pointer(yard: SmallYard, channel: str) -> str:
    pointer = read_channel_pointer(DirectoryStore(yard.mirror), channel, Board.parse(BOARD))
    assert pointer is not None
    return str(pointer.version)


def _heads(yard: SmallYard, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    capsys.readouterr()
    assert yard.humpyard("promote", "status", "--json") == 0
    heads: dict[str, str] = json.loads(capsys.readouterr().out)["channels"]
    return heads


def test_who_has_no_password_can_do_nothing(server: PrefectServer) -> None:
    """Resuming, forcing, starting, reading parameters: refused; and no other site's page may call it."""
    nobody = "00000000-0000-0000-0000-000000000000"
    calls: dict[str, dict[str, Any]] = {
        f"flow_runs/{nobody}/resume": {},
        f"flow_runs/{nobody}/set_state": {"state": {"type": "COMPLETED"}, "force": True},
        f"flow_runs/{nobody}/input": {"key": "approval", "value": "{}"},
        f"deployments/{nobody}/create_flow_run": {},
        "deployments/filter": {},
        "flow_runs/filter": {},
    }
    for path, body in calls.items():
        for wrong in (None, ("team", "guessed")):
            answer = requests.post(f"{server.url}/api/{path}", json=body, auth=wrong, timeout=30)
            assert answer.status_code in {401, 403}
    assert (
        requests.get(f"{server.url}/api/csrf-token", params={"client": nobody}, timeout=30).status_code == 401
    )
    preflight = requests.options(
        f"{server.url}/api/flow_runs/{nobody}/resume",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
        timeout=30,
    )
    assert "access-control-allow-origin" not in preflight.headers


def test_prefect_forgets_everything_in_the_middle_and_the_ledger_alone_finishes(
    server: PrefectServer, released_yard: SmallYard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One request waits for a signature, another one is decided and no pointer has moved yet."""
    yard, settings = released_yard, {"settings": str(released_yard.settings)}
    deploy_all(server, tmp_path)
    beta = _request(yard, "beta", capsys)
    _sign_off(yard, beta, "grace")
    with worker_on(server, tmp_path):
        waiting = start_run(server, "promote-release/when-signed", {**settings, "request": beta})
        assert waiting.wait()["name"] == "Suspended"
        _request(yard, "alpha", capsys)
        killed = subprocess.run(
            [sys.executable, "-m", "tests.flows.killed_promotion", str(yard.settings)],
            env=server.environment,
            cwd=ROOT,
            check=False,
            capture_output=True,
            timeout=120,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-3000:]
        server.kill()
    assert (_heads(yard, capsys)["alpha"], _pointer(yard, "alpha")) == (str(NEW), str(OLD))
    server.forget()
    server.start()

    deploy_all(server, tmp_path)
    assert not server.post("flow_runs/filter", {})
    with worker_on(server, tmp_path):
        assert run_deployment(server, "promote-release/promote", settings)["type"] == "COMPLETED"
        assert (_pointer(yard, "alpha"), _pointer(yard, "beta")) == (str(NEW), str(OLD))
        waiting = start_run(server, "promote-release/when-signed", {**settings, "request": beta})
        suspended = waiting.wait()
        assert suspended["name"] == "Suspended"
        _sign_off(yard, beta, "linus")
        assert waiting.post("resume", {})["status"] == "ACCEPT"
        assert waiting.wait(after=suspended)["type"] == "COMPLETED"
    heads = _heads(yard, capsys)
    assert (heads["alpha"], heads["beta"]) == (_pointer(yard, "alpha"), _pointer(yard, "beta"))
    assert heads["beta"] == str(NEW)
    capsys.readouterr()
    assert yard.humpyard("ledger", "log", "--json") == 0
    kinds = [entry["kind"] for entry in json.loads(capsys.readouterr().out)]
    assert kinds.count("pointer") == 2
    assert DirectoryStore(yard.mirror).stat(ledger_key(len(kinds) - 1)) is not None

"""A release that goes wrong is stopped twice: by the update server at once, then by the pipeline for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rollout_yard import RolloutYard, rollout_template, rollout_yard
from tests.small_yard import OLD
from tests.update_server import UpdateServer, await_true, request_body, update_server

__all__ = ["rollout_template", "rollout_yard"]


def test_the_server_stops_first_and_the_pipeline_for_good(
    rollout_yard: RolloutYard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    rollout_yard.report(0, failed=10)
    before = rollout_yard.entries()
    settings = rollout_yard.small.settings
    with update_server(tmp_path / "server", (), (), settings=settings) as server:
        server.await_ready()
        await_true(lambda: answers(server, "halted-here"), "the fuse")
        assert rollout_yard.entries() == before
        assert rollout_yard.document().offers[0].status.value == "offered"
        assert rollout_yard.humpyard("rollout", "watch") == 0
        await_true(lambda: answers(server, "paused"), "the halt")
    assert rollout_yard.entries() == before + 1


def answers(server: UpdateServer, reason: str) -> bool:
    """Whether a machine that asks now gets nothing, for that reason."""
    before = _told(server, reason)
    found = server.ask(request_body(version=str(OLD), track="alpha"))
    return 'status="noupdate"' in found.text and _told(server, reason) > before


def _told(server: UpdateServer, reason: str) -> float:
    """How often it was the reason, as metrics say."""
    lines = [line for line in server.get("/metrics").text.splitlines() if f'"{reason}"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#"))

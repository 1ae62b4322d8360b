"""The scheduled watch, deployed to a real server and run by a real worker."""

from __future__ import annotations

from tests.flows.deployments import run_deployment
from tests.prefect_server import PrefectServer
from tests.rollout_yard import RolloutYard, rollout_template, rollout_yard

__all__ = ["rollout_template", "rollout_yard"]


def test_the_watch_halts_a_bad_rollout_once(deployed: PrefectServer, rollout_yard: RolloutYard) -> None:
    """A second run finds nothing left to do."""
    settings = {"settings": str(rollout_yard.small.settings)}
    rollout_yard.report(0, failed=10)
    before = rollout_yard.entries()
    for _ in range(2):
        state = run_deployment(deployed, "watch-rollouts/watch", settings)
        assert state["type"] == "COMPLETED", state
    assert rollout_yard.entries() == before + 1
    assert rollout_yard.document().offers[0].status.value == "paused"
    assert rollout_yard.status()["state"] == "halted"

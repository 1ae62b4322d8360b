"""The scheduled audit, deployed to a real server and run by a real worker."""

from __future__ import annotations

import time

from tests.flows.deployments import run_deployment
from tests.prefect_server import PrefectServer
from tests.small_yard import BOARD, SmallYard

_TRIES = 60
"""Looks at the log, a second apart."""


def test_the_audit_fails_loudly_on_a_break_and_not_before(
    deployed: PrefectServer, released_yard: SmallYard
) -> None:
    settings = {"settings": str(released_yard.settings)}
    state = run_deployment(deployed, "audit-release/audit", settings)
    assert state["type"] == "COMPLETED", state
    state = run_deployment(deployed, "audit-release/audit-releases", settings)
    assert state["type"] == "COMPLETED", state
    pointer = released_yard.mirror / "beta" / BOARD / "current" / "version.txt"
    pointer.write_text("FLATCAR_VERSION=9999.0.0\n")
    state = run_deployment(deployed, "audit-release/audit", settings)
    assert state["type"] == "FAILED"
    assert "pointer-forged: beta" in state["message"]
    assert is_logged(deployed, "pointer-forged", "9999.0.0")


def is_logged(server: PrefectServer, *words: str) -> bool:
    """Whether an error with these words is in the server's log, or comes in: a run sends its log later."""
    wanted = {"logs": {"level": {"ge_": 40}}, "sort": "TIMESTAMP_DESC", "limit": 50}
    for _ in range(_TRIES):
        found = server.post("logs/filter", wanted)
        if any(all(word in one["message"] for word in words) for one in found):
            return True
        time.sleep(1)
    return False

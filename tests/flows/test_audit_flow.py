"""The scheduled audit, deployed to a real server and run by a real worker."""

from __future__ import annotations

from tests.flows.deployments import run_deployment
from tests.prefect_server import PrefectServer
from tests.small_yard import BOARD, SmallYard


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
    found = deployed.post(
        "logs/filter",
        {"logs": {"level": {"ge_": 40}}, "sort": "TIMESTAMP_DESC", "limit": 50},
    )
    assert any("pointer-forged" in one["message"] and "9999.0.0" in one["message"] for one in found)

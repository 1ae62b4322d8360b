"""Collecting, and the audit of mirrors, deployed to a real server and run by a real worker."""

from __future__ import annotations

from tests.audited_mirrors import AuditedMirrors
from tests.flows.deployments import run_deployment
from tests.flows.test_audit_flow import is_logged
from tests.keeping_policy import UNNEEDED
from tests.prefect_server import PrefectServer
from tests.small_yard import BOARD, NEW, SmallYard

PAYLOAD = f"update/{BOARD}/{NEW}/flatcar_production_update.gz"


def report(server: PrefectServer) -> str:
    """The newest artifact of an audit of mirrors."""
    wanted = {
        "sort": "CREATED_DESC",
        "limit": 1,
        "artifacts": {"key": {"any_": ["mirrors-audit"]}},
    }
    (found,) = server.post("artifacts/filter", wanted)
    return str(found["data"])


def test_the_audit_of_mirrors_leaves_a_report_whether_it_fails_or_not(
    deployed: PrefectServer, audited: AuditedMirrors
) -> None:
    given = {
        "settings": str(audited.small.settings),
        "tls_authorities": str(audited.served.certificate.path),
        "seed": 7,
    }
    state = run_deployment(deployed, "audit-mirrors/audit-mirrors", given)
    assert state["type"] == "COMPLETED", state
    assert "a sample, seed 7: nothing is broken" in report(deployed)
    path = audited.root("near") / PAYLOAD
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:-1] + b"?")
    state = run_deployment(deployed, "audit-mirrors/audit-mirrors-full", given)
    assert state["type"] == "FAILED"
    assert f"near: object-wrong: {PAYLOAD}" in state["message"]
    assert is_logged(deployed, "object-wrong", "near")
    assert "every byte: broken" in report(deployed)
    assert "object-wrong" in report(deployed)


def test_collecting_only_looks_until_it_is_told_to(deployed: PrefectServer, kept: SmallYard) -> None:
    payloads = kept.mirror / "update" / BOARD / str(UNNEEDED)
    settings = {"settings": str(kept.settings)}
    state = run_deployment(deployed, "collect-garbage/garbage", settings)
    assert state["type"] == "COMPLETED", state
    assert list(payloads.iterdir())
    state = run_deployment(deployed, "collect-garbage/garbage", {**settings, "really": True})
    assert state["type"] == "COMPLETED", state
    assert not list(payloads.iterdir())

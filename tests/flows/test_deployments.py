"""The deployments of prefect.yaml, deployed to a real server and run by a real worker."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
import yaml

from tests.flows.deployments import ROOT, run_deployment
from tests.prefect_server import PrefectServer
from tests.small_yard import BOARD, NEW, OLD, SmallYard


def test_every_deployment_is_there_with_its_schedule(deployed: PrefectServer) -> None:
    """Pages and the nightly candidate run on a schedule; a yaml entry is a deployment on the server."""
    wanted = {one["name"]: one for one in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
    found = {one["name"]: one for one in deployed.post("deployments/filter", {})}
    assert set(found) >= set(wanted)  # other tests may have deployed their own
    for name, one in wanted.items():
        crons = [schedule["cron"] for schedule in one.get("schedules", [])]
        assert [schedule["schedule"]["cron"] for schedule in found[name]["schedules"]] == crons
    assert wanted["nightly"]["schedules"]
    assert wanted["pages"]["schedules"]
    assert wanted["head"]["schedules"]
    assert wanted["audit"]["schedules"]
    assert wanted["head"]["schedules"]
    assert wanted["audit"]["schedules"]


def test_flows_are_run_by_a_worker_from_a_candidate_to_pages(
    deployed: PrefectServer,
    released_yard: SmallYard,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nightly finds nothing new, publish is a no-op, promote moves what was signed for; then all is so."""
    yard, settings = released_yard, {"settings": str(released_yard.settings)}
    assert yard.humpyard("promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada")) == 0
    shutil.rmtree(yard.mirror / "pages", ignore_errors=True)
    runs: tuple[tuple[str, dict[str, Any]], ...] = (
        ("build-candidate/nightly", {**settings, "channel": "alpha"}),
        ("publish-release/publish", {**settings, "version": str(NEW)}),
        ("promote-release/promote", settings),
        ("render-pages/pages", settings),
        ("refresh-head/head", settings),
        ("sync-mirrors/mirrors", settings),
        ("audit-release/audit", settings),
    )
    for name, parameters in runs:
        state = run_deployment(deployed, name, parameters)
        assert state["type"] == "COMPLETED", (name, state)
    capsys.readouterr()
    assert yard.humpyard("promote", "status", "--json") == 0
    channels = json.loads(capsys.readouterr().out)["channels"]
    assert (channels["alpha"], channels["beta"]) == (str(NEW), str(OLD))
    assert (yard.mirror / "pages" / "index.html").is_file()


def test_an_audit_that_finds_a_break_is_a_failed_run_that_names_it(
    deployed: PrefectServer, released_yard: SmallYard
) -> None:
    yard = released_yard
    assert yard.humpyard("head", "refresh") == 0
    current = yard.mirror / "{}" / BOARD / "current" / "version.txt"
    shutil.copy(str(current).format("alpha"), tmp := yard.root / "version.txt")
    tmp.write_text(tmp.read_text().replace(str(OLD), str(NEW)))
    shutil.copy(tmp, str(current).format("alpha"))
    state = run_deployment(deployed, "audit-release/audit", {"settings": str(yard.settings)})
    assert state["type"] == "FAILED"
    assert "the mirror does not hold what it says" in state["message"]
    assert "pointer-" in state["message"]


def test_a_gate_that_is_closed_fails_the_run_and_stays_closed_when_it_is_retried(
    deployed: PrefectServer,
    released_yard: SmallYard,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Retrying, which Prefect's own tools do with force, re-asks the gate and nothing else."""
    yard, settings = released_yard, {"settings": str(released_yard.settings)}
    capsys.readouterr()
    request = ["promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada"), "--json"]
    assert yard.humpyard(*request) == 0
    assert yard.humpyard("promote", "run") == 0
    capsys.readouterr()
    assert yard.humpyard("promote", "request", str(NEW), "--to", "beta", *yard.secret("ada"), "--json") == 0
    asked = json.loads(capsys.readouterr().out)["request"].removeprefix("sha256:")
    for _ in range(2):
        state = run_deployment(deployed, "promote-release/promote", {**settings, "request": asked})
        assert state["type"] == "FAILED"
        assert "missing 2 more go" in state["message"]
    pointer = yard.mirror / "beta" / "amd64-usr" / "current" / "version.txt"
    assert f"FLATCAR_VERSION={OLD}\n" in pointer.read_text()

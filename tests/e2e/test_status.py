"""`humpyard status` on a real yard: what a person sees, and what a monitor reads."""

from __future__ import annotations

import json

import pytest

from release.catalog.naming import HEAD_FILE
from tests.small_yard import NEW, OLD, SmallYard, fingerprint_in


def test_status_shows_channels_requests_head_and_keys(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = released_yard
    assert yard.humpyard("promote", "request", str(NEW), "--to", "beta", *yard.secret("ada")) == 0
    capsys.readouterr()
    assert yard.humpyard("status") == 0
    shown = capsys.readouterr().out
    first, *_ = shown.splitlines()
    assert first == "NOTE     the mirror's head is 1 ledger entries behind: the pipeline's next run signs it"
    assert f"alpha    {OLD}  offered" in shown
    assert f"beta to {NEW}: waiting; " in shown
    pipeline = fingerprint_in(yard.root / "keys" / "pipeline.asc")
    assert f"the pipeline  {pipeline}  good" in shown
    assert "RSA 4096" in shown

    assert yard.humpyard("status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["channels"]["beta"]["version"] == str(OLD)
    assert told["channels"]["stable"] is None
    assert [one["about"] for one in told["alerts"]] == ["head"]
    assert [key["whose"] for key in told["openpgp_keys"]] == ["the pipeline", "Ada", "Grace", "Linus"]
    assert {key["bits"] for key in told["payload_keys"]} == {2048, 4096}
    assert told["requests"][0]["phase"] == "waiting"
    assert told["head"]["sequence"] == told["ledger"]["sequence"] - 1


@pytest.mark.parametrize("damage", ["missing", "forged"])
def test_a_head_that_is_no_good_is_loud_and_status_still_works(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    path = released_yard.mirror / HEAD_FILE
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes().replace(b"offered", b"offerea"))
    capsys.readouterr()
    assert released_yard.humpyard("status") == 0
    assert capsys.readouterr().out.startswith("ALARM ")


def test_a_policy_without_mirrors_is_told_what_that_means_for_machines(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert released_yard.humpyard("mirrors", "status") == 0
    assert "the policy names no mirrors: update servers know no address" in capsys.readouterr().out


def test_a_ledger_that_does_not_verify_has_no_status(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    path = released_yard.mirror / "ledger" / "00000001.json"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(str(OLD).encode(), b"4593.0.9"))
    capsys.readouterr()
    assert released_yard.humpyard("status") == 1
    assert "ledger/00000001.json" in capsys.readouterr().err

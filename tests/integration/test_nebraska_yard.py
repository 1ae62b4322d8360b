"""A whole yard that publishes to Nebraska: what the ledger says is what Nebraska says, stops included."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from release.errors import InputError, RefusedError
from release.line.nebraska import nebraska_job, plan_nebraska, tell_nebraska, wishes
from release.line.yard import Yard
from release.promotion.delivery import Floor, RolloutRules, RolloutStep
from release.settings import load_settings
from release.wiring import open_yard
from tests.nebraska_server import TOKEN, NebraskaServer, nebraska_server
from tests.plain_server import served
from tests.small_yard import BOARD, NEW, OLD, SmallYard

pytestmark = pytest.mark.shared


@pytest.fixture
def server(shared: Path) -> Iterator[NebraskaServer]:
    with nebraska_server(shared / "data" / "nebraska-wire.yaml") as running:
        running.state.add_channel("alpha", 1)
        running.state.add_channel("beta", 1)
        yield running


@pytest.fixture
def yard(
    released_yard: SmallYard, server: NebraskaServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SmallYard]:
    """One whose payloads are served, and whose settings name the Nebraska."""
    monkeypatch.setenv("HUMPYARD_SECRET_NEBRASKA", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with served(released_yard.mirror) as web:
        configure(released_yard, server.url, f"{web}/update/{{board}}/{{version}}/")
        yield released_yard


def configure(yard: SmallYard, url: str, payload_url: str) -> None:
    section = f"""
[nebraska]
url = "{url}"
payload_url = "{payload_url}"
token = "nebraska"
retries = 1
channels = {{ alpha = {{ {BOARD} = "alpha" }}, beta = {{ {BOARD} = "beta" }} }}
"""
    yard.settings.write_text(yard.settings.read_text() + section)


def at(server: NebraskaServer) -> dict[str, str | None]:
    return {str(one["name"]): server.state.at(key) for key, one in server.state.channels.items()}


def promote_untold(yard: SmallYard) -> None:
    """As ``promote``, by settings that know no Nebraska."""
    told = yard.settings.read_text()
    yard.settings.write_text(told.partition("\n[nebraska]")[0])
    promote(yard)
    yard.settings.write_text(told)


def promote(yard: SmallYard) -> None:
    assert yard.humpyard("promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada")) == 0
    assert yard.humpyard("promote", "run") == 0


def test_nebraska_follows_a_promotion_and_a_stop(
    yard: SmallYard, server: NebraskaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert yard.humpyard("nebraska", "status") == 1
    assert yard.humpyard("nebraska", "publish") == 0
    assert at(server) == {"alpha": str(OLD), "beta": str(OLD)}
    assert yard.humpyard("nebraska", "status") == 0

    promote(yard)
    assert at(server) == {"alpha": str(NEW), "beta": str(OLD)}, "promoting tells it"

    writes = len(server.writes)
    assert yard.humpyard("nebraska", "publish") == 0
    assert len(server.writes) == writes
    assert "all 2 channels are as the ledger says" in capsys.readouterr().out

    assert yard.humpyard("stop", "pause", "alpha", "--reason", "slow", *yard.secret("ada")) == 0
    assert yard.humpyard("nebraska", "status", "--json") == 1
    said = capsys.readouterr().out
    (alpha, beta) = json.loads(said[said.index("{\n") :])["channels"]
    assert alpha["ledger"] == {"version": str(NEW), "status": "paused"}
    assert alpha["actions"] == [f"point the channel back to {OLD}"]
    assert beta["differs"] is False

    assert yard.humpyard("nebraska", "publish") == 0
    assert at(server) == {"alpha": str(OLD), "beta": str(OLD)}
    assert yard.humpyard("nebraska", "status") == 0


def test_a_plan_changes_nothing_and_can_be_read_by_scripts(
    yard: SmallYard, server: NebraskaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert yard.humpyard("nebraska", "plan") == 0
    assert f"to do    beta/{BOARD}: point the channel to {OLD}" in capsys.readouterr().out
    assert yard.humpyard("nebraska", "plan", "--json") == 0
    plans = json.loads(capsys.readouterr().out)["channels"]
    assert [one["goal"] for one in plans] == [str(OLD), str(OLD)]
    assert not server.writes


def test_a_withdrawn_release_that_never_was_there_stays_away(yard: SmallYard, server: NebraskaServer) -> None:
    assert yard.humpyard("nebraska", "publish") == 0
    promote_untold(yard)
    assert yard.humpyard("stop", "withdraw", str(NEW), "--reason", "bad", *yard.secret("ada")) == 0
    assert yard.humpyard("nebraska", "publish") == 0
    assert at(server) == {"alpha": str(OLD), "beta": str(OLD)}
    assert str(NEW) not in {one["version"] for one in server.state.packages.values()}


def test_what_only_people_can_do_is_refused_after_the_rest_was_done(
    yard: SmallYard, server: NebraskaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    promote(yard)
    assert yard.humpyard("nebraska", "publish") == 0
    assert yard.humpyard("stop", "withdraw", str(OLD), "--reason", "bad", *yard.secret("ada")) == 0
    assert yard.humpyard("nebraska", "publish") == 1
    assert "switch off updates of the groups on this channel" in capsys.readouterr().err
    assert at(server) == {"alpha": str(NEW), "beta": str(OLD)}


def test_payloads_that_are_not_served_are_not_told(
    released_yard: SmallYard,
    server: NebraskaServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HUMPYARD_SECRET_NEBRASKA", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with served(released_yard.mirror / "alpha") as web:
        configure(released_yard, server.url, f"{web}/update/{{board}}/{{version}}/")
        assert released_yard.humpyard("nebraska", "publish") == 1
    assert "found nothing; Nebraska was not told" in capsys.readouterr().err
    assert not server.writes


def test_a_yard_without_nebraska_has_nothing_to_do(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_yard(released_yard.settings) as opened:
        assert nebraska_job(opened) == ()
    assert released_yard.humpyard("nebraska", "publish") == 1
    assert "no Nebraska is configured" in capsys.readouterr().err


def test_a_token_that_is_not_there_is_asked_for_by_name(
    yard: SmallYard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HUMPYARD_SECRET_NEBRASKA")
    assert yard.humpyard("nebraska", "plan") == 1
    assert "HUMPYARD_SECRET_NEBRASKA" in capsys.readouterr().err


def test_a_channel_that_the_policy_does_not_know_is_refused(yard: SmallYard) -> None:
    yard.settings.write_text(yard.settings.read_text().replace("beta = {", "gamma = {"))
    with open_yard(yard.settings) as opened, pytest.raises(InputError, match=r"nebraska.channels.gamma"):
        plan_nebraska(opened)


def test_no_environment_variable_says_where_the_token_is_sent(
    yard: SmallYard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUMPYARD_NEBRASKA__URL", "https://elsewhere.example.org")
    with pytest.raises(InputError, match="HUMPYARD_NEBRASKA__URL"):
        load_settings(yard.settings)


def with_policy(yard: Yard, **changes: object) -> Yard:
    policy = replace(yard.policy(), **changes)  # type: ignore[arg-type]  # single fields by name
    return replace(yard, policy=lambda: policy)


def test_floors_of_the_policy_are_set_before_the_channel_moves(
    yard: SmallYard, server: NebraskaServer
) -> None:
    promote_untold(yard)
    with open_yard(yard.settings) as opened:
        floors = (Floor(channel="alpha", version=OLD, reason="new kernel"),)
        said = tell_nebraska(with_policy(opened, floors=floors))
    assert f"alpha/{BOARD}: set floor {OLD}; alpha/{BOARD}: point the channel to {NEW}" in said
    alpha, beta = server.state.channels
    assert server.state.floor_versions(alpha) == [str(OLD)]
    assert server.state.floor_versions(beta) == []


def test_a_withdrawn_floor_lets_nobody_pass(yard: SmallYard) -> None:
    promote(yard)
    assert yard.humpyard("nebraska", "publish") == 0
    assert yard.humpyard("stop", "withdraw", str(OLD), "--reason", "bad", *yard.secret("ada")) == 0
    with open_yard(yard.settings) as opened:
        floors = (Floor(channel="alpha", version=OLD, reason="new kernel"),)
        with pytest.raises(RefusedError, match=f"floor {OLD} is withdrawn, and Nebraska offers {NEW}"):
            tell_nebraska(with_policy(opened, floors=floors))


def test_nebraska_waits_for_a_rollout_that_has_not_reached_everybody(
    yard: SmallYard, server: NebraskaServer
) -> None:
    promote_untold(yard)
    steps = (
        RolloutStep(after=timedelta(), share=Decimal("0.25")),
        RolloutStep(after=timedelta(days=8), share=Decimal(1)),
    )
    with open_yard(yard.settings) as opened:
        policy = opened.policy()
        edges = tuple(replace(edge, rollout=RolloutRules(steps=steps)) for edge in policy.edges)
        rolling = with_policy(opened, edges=edges)
        assert "is rolled out to 25.0% of machines" in tell_nebraska(rolling)
        assert at(server) == {"alpha": None, "beta": str(OLD)}  # beta was there before the ledger began
        later = replace(rolling, clock=lambda: opened.clock() + timedelta(days=9))
        tell_nebraska(later)
        assert at(server) == {"alpha": str(NEW), "beta": str(OLD)}
        assert rolling.nebraska is not None
        hasty = replace(rolling.nebraska.options, wait_for_rollout=False)
        assert [one.waits for one in wishes(rolling, hasty)] == [None, None]

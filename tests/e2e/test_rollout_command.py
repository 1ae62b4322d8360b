"""`humpyard rollout`: what it shows, when it halts, and how people let a rollout go on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from release.ledger.state import StopRecord
from release.line.rollouts import halting
from release.updates.counts import RolloutCounts
from release.updates.halting import HaltCause, Verdict
from release.wiring import open_yard
from tests.rollout_yard import DATABASE, RolloutYard, rollout_template, rollout_yard
from tests.small_yard import NEW, OLD

__all__ = ["rollout_template", "rollout_yard"]


def test_status_shows_plan_share_and_machines(rollout_yard: RolloutYard) -> None:
    rollout_yard.report(0, succeeded=3, failed=1)
    found = rollout_yard.status()
    assert (found["version"], found["state"], found["share"]) == (str(NEW), "rolling out", 0.1)
    assert found["plan"]["steps"][1] == {"after_seconds": 86_400, "share": 1.0}
    assert found["next_step"]["share"] == 1.0
    assert found["next_step"]["at"] > found["since"]
    assert found["machines"]["offered"] == 4
    assert found["machines"]["codes"] == {"44": 1}
    assert found["verdict"]["halts"] is False
    assert found["stopped"] is None
    beta = next(one for one in rollout_yard.told("rollout", "status") if one["channel"] == "beta")
    assert (beta["version"], beta["state"], beta["share"], beta["next_step"]) == (str(OLD), "done", 1.0, None)
    assert rollout_yard.humpyard("rollout", "status") == 0
    said = rollout_yard.output()
    assert "alpha    4600.0.0  10 %   rolling out  4        3          1       0 of 0" in said
    assert "alpha: failed with code 44 (rolled-back) on 1; deltas failed on 0" in said


def test_watching_halts_a_rollout_once_and_tells_machines(rollout_yard: RolloutYard) -> None:
    rollout_yard.report(0, succeeded=4)
    before = rollout_yard.entries()
    assert rollout_yard.humpyard("rollout", "watch") == 0
    assert "1 rollouts judged, none to halt" in rollout_yard.output()
    assert rollout_yard.entries() == before
    rollout_yard.report(100, failed=1)
    assert rollout_yard.humpyard("rollout", "watch") == 0
    assert "halted alpha (4600.0.0): 1 of 5 machines failed" in rollout_yard.output()
    assert rollout_yard.entries() == before + 1
    assert rollout_yard.document().offers[0].status.value == "paused"
    assert rollout_yard.humpyard("rollout", "watch") == 0
    assert rollout_yard.entries() == before + 1
    found = rollout_yard.status()
    assert (found["state"], found["stopped"]["by"], found["since"]) == ("halted", "pipeline", None)
    assert found["next_step"] == {"share": 1.0, "at": None}
    assert rollout_yard.humpyard("rollout", "status") == 0
    assert "alpha: stopped by the pipeline since" in rollout_yard.output()
    assert rollout_yard.breaks() == []


def test_a_halt_is_told_as_what_it_is_wherever_stops_are(rollout_yard: RolloutYard) -> None:
    rollout_yard.report(0, failed=5)
    assert rollout_yard.humpyard("rollout", "watch") == 0
    rollout_yard.output()
    assert rollout_yard.humpyard("log") == 0
    assert f"HALT {NEW} in alpha: 5 of 5 machines failed" in rollout_yard.output()
    assert rollout_yard.humpyard("stop", "list") == 0
    listed = rollout_yard.output()
    assert f"halt {NEW} in alpha" in listed
    assert "the pipeline" in listed
    (stop,) = rollout_yard.told("stop", "list")
    assert (stop["action"], stop["by"]) == ("halt", "pipeline")
    assert rollout_yard.humpyard("status") == 0
    first = rollout_yard.output().splitlines()[0]
    assert first.startswith(f"ALARM    halt {NEW} in alpha ({stop['stop'][7:19]}) since ")
    assert " by the pipeline: 5 of 5 machines failed" in first
    page = (rollout_yard.small.mirror / "pages" / "releases" / str(NEW) / "index.html").read_text()
    assert f"Alpha: the rollout of {NEW} halted" in page


def test_people_let_a_halted_rollout_go_on_and_older_failures_do_not_halt_it_again(
    rollout_yard: RolloutYard,
) -> None:
    rollout_yard.report(0, failed=5)
    assert rollout_yard.humpyard("rollout", "watch") == 0
    ada = rollout_yard.small.secret("ada")
    (asked,) = rollout_yard.told("rollout", "resume", "alpha", "--reason", "one rack only", *ada)
    assert rollout_yard.told("rollout", "resume", "alpha", "--reason", "one rack only", *ada) == [asked]
    halted = rollout_yard.status()
    rollout_yard.resume(asked["request"])
    found = rollout_yard.status()
    assert (found["state"], found["stopped"]) == ("rolling out", None)
    assert found["since"] >= halted["stopped"]["since"]
    assert rollout_yard.document().offers[0].status.value == "offered"
    assert found["machines"]["failed"] == 5
    before = rollout_yard.entries()
    assert rollout_yard.humpyard("rollout", "watch") == 0
    assert rollout_yard.entries() == before
    assert rollout_yard.humpyard("rollout", "resume", "alpha", "--reason", "again", *ada) == 1


def test_machines_that_fail_again_after_it_went_on_halt_it_again(rollout_yard: RolloutYard) -> None:
    """At full share nearly all machines were offered it before: they count by being offered it again."""
    rollout_yard.report(0, failed=5)
    assert rollout_yard.humpyard("rollout", "watch") == 0
    ada = rollout_yard.small.secret("ada")
    (asked,) = rollout_yard.told("rollout", "resume", "alpha", "--reason", "one rack only", *ada)
    rollout_yard.resume(asked["request"])
    rollout_yard.report(0, failed=4)
    assert rollout_yard.humpyard("rollout", "watch") == 0
    assert rollout_yard.status()["state"] == "rolling out"
    rollout_yard.report(0, failed=5)
    assert rollout_yard.humpyard("rollout", "watch") == 0
    assert "halted alpha (4600.0.0): 5 of 5 machines failed" in rollout_yard.output()
    assert rollout_yard.status()["state"] == "halted"


def test_a_floor_that_fails_halts_the_rollout_behind_it(rollout_yard: RolloutYard) -> None:
    """Machines are offered the floor, not the release: its own numbers would never halt it."""
    rollout_yard.report(0, succeeded=5)
    rollout_yard.report(100, failed=4, version=OLD)
    assert rollout_yard.humpyard("rollout", "watch") == 0
    (floor,) = rollout_yard.status()["floors"]
    assert (floor["version"], floor["machines"]["failed"], floor["verdict"]["halts"]) == (str(OLD), 4, False)
    rollout_yard.report(104, failed=1, version=OLD)
    assert rollout_yard.humpyard("rollout", "status") == 0
    assert f"alpha: floor {OLD}: to be halted, 5 of 5 machines failed" in rollout_yard.output()
    assert rollout_yard.humpyard("rollout", "watch") == 0
    assert f"halted alpha (4600.0.0): the floor {OLD} before it: 5 of 5" in rollout_yard.output()
    found = rollout_yard.status()
    assert (found["state"], found["stopped"]["reason"].partition(" before")[0]) == (
        "halted",
        f"the floor {OLD}",
    )
    assert rollout_yard.document().offers[0].status.value == "paused"
    assert rollout_yard.breaks() == []


def test_a_person_pauses_and_the_status_says_who(rollout_yard: RolloutYard) -> None:
    ada = rollout_yard.small.secret("ada")
    assert rollout_yard.humpyard("rollout", "pause", "alpha", "--reason", "odd reports", *ada) == 0
    assert rollout_yard.humpyard("promote", "run") == 0
    rollout_yard.report(0, failed=50)
    before = rollout_yard.entries()
    assert rollout_yard.humpyard("rollout", "watch") == 0  # what is paused needs no halt
    assert rollout_yard.entries() == before
    rollout_yard.output()
    assert rollout_yard.humpyard("rollout", "status") == 0
    said = rollout_yard.output()
    assert "stopped" in said
    assert "alpha: stopped by Ada since" in said
    (asked,) = rollout_yard.told("rollout", "resume", "alpha", "--reason", "nothing found", *ada)
    rollout_yard.resume(asked["request"])
    assert rollout_yard.status()["state"] == "rolling out"


def test_a_halt_that_comes_too_late_is_left_out(rollout_yard: RolloutYard) -> None:
    """The numbers were about a rollout that has moved on, was stopped, or went on anew, since."""
    verdict = Verdict(cause=HaltCause.ERRORS, bad=5, of=5, text="all failed")
    with open_yard(rollout_yard.small.settings) as yard:
        state = yard.ledger.state()
        head, since = state.heads["alpha"], state.offers[-1].begins
        halt = halting(head, since, verdict, RolloutCounts(offered=5, failed=5))
        assert halt(state) is not None
        assert halting(head, since - timedelta(seconds=1), verdict, RolloutCounts())(state) is None
        older = state.heads["beta"]
        assert halting(older, since, verdict, RolloutCounts())(state) is None
        after = yard.ledger.append(halt, now=yard.clock())
        assert halt(after) is None
        stop: StopRecord | None = after.pause("alpha")
        assert stop is not None
        assert (stop.subject.reason, stop.statement) == ("all failed", "")


def test_nothing_is_watched_where_nothing_is_counted(rollout_yard: RolloutYard) -> None:
    settings = rollout_yard.small.settings
    settings.write_text(settings.read_text().partition("\n[events]")[0])
    assert rollout_yard.humpyard("rollout", "watch") == 1
    assert rollout_yard.humpyard("rollout", "status") == 0
    assert "nothing is counted: no update server writes to events.url" in rollout_yard.output()
    assert rollout_yard.status()["machines"] is None


def test_a_database_that_cannot_be_reached_may_be_tried_again(rollout_yard: RolloutYard) -> None:
    settings = rollout_yard.small.settings
    settings.write_text(settings.read_text().replace(DATABASE, f"nowhere/{DATABASE}"))
    assert rollout_yard.humpyard("rollout", "watch") == 3
    assert rollout_yard.humpyard("rollout", "status") == 3


@pytest.mark.parametrize("channel", ["alpha", "beta", "nightly"])
def test_only_what_is_stopped_can_be_resumed(rollout_yard: RolloutYard, channel: str) -> None:
    ada = rollout_yard.small.secret("ada")
    before = rollout_yard.entries()
    assert rollout_yard.humpyard("rollout", "resume", channel, "--reason", "why not", *ada) == 1
    assert rollout_yard.entries() == before


def test_the_database_is_beside_the_settings(rollout_yard: RolloutYard, tmp_path: Path) -> None:
    rollout_yard.report(0, succeeded=1)
    assert (tmp_path / "yard" / DATABASE).is_file()
    assert rollout_yard.status()["machines"]["succeeded"] == 1

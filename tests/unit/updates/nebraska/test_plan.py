"""What is planned for one channel, from what the ledger wants and what Nebraska has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from release.catalog.version import Version
from release.updates.nebraska.plan import ChannelPlan, Found, differences, plan_channel
from release.updates.nebraska.wanted import Wish
from tests.unit.updates.nebraska.samples import content, floor, found, package, version, wish


def planned(wanted: Wish, has: Found, *, point_back: bool = True, max_floors: int = 5) -> ChannelPlan:
    return plan_channel(wanted, has, point_back=point_back, max_floors=max_floors)


def steps(plan: ChannelPlan) -> list[str]:
    return [str(action) for action in plan.actions]


CREATE = "create package {}, architecture 1 with 2 extra files"


def test_a_package_comes_before_the_channel() -> None:
    plan = planned(wish("3.0.0"), found("2.0.0"))
    assert steps(plan) == [CREATE.format("3.0.0"), "point the channel to 3.0.0"]
    assert not plan.blocked


def test_nothing_is_done_where_nebraska_is_as_wanted() -> None:
    plan = planned(
        wish("3.0.0", "2.0.0", floors=(floor("2.0.0"),)), found("3.0.0", "2.0.0", floors=("2.0.0",))
    )
    assert (steps(plan), plan.blocked, plan.notes) == ([], [], [])


def test_a_channel_that_offers_nothing_is_pointed_to_the_head() -> None:
    assert steps(planned(wish("3.0.0"), found(None, "3.0.0"))) == ["point the channel to 3.0.0"]


def test_floors_come_ascending_between_packages_and_channel() -> None:
    floors = (floor("1.0.0"), floor("2.0.0"), floor("3.0.0"), floor("4.0.0"))
    plan = planned(wish("3.0.0", "1.0.0", "2.0.0", floors=floors), found("1.0.0"))
    assert steps(plan) == [
        CREATE.format("3.0.0"),
        "set floor 1.0.0",
        CREATE.format("2.0.0"),
        "set floor 2.0.0",
        "set floor 3.0.0",
        "point the channel to 3.0.0",
    ]


def test_why_a_floor_is_one_is_brought_up_to_date() -> None:
    plan = planned(
        wish("3.0.0", "2.0.0", floors=(floor("2.0.0", "another reason"),)),
        found("3.0.0", "2.0.0", floors=("2.0.0",)),
    )
    assert steps(plan) == ["set floor 2.0.0"]


def test_a_floor_that_nobody_knows_blocks_the_channel() -> None:
    plan = planned(wish("3.0.0", floors=(floor("2.0.0"),)), found("1.0.0"))
    assert steps(plan) == [CREATE.format("3.0.0")]
    assert plan.blocked == ["2.0.0: the ledger has no release with a full payload for amd64-usr"]


def test_more_floors_than_nebraska_gives_in_one_answer_are_refused() -> None:
    names = ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4"]
    floors = tuple(floor(name) for name in [*names, "1.0.5"])
    plan = planned(wish("3.0.0", *names, "1.0.5", floors=floors), found("1.0.0", "3.0.0"))
    assert not steps(plan)
    (blocked,) = plan.blocked
    assert "6 floors" in blocked
    assert "1291" in blocked
    assert not planned(wish("3.0.0", *names, floors=floors[:5]), found("1.0.0", "3.0.0")).blocked


def test_floors_that_others_set_count_and_stay() -> None:
    names = ("1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4")
    plan = planned(wish("3.0.0", "2.0.0", floors=(floor("2.0.0"),)), found("2.0.0", "3.0.0", floors=names))
    assert not steps(plan)
    assert len(plan.notes) == 5
    assert len(plan.blocked) == 1


@pytest.mark.parametrize("at", ["3.0.1", "4.0.0", "10.0.0"])
def test_a_channel_is_never_taken_down(at: str) -> None:
    plan = planned(wish("3.0.0"), found(at, "3.0.0"))
    assert not steps(plan)
    assert plan.blocked == [
        f"Nebraska is at '{at}', the ledger says 3.0.0: a channel never goes back by itself"
    ]


@pytest.mark.parametrize("at", ["3.0.0+build", "3.0.0-rc1", "nonsense"])
def test_a_version_that_is_not_below_ours_is_left_alone(at: str) -> None:
    has = found("2.0.0", "3.0.0")
    odd = replace(has.channel, package=package("2.0.0", version=at))
    plan = planned(wish("3.0.0"), replace(has, channel=odd))
    assert not steps(plan)
    assert len(plan.blocked) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sha1", "AAAA"),
        ("sha256", "AAAA"),
        ("size", "1"),
        ("url", "https://elsewhere.example.org/"),
        ("filename", "other.gz"),
        ("extras", ()),
        ("is_delta", True),
        ("kind", 4),
    ],
)
def test_a_package_of_our_version_that_is_another_is_left_to_people(name: str, value: object) -> None:
    has = found("2.0.0")
    other = package("3.0.0", **{name: value})
    plan = planned(wish("3.0.0"), replace(has, packages={**has.packages, version("3.0.0"): other}))
    assert not steps(plan)
    (blocked,) = plan.blocked
    assert name in blocked
    assert differences(content("3.0.0"), other.content)


def test_a_package_that_blacklists_the_channel_is_left_to_people() -> None:
    has = found("2.0.0")
    banned = replace(package("3.0.0"), blacklist=("channel-1",))
    plan = planned(wish("3.0.0"), replace(has, packages={version("3.0.0"): banned}))
    assert not steps(plan)
    assert plan.blocked == ["Nebraska's package 3.0.0 blacklists this channel"]


def test_a_channel_of_another_architecture_is_left_alone() -> None:
    plan = planned(wish("3.0.0"), found("2.0.0", architecture=2))
    assert not steps(plan)
    assert "architecture 2, expected 1" in plan.blocked[0]


def stopped(**why: str) -> dict[Version, str]:
    return {version(name.removeprefix("v").replace("_", ".")): text for name, text in why.items()}


def test_a_paused_head_is_not_moved_to() -> None:
    plan = planned(wish("3.0.0", stopped=stopped(v3_0_0="paused")), found("2.0.0"))
    assert (steps(plan), plan.blocked) == ([], [])
    assert plan.notes == ["3.0.0 is paused: the channel stays at 2.0.0"]


@pytest.mark.parametrize("why", ["paused", "withdrawn"])
def test_a_channel_at_a_stopped_head_is_pointed_back(why: str) -> None:
    wanted = wish("3.0.0", "2.0.0", stopped=stopped(v3_0_0=why), earlier=(version("2.0.0"),))
    plan = planned(wanted, found("3.0.0", "2.0.0"))
    assert steps(plan) == ["point the channel back to 2.0.0"]
    assert not plan.blocked
    assert "machines that have 3.0.0 keep it" in plan.notes[0]
    assert steps(planned(wanted, found("2.0.0", "3.0.0"))) == []


def test_pointing_back_can_be_switched_off() -> None:
    wanted = wish("3.0.0", "2.0.0", stopped=stopped(v3_0_0="paused"), earlier=(version("2.0.0"),))
    plan = planned(wanted, found("3.0.0", "2.0.0"), point_back=False)
    assert not steps(plan)
    assert "switch off updates of the groups" in plan.blocked[0]


def test_without_an_earlier_release_people_are_told() -> None:
    plan = planned(wish("3.0.0", stopped=stopped(v3_0_0="withdrawn")), found("3.0.0"))
    assert not steps(plan)
    assert "no earlier release may be offered" in plan.blocked[0]


def test_one_never_points_back_to_a_package_that_is_another() -> None:
    wanted = wish("3.0.0", "2.0.0", stopped=stopped(v3_0_0="paused"), earlier=(version("2.0.0"),))
    has = found("3.0.0")
    other = package("2.0.0", sha256="AAAA")
    plan = planned(wanted, replace(has, packages={**has.packages, version("2.0.0"): other}))
    assert not steps(plan)
    assert len(plan.blocked) == 1


def test_what_was_stopped_and_goes_on_is_moved_to_again() -> None:
    assert steps(planned(wish("3.0.0", "2.0.0"), found("2.0.0", "3.0.0"))) == ["point the channel to 3.0.0"]


def test_a_withdrawn_floor_that_the_policy_does_not_name_is_removed() -> None:
    wanted = wish("3.0.0", withdrawn=frozenset({version("2.0.0")}))
    plan = planned(wanted, found("1.0.0", "3.0.0", "2.0.0", floors=("2.0.0",)))
    assert steps(plan) == ["remove floor 2.0.0, which is withdrawn", "point the channel to 3.0.0"]
    assert not plan.blocked


def test_a_withdrawn_floor_of_the_policy_lets_nobody_pass() -> None:
    """Neither may machines below it pass it by, nor may they be offered it."""
    wanted = wish(
        "3.0.0",
        "2.0.0",
        "1.0.0",
        stopped=stopped(v2_0_0="withdrawn"),
        withdrawn=frozenset({version("2.0.0")}),
        earlier=(version("2.0.0"), version("1.0.0")),
        floors=(floor("2.0.0"),),
    )
    for at in ("3.0.0", "2.0.0"):
        has = found(at, "3.0.0", "2.0.0", "1.0.0", floors=("2.0.0",))
        assert steps(planned(wanted, has)) == ["point the channel back to 1.0.0"]
    plan = planned(wanted, found("1.0.0", "3.0.0", "2.0.0", floors=("2.0.0",)))
    assert not steps(plan)
    assert plan.notes == ["floor 2.0.0 is withdrawn: the channel stays at 1.0.0"]


def test_what_nobody_of_ours_put_there_is_left_while_machines_are_held_back() -> None:
    wanted = wish("3.0.0", "2.0.0", stopped=stopped(v3_0_0="paused"), earlier=(version("2.0.0"),))
    assert not steps(planned(wanted, found("4.0.0", "3.0.0")))


def test_a_release_that_is_not_for_everybody_yet_is_waited_for() -> None:
    plan = planned(wish("3.0.0", waits="3.0.0 is for 10 % of machines"), found("2.0.0"))
    assert not steps(plan)
    assert plan.notes == ["3.0.0 is for 10 % of machines: the channel stays at 2.0.0"]


def test_a_release_without_a_full_payload_for_the_board_is_told() -> None:
    plan = planned(wish("3.0.0", contents={}), found("2.0.0"))
    assert not steps(plan)
    assert plan.blocked == ["3.0.0: the ledger has no release with a full payload for amd64-usr"]

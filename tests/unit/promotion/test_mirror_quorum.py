"""What the gate asks of delivery: mirrors that have the release, and floors that can be passed through."""

from __future__ import annotations

import pytest

from release.ledger.kinds import MirrorVerified
from release.promotion.proposals import GateClosedError
from release.promotion.status import Phase
from tests.unit.ledger.fakes import digest_of
from tests.unit.promotion.ruled_scene import RULES, RuledScene
from tests.unit.promotion.scene import ALICE, BOB

MIRRORS = RULES.replace('name = "beta"', 'name = "beta"\nmirrors = 2').replace("soak = 48", "") + "".join(
    f'[[mirrors]]\nname = "{name}"\nurl = "https://{name}.example.org/"\n' for name in ("eu", "us", "asia")
)


def verify(scene: RuledScene, mirror: str, channel: str = "beta", *, passed: bool = True) -> None:
    release = scene.state.heads["alpha"]
    scene.write(
        MirrorVerified(
            mirror=mirror,
            channel=channel,
            version=release.version,
            release=digest_of("2.0.0"),
            passed=passed,
        )
    )


def test_people_are_asked_first_and_mirrors_at_the_move() -> None:
    scene = RuledScene(MIRRORS)
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    assert scene.status(asked).phase is Phase.READY, "what is left is the pipeline's work"
    with pytest.raises(GateClosedError, match=r"not carried out yet: .*2 more of the mirrors eu, us, asia"):
        scene.move(asked)
    verify(scene, "eu")
    verify(scene, "us", channel="alpha")
    with pytest.raises(GateClosedError, match="1 more of the mirrors us, asia"):
        scene.move(asked)
    verify(scene, "asia")
    state = scene.move(asked)
    told = scene.ledger.read().entries[state.sequence].entry.data["decision"]
    assert isinstance(told, list)
    assert told[-1] == "mirrors: 2 of 3 have it verified, 2 must; behind: us"


def test_a_mirror_that_lost_it_and_one_that_nobody_named_do_not_count() -> None:
    scene = RuledScene(MIRRORS)
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    for name in ("eu", "us", "elsewhere"):
        verify(scene, name)
    verify(scene, "us", passed=False)
    with pytest.raises(GateClosedError, match="1 more of the mirrors us, asia"):
        scene.move(asked)


FLOOR = """
[[floors]]
channel = "{}"
version = "{}"
reason = "a larger boot partition"
"""


def test_a_channel_does_not_move_past_a_floor_that_is_not_there() -> None:
    scene = RuledScene(RULES.replace("soak = 48", "") + FLOOR.format("beta", "1.5.0"))
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    assert scene.unmet(asked) == ("floors",)
    scene.register("1.5.0")
    assert scene.decide(asked).allowed


def test_floors_of_other_channels_and_ahead_ask_for_nothing() -> None:
    rules = RULES.replace("soak = 48", "") + FLOOR.format("stable", "1.5.0") + FLOOR.format("beta", "9.0.0")
    scene = RuledScene(rules)
    assert scene.decide(scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)).allowed


def test_no_policy_is_adopted_under_which_machines_would_be_stranded() -> None:
    scene = RuledScene()
    asked = scene.ask_for_policy(RULES + FLOOR.format("beta", "0.9.0"))
    (fault,) = (rule for rule in scene.decide(asked).unmet if rule.name == "proposed")
    assert "floor of beta: 0.9.0 is not released for" in fault.detail
    passing = scene.ask_for_policy(RULES + FLOOR.format("beta", "1.0.0"))
    assert "proposed" not in scene.unmet(passing)

"""Soak: how long machines of the channel before were offered the release, without a break."""

from __future__ import annotations

from datetime import timedelta

import pytest

from release.catalog.channel import PromotionKind
from release.catalog.version import Version
from release.digests import Digest
from release.promotion.status import Phase
from tests.unit.ledger.fakes import HOUR
from tests.unit.promotion.ruled_scene import DAY, FREEZE, PAUSE, RULES, WITHDRAW, RuledScene
from tests.unit.promotion.scene import ALICE, BOB

SECOND = timedelta(seconds=1)
HOURS_48 = 48 * HOUR


@pytest.fixture
def scene() -> RuledScene:
    return RuledScene()


def asked(scene: RuledScene, version: str = "2.0.0") -> Digest:
    return scene.agree(scene.request(version, "beta"), ALICE, BOB)


def soak_of(scene: RuledScene, request: Digest) -> str:
    (rule,) = [rule for rule in scene.decide(request).rules if rule.name == "soak"]
    return rule.detail


def test_a_release_must_have_been_offered_for_that_long(scene: RuledScene) -> None:
    begun = scene.state.heads["alpha"].since
    request = asked(scene)
    assert scene.unmet(request, begun + HOURS_48 - SECOND) == ("soak",)
    assert scene.status(request, begun + HOURS_48 - SECOND).phase is Phase.WAITING
    assert scene.unmet(request, begun + HOURS_48) == ()


def test_the_gate_says_how_long_still(scene: RuledScene) -> None:
    begun = scene.state.heads["alpha"].since
    (rule,) = scene.decide(asked(scene), begun + 36 * HOUR).unmet
    assert (rule.detail, rule.missing) == ("36.0 h of 48.0 h in alpha", "12.0 h more in alpha")


@pytest.mark.parametrize("action", [PAUSE, WITHDRAW])
def test_a_break_begins_the_count_anew(scene: RuledScene, action: object) -> None:
    scene.tick(40 * HOUR)
    channel = "alpha" if action is PAUSE else None
    stop = scene.stop(scene.order(action, channel, "2.0.0"))  # type: ignore[arg-type]  # one of the two
    scene.tick(10 * HOUR)
    scene.resume(stop)
    again = scene.state.latest
    request = asked(scene)
    assert soak_of(scene, request).startswith("40.0 h of 48.0 h")
    assert scene.unmet(request, again + 40 * HOUR) == ("soak",)
    assert scene.unmet(request, again + HOURS_48 - SECOND) == ("soak",)
    assert scene.unmet(request, again + HOURS_48) == ()


def test_the_longest_stretch_counts(scene: RuledScene) -> None:
    """A pause after it was long enough takes nothing away, once it is lifted."""
    scene.tick(50 * HOUR)
    scene.resume(scene.stop(scene.order(PAUSE, "alpha", "2.0.0")))
    assert scene.unmet(asked(scene)) == ()


def test_time_while_it_was_stopped_does_not_count(scene: RuledScene) -> None:
    scene.stop(scene.order(PAUSE, "alpha", "2.0.0"))
    request = asked(scene)
    assert scene.unmet(request, scene.now + 4 * DAY) == ("not-paused", "soak")
    assert soak_of(scene, request) == "0.0 h of 48.0 h in alpha"


def test_a_freeze_is_no_break(scene: RuledScene) -> None:
    """Machines are still offered what the channel is at."""
    begun = scene.state.heads["alpha"].since
    scene.stop(scene.order(FREEZE, "alpha"))
    assert scene.unmet(asked(scene), begun + HOURS_48) == ()


def test_what_was_superseded_later_does_not_lose_what_it_had(scene: RuledScene) -> None:
    scene.tick(49 * HOUR)
    scene.enter("3.0.0")
    assert scene.unmet(asked(scene)) == ()


def test_what_was_superseded_too_early_gets_nothing_more(scene: RuledScene) -> None:
    scene.tick(47 * HOUR)
    scene.enter("3.0.0")
    request = asked(scene)
    assert scene.unmet(request, scene.now + 4 * DAY) == ("soak",)
    assert scene.unmet(scene.request("3.0.0", "beta"), scene.now + 3 * DAY) == ("quorum maintainer",)


def test_another_release_in_the_channel_gives_it_nothing(scene: RuledScene) -> None:
    scene.tick(DAY)
    scene.enter("3.0.0")
    scene.tick(DAY + 2 * HOUR)
    assert scene.unmet(asked(scene, "3.0.0")) == ("soak",)


def test_a_rebuild_counts_what_it_derives_from() -> None:
    scene = RuledScene(RULES.replace('name = "beta"', 'name = "beta"\nkind = "rebuild"'))
    begun = scene.state.heads["alpha"].since
    scene.tick(40 * HOUR)
    for version, origin in (("2.1.0", "2.0.0"), ("1.1.0", "1.0.0")):
        derived = Version.parse(origin)
        scene.register(version, "beta", lineage=PromotionKind.REBUILD, derives_from=derived)
        scene.prove(version)
    request = asked(scene, "2.1.0")
    assert scene.unmet(request, begun + HOURS_48 - SECOND) == ("soak",)
    assert scene.unmet(request, begun + HOURS_48) == ()


def test_a_soak_never_comes_from_another_channel() -> None:
    """What it comes from is a channel that offered this very release."""
    text = RULES.replace('feeds_from = ["beta"]', 'feeds_from = ["alpha", "beta"]\nsoak = 24')
    scene = RuledScene(text)
    scene.tick(3 * DAY)
    scene.promote("2.0.0", "beta")
    from_beta = scene.agree(scene.request("2.0.0", "stable", from_channel="beta"), ALICE, BOB)
    from_alpha = scene.agree(scene.request("2.0.0", "stable"), ALICE, BOB)
    assert scene.unmet(from_beta) == ("soak",)
    assert scene.unmet(from_alpha) == ()
    scene.enter("3.0.0")
    made_up = scene.agree(scene.request("3.0.0", "stable", from_channel="beta"), ALICE, BOB)
    assert scene.unmet(made_up, scene.now + 2 * DAY) == ("source", "soak")


def test_what_enters_straight_from_the_build_needs_no_soak() -> None:
    scene = RuledScene(RULES.replace("open = true", "open = true\nsoak = 24"))
    assert scene.state.heads["alpha"].version == Version(2, 0, 0)


def test_a_clock_of_the_pipeline_that_was_behind_gives_nothing(scene: RuledScene) -> None:
    """Offers begin when the pipeline said so; asked earlier, there is no soak, and no less than none."""
    begun = scene.state.heads["alpha"].since
    assert soak_of(scene, asked(scene)).startswith("0.")
    (rule,) = [one for one in scene.decide(asked(scene), begun - DAY).rules if one.name == "soak"]
    assert (rule.detail, rule.missing) == ("0.0 h of 48.0 h in alpha", "48.0 h more in alpha")

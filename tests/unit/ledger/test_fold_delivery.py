"""What the fold makes of mirrors, halted rollouts and collected releases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from release.catalog.version import Version
from release.digests import Digest
from release.ledger.chain import EntryRefusedError
from release.ledger.kinds import MirrorVerified, ReleaseCollected, RolloutHalted
from release.ledger.state import State
from release.ledger.statements import StopAction
from tests.unit.ledger.fakes import digest_of
from tests.unit.promotion.ruled_scene import RuledScene

TWO, ONE = Version(2, 0, 0), Version(1, 0, 0)


@pytest.fixture
def scene() -> RuledScene:
    return RuledScene()


def seen(
    mirror: str, channel: str = "alpha", version: str = "2.0.0", *, passed: bool = True
) -> MirrorVerified:
    return MirrorVerified(
        mirror=mirror,
        channel=channel,
        version=Version.parse(version),
        release=digest_of(version),
        passed=passed,
    )


def halted(version: str = "2.0.0", channel: str = "alpha") -> RolloutHalted:
    return RolloutHalted(
        channel=channel,
        version=Version.parse(version),
        release=digest_of(version),
        reason="7 of 20 machines failed",
        facts={"failed": 7},
    )


def collected(version: str, release: Digest | None = None) -> ReleaseCollected:
    return ReleaseCollected(
        version=Version.parse(version), release=release or digest_of(version), reason="retention"
    )


def test_mirrors_come_and_go_by_channel_and_release(scene: RuledScene) -> None:
    scene.write(seen("eu"))
    scene.write(seen("us"))
    scene.write(seen("us", "beta", "1.0.0"))
    scene.write(seen("eu", passed=False))
    assert scene.state.mirrors_with("alpha", TWO) == {"us"}
    assert scene.state.mirrors_with("beta", ONE) == {"us"}
    assert scene.state.mirrors_with("beta", TWO) == frozenset()


def test_a_halt_pauses_until_people_lift_it_and_the_count_begins_anew(scene: RuledScene) -> None:
    scene.write(halted())
    stop = scene.state.pause("alpha")
    assert stop is not None
    assert (stop.subject.action, stop.subject.reason) == (StopAction.PAUSE, "7 of 20 machines failed")
    assert stop.digest == scene.state.digest, "it is named by its entry"
    offers = [one for one in scene.state.offers if (one.channel, one.version) == ("alpha", TWO)]
    assert [one.ends is None for one in offers] == [False]
    scene.resume(stop.digest)
    assert scene.state.pause("alpha") is None
    offers = [one for one in scene.state.offers if (one.channel, one.version) == ("alpha", TWO)]
    assert [one.ends is None for one in offers] == [False, True]
    assert offers[1].begins - offers[0].begins > timedelta()


def test_a_collected_release_is_told_with_its_time(scene: RuledScene) -> None:
    scene.register("1.5.0")
    scene.write(collected("1.5.0"))
    assert scene.state.collected == {Version(1, 5, 0): scene.now}


def _old(scene: RuledScene) -> None:
    scene.register("3.0.0")
    scene.write(collected("3.0.0"))


@pytest.mark.parametrize(
    ("before", "content", "told"),
    [
        (None, seen("eu", version="9.0.0"), "not registered"),
        (None, seen("eu", channel="nightly"), "channel 'nightly' is unknown"),
        (None, halted("1.0.0"), "alpha is at 2.0.0, there is no rollout of 1.0.0"),
        (None, halted("9.0.0"), "not registered"),
        (lambda scene: scene.write(halted()), halted(), "stopped already"),
        (None, collected("2.0.0"), "is what alpha offers"),
        (None, collected("1.0.0"), "is what beta offers"),
        (None, collected("9.0.0"), "not registered"),
        (None, collected("2.0.0", digest_of("else")), "not registered"),
        (_old, collected("3.0.0"), "collected already"),
    ],
)
def test_what_cannot_be_so_is_refused(
    scene: RuledScene,
    before: Callable[[RuledScene], State | None] | None,
    content: MirrorVerified | RolloutHalted | ReleaseCollected,
    told: str,
) -> None:
    if before is not None:
        before(scene)
    with pytest.raises(EntryRefusedError, match=told):
        scene.write(content)


def test_nothing_moves_to_what_was_collected(scene: RuledScene) -> None:
    scene.register("3.0.0")
    scene.prove("3.0.0")
    asked = scene.request("3.0.0", "alpha")
    assert scene.decide(asked).allowed
    scene.write(collected("3.0.0"))
    assert scene.unmet(asked) == ("not-collected",)

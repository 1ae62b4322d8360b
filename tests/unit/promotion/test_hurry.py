"""Hurrying skips soak and windows of the calendar, under a quorum of its own, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, RefusedError
from release.promotion.request import Skippable, new_request
from release.promotion.status import Phase
from tests.unit.ledger.fakes import PIPELINE
from tests.unit.promotion.ruled_scene import BETA, DAY, FREEZE, PAUSE, RULES, SECURITY, WITHDRAW, RuledScene
from tests.unit.promotion.scene import ALICE, BOB, CAROL, DORA, ERIN, NO_GO

SOAK, WINDOW = Skippable.SOAK, Skippable.FREEZE
ALWAYS = """
[[freezes]]
name = "holidays"
zone = "UTC"
begins = 2026-01-31T00:00:00
ends = 2026-03-01T00:00:00
channels = ["beta"]
"""


def hurried(scene: RuledScene, *skipped: Skippable, reason: str = "CVE-2026-1") -> Digest:
    return scene.request("2.0.0", "beta", hurry=skipped, reason=reason, incident="https://example.com/7")


def test_soak_is_skipped_with_more_people_and_a_reason() -> None:
    scene = RuledScene()
    asked = hurried(scene, SOAK)
    scene.agree(asked, ALICE, BOB)
    assert scene.unmet(asked) == ("hurry maintainer",)
    scene.agree(asked, CAROL)
    lines = scene.decide(asked).lines()
    assert "hurry maintainer: 3 of 3 (Alice, Bob, Carol)" in lines
    assert any(line.startswith("soak: skipped in a hurry, at 0.") for line in lines)
    state = scene.move(asked)
    told = scene.ledger.read().entries[state.sequence].entry.data["decision"]
    assert [*lines, "mirrors: the policy asks for none"] == [*told], "it is told for ever"


def test_a_window_is_skipped_only_when_that_was_asked() -> None:
    scene = RuledScene(RULES + ALWAYS)
    for skipped, unmet in (((SOAK,), ("calendar",)), ((WINDOW,), ("soak",)), ((SOAK, WINDOW), ())):
        asked = scene.agree(hurried(scene, *skipped), ALICE, BOB, CAROL)
        assert scene.unmet(asked) == unmet
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB, CAROL)
    assert scene.unmet(asked) == ("calendar", "soak"), "nobody hurries without saying so"


def test_gos_for_a_request_without_hurry_are_none_for_one_with() -> None:
    scene = RuledScene()
    slow = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB, CAROL)
    asked = hurried(scene, SOAK)
    assert scene.unmet(slow) == ("soak",)
    assert scene.unmet(asked) == ("hurry maintainer", "quorum maintainer")


def test_the_hurry_quorum_is_besides_the_channels_own() -> None:
    security = BETA.replace('{ role = "maintainer", count = 3 }', '{ role = "security", count = 1 }')
    scene = RuledScene(RULES.replace(BETA, security))
    asked = scene.agree(hurried(scene, SOAK), ERIN, role=SECURITY)
    assert scene.unmet(asked) == ("quorum maintainer",)
    scene.agree(asked, ALICE, role=SECURITY)
    scene.agree(asked, BOB)
    assert scene.unmet(asked) == ("quorum maintainer",), "Alice speaks in one role"
    scene.agree(asked, CAROL)
    assert scene.unmet(asked) == ()


def test_evidence_is_never_skipped() -> None:
    scene = RuledScene()
    scene.prove("2.0.0", passed=False)
    asked = scene.agree(hurried(scene, SOAK, WINDOW), ALICE, BOB, CAROL)
    assert scene.unmet(asked) == ("evidence payload-proven",)


def test_limits_are_never_skipped() -> None:
    scene = RuledScene(RULES.replace("soak = 48", "soak = 48\nlimits = { boot_bytes = 1 }"))
    asked = scene.agree(hurried(scene, SOAK, WINDOW), ALICE, BOB, CAROL)
    assert scene.unmet(asked) == ("limit boot budget",)


def test_payload_signatures_are_never_skipped() -> None:
    scene = RuledScene()
    text = RULES + "\n[signing]\npayload_signatures = 2\n"
    scene.adopt(text)
    asked = scene.agree(hurried(scene, SOAK, WINDOW), ALICE, BOB, CAROL)
    assert scene.unmet(asked) == ("payload signatures",)


def test_what_people_stopped_is_never_skipped() -> None:
    scene = RuledScene()
    asked = scene.agree(hurried(scene, SOAK, WINDOW), ALICE, BOB, CAROL)
    scene.stop(scene.order(FREEZE, "beta"))
    assert scene.unmet(asked) == ("not-frozen",)
    scene.stop(scene.order(PAUSE, "alpha", "2.0.0"))
    scene.stop(scene.order(WITHDRAW, version="2.0.0"))
    assert scene.unmet(asked) == ("not-withdrawn", "not-frozen", "not-paused")


def test_a_veto_is_never_skipped() -> None:
    scene = RuledScene()
    asked = scene.agree(hurried(scene, SOAK), ALICE, BOB, CAROL)
    scene.sign_off(asked, ERIN, NO_GO, SECURITY)
    assert scene.unmet(asked) == ("no-veto",)


def test_who_asks_to_hurry_does_not_count() -> None:
    scene = RuledScene()
    asked = scene.request("2.0.0", "beta", CAROL, hurry=(SOAK,), reason="now")
    scene.agree(asked, ALICE, BOB, CAROL)
    assert scene.unmet(asked) == ("hurry maintainer",)
    scene.agree(asked, DORA)
    assert scene.unmet(asked) == ()


@pytest.mark.parametrize("reason", ["", "  \n "])
def test_a_hurry_needs_a_reason(reason: str) -> None:
    with pytest.raises(InputError, match="expected a reason for the hurry"):
        hurried(RuledScene(), SOAK, reason=reason)


def test_where_the_policy_knows_no_hurry_there_is_none() -> None:
    scene = RuledScene()
    with pytest.raises(RefusedError, match="stable: the policy has no hurry quorum"):
        new_request(
            scene.state,
            scene.policy,
            version=Version(2, 0, 0),
            channel="stable",
            requested_by=DORA.fingerprint,
            now=scene.now,
            reason="now",
            hurry=(SOAK,),
        )
    scene.tick(3 * DAY)
    scene.promote("2.0.0", "beta")
    asked = scene.request("2.0.0", "stable", hurry=(SOAK,), reason="now")
    scene.agree(asked, ALICE, BOB, CAROL)
    assert scene.unmet(asked) == ("hurry",)
    assert scene.status(asked).phase is Phase.VOID


def test_hurry_in_an_open_channel_still_needs_people() -> None:
    text = RULES.replace("open = true", 'open = true\nhurry = [{ role = "security", count = 1 }]')
    scene = RuledScene(text + ALWAYS.replace('"beta"', '"alpha"').replace("01-31", "02-01"))
    scene.register("3.0.0")
    scene.prove("3.0.0")
    scene.tick(timedelta(days=2))
    slow = scene.request("3.0.0", "alpha", PIPELINE)
    assert scene.unmet(slow) == ("calendar",)
    asked = scene.request("3.0.0", "alpha", PIPELINE, hurry=(WINDOW,), reason="now")
    assert scene.unmet(asked) == ("hurry security",)
    scene.agree(asked, ERIN, role=SECURITY)
    assert scene.unmet(asked) == ()

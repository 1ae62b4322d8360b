"""The gate and the people: whose go and no-go count, for what and how long, and who is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from release.catalog.channel import PromotionKind
from release.catalog.version import Version
from release.ledger.kinds import SignOffGiven
from release.promotion.decide import decide
from tests.unit.ledger.fakes import HOUR, PIPELINE, FakeKey
from tests.unit.promotion.scene import (
    ALICE,
    ALICE_SECOND,
    BOB,
    CAROL,
    DORA,
    ERIN,
    MALLORY,
    NO_GO,
    POLICY_TEXT,
    QUORUM,
    Scene,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def with_recorded(scene: Scene, text: str, key: FakeKey) -> None:
    """Record a sign-off that the pipeline's own checks would not take."""
    content = SignOffGiven(statement=text, statement_signature=key.sign(text.encode()))
    scene.ledger.append(lambda _state: content, now=scene.now)


# --- quorum --------------------------------------------------------------------------------------


def test_an_open_channel_asks_nobody(scene: Scene) -> None:
    assert scene.state.heads["alpha"].version == Version(2, 0, 0)


def test_one_go_of_two_is_not_enough_and_the_gate_says_who_could_help(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    decision = scene.decide(asked)
    assert not decision.allowed
    (rule,) = decision.unmet
    assert (rule.name, rule.detail, rule.missing) == (
        QUORUM,
        "1 of 2 (Alice)",
        "1 more go of role maintainer",
    )
    assert rule.who == ("Bob", "Carol")


def test_the_second_go_opens_the_gate(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    decision = scene.decide(asked)
    assert decision.allowed
    assert "quorum maintainer: 2 of 2 (Alice, Bob)" in decision.lines()


def test_a_person_counts_once_even_with_two_keys(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, ALICE_SECOND)
    scene.sign_off(asked, ALICE)
    assert scene.unmet(asked) == (QUORUM,)


def test_who_asked_does_not_count(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta", ALICE)
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, ALICE_SECOND)
    scene.sign_off(asked, BOB)
    (rule,) = scene.decide(asked).unmet
    assert rule.missing == "1 more go of role maintainer (not counted: Alice asked for it or built it)"
    assert rule.who == ("Carol", "Dora")


def test_who_built_it_does_not_count() -> None:
    scene = Scene()
    scene.register("3.0.0", built_by=BOB.fingerprint)
    scene.prove("3.0.0")
    scene.move(scene.request("3.0.0", "alpha"))
    asked = scene.request("3.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    assert scene.unmet(asked) == (QUORUM,)


def test_the_pipeline_never_counts_even_if_the_policy_lists_its_key() -> None:
    scene = Scene(POLICY_TEXT.replace(BOB.fingerprint, PIPELINE.fingerprint))
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, PIPELINE)
    assert scene.unmet(asked) == (QUORUM,)


def test_a_go_in_a_role_not_held_does_not_count(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    with_recorded(scene, scene.said(asked, ERIN).statement(), ERIN)
    (rule,) = scene.decide(asked).unmet
    assert rule.missing is not None
    assert "Erin does not have the role maintainer" in rule.missing


def test_a_go_in_another_role_does_not_count(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, BOB)
    scene.sign_off(asked, ALICE, role="security")
    assert scene.unmet(asked) == (QUORUM,)


def test_somebody_outside_the_policy_does_not_count(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    with_recorded(scene, scene.said(asked, MALLORY).statement(), MALLORY)
    with_recorded(scene, scene.said(asked, MALLORY, NO_GO).statement(), MALLORY)
    assert scene.unmet(asked) == (QUORUM,)


def test_a_go_in_somebody_elses_name_does_not_count(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    with_recorded(scene, scene.said(asked, BOB).statement(), MALLORY)
    with_recorded(scene, scene.said(asked, CAROL).statement(), ALICE)
    assert scene.unmet(asked) == (QUORUM,)


def test_a_go_for_another_request_does_not_count(scene: Scene) -> None:
    first = scene.request("2.0.0", "beta")
    second = scene.request("2.0.0", "beta")
    scene.sign_off(first, ALICE)
    scene.sign_off(first, BOB)
    assert scene.unmet(second) == (QUORUM,)
    replayed = replace(scene.case(second), sign_offs=scene.case(first).sign_offs)
    assert [rule.name for rule in decide(replayed).unmet] == [QUORUM]


def test_a_go_expires_at_its_own_time(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    last = scene.sign_off(asked, BOB, expires_at=scene.now + HOUR)
    assert scene.unmet(asked, last.expires_at - timedelta(microseconds=1)) == ()
    assert scene.unmet(asked, last.expires_at) == (QUORUM,)


def test_a_go_expires_when_the_policy_says_so(scene: Scene) -> None:
    """Whatever the sign-off claims for itself."""
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE, expires_at=scene.now + 9999 * HOUR)
    last = scene.sign_off(asked, BOB, expires_at=scene.now + 9999 * HOUR)
    assert scene.unmet(asked, last.at + timedelta(days=6)) == ()
    assert scene.unmet(asked, last.at + timedelta(days=7)) == (QUORUM,)


def test_a_go_from_the_future_does_not_count_yet(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    early = scene.said(asked, BOB, at=scene.now + HOUR)
    with_recorded(scene, early.statement(), BOB)
    (rule,) = scene.decide(asked).unmet
    assert rule.missing is not None
    assert "Bob forged, by a revoked key, or dated in the future" in rule.missing
    assert scene.unmet(asked, early.at - timedelta(minutes=5)) == ()


def test_of_two_roles_each_needs_its_own_people(scene: Scene) -> None:
    scene.register("1.1.0", "stable", lineage=PromotionKind.REBUILD, derives_from=Version(1, 0, 0))
    scene.prove("1.1.0")
    scene.prove("1.1.0", "mirror-verified")
    asked = scene.request("1.1.0", "stable", PIPELINE)
    for key in (ALICE, BOB, CAROL):
        scene.sign_off(asked, key)
    assert scene.unmet(asked) == ("quorum security",)
    scene.sign_off(asked, ALICE, role="security")
    assert scene.unmet(asked) == (QUORUM,)
    scene.sign_off(asked, DORA)
    assert scene.unmet(asked) == ()


def test_a_quorum_out_of_reach_is_called_so() -> None:
    governance = '[governance]\nquorum = [{ role = "maintainer", count = 2 }]\n'
    scene = Scene(POLICY_TEXT.replace("count = 2", "count = 4") + governance)
    asked = scene.request("2.0.0", "beta")
    (rule,) = scene.decide(asked).unmet
    assert rule.missing == "4 more go of role maintainer, but only 3 others may give one"


# --- veto ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "role"), [(CAROL, "maintainer"), (ERIN, "security"), (DORA, "maintainer")])
def test_anybodys_no_go_in_the_policy_is_a_veto(scene: Scene, key: FakeKey, role: str) -> None:
    asked = scene.request("2.0.0", "beta")
    for voter in (ALICE, BOB, CAROL):
        scene.sign_off(asked, voter)
    scene.sign_off(asked, key, NO_GO, role, reason="boot loop")
    (rule,) = scene.decide(asked).unmet
    assert rule.name == "no-veto"
    assert rule.missing is not None
    assert "boot loop" in rule.missing
    assert rule.who == (key.name.title(),)


def test_a_veto_stands_after_it_expired(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    veto = scene.sign_off(asked, CAROL, NO_GO, expires_at=scene.now + HOUR)
    assert scene.unmet(asked, veto.expires_at + HOUR) == ("no-veto",)


def test_a_veto_is_withdrawn_by_its_author_only(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, CAROL, NO_GO)
    scene.sign_off(asked, BOB)
    assert scene.unmet(asked) == ("no-veto",)
    scene.sign_off(asked, CAROL)
    assert scene.unmet(asked) == ()


def test_a_no_go_takes_the_persons_go_back(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    scene.sign_off(asked, ALICE_SECOND, NO_GO)
    assert scene.unmet(asked) == ("no-veto", QUORUM)


def test_an_older_go_kept_back_does_not_withdraw_a_veto(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    kept = scene.said(asked, CAROL)
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    scene.sign_off(asked, CAROL, NO_GO)
    scene.record_sign_off(kept.statement(), CAROL)
    assert "no-veto" in scene.unmet(asked)


def test_a_go_recorded_before_the_veto_does_not_withdraw_it(scene: Scene) -> None:
    """Not even one dated later, within what clocks may differ."""
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    scene.sign_off(asked, CAROL, at=scene.now + timedelta(minutes=4))
    scene.sign_off(asked, CAROL, NO_GO)
    assert "no-veto" in scene.unmet(asked)


def test_a_veto_in_a_false_name_is_the_signers(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    with_recorded(scene, scene.said(asked, ALICE, NO_GO).statement(), MALLORY)
    assert scene.unmet(asked) == ()
    with_recorded(scene, scene.said(asked, ALICE, NO_GO).statement(), CAROL)
    assert scene.decide(asked).unmet[0].who == ("Carol",)


@pytest.mark.parametrize("verdict", ["go", "no-go", "later"])
def test_a_sign_off_nobody_can_read_counts_as_no_go(scene: Scene, verdict: str) -> None:
    """Nobody can say that it was none."""
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    assert scene.decide(asked).allowed
    scene.unreadable_sign_off(asked, CAROL, verdict)
    assert scene.unmet(asked) == ("no-veto",)
    (rule,) = scene.decide(asked).unmet
    assert rule.who == ("Carol",)
    assert "Carol: sign-off sha256:" in rule.detail


def test_a_sign_off_nobody_can_read_is_mended_by_its_author_only(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    early = scene.said(asked, BOB)
    scene.unreadable_sign_off(asked, BOB)
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, CAROL)
    scene.record_sign_off(early.statement(), BOB)  # made before, kept back
    assert scene.unmet(asked) == ("no-veto",)
    scene.sign_off(asked, BOB)
    assert scene.decide(asked).allowed


def test_what_a_stranger_says_unreadably_is_nothing(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    scene.unreadable_sign_off(asked, MALLORY)
    assert scene.decide(asked).allowed

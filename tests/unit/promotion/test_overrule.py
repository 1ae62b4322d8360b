"""No-gos: taken back by their authors, or set aside by a quorum of their own; later ones stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from release.digests import Digest
from release.ledger.kinds import SignOffGiven
from release.promotion.decide import decide
from release.promotion.sign_off import SignOff, Verdict
from tests.unit.ledger.fakes import HOUR, PIPELINE, FakeKey
from tests.unit.promotion.ruled_scene import BETA, DAY, RULES, SECURITY, RuledScene
from tests.unit.promotion.scene import ALICE, ALICE_SECOND, BOB, CAROL, DORA, ERIN, NO_GO

OVERRULE, WITHDRAW = Verdict.OVERRULE, Verdict.WITHDRAW


@pytest.fixture
def scene() -> RuledScene:
    """Soaked; anybody may ask for beta."""
    scene = RuledScene()
    scene.tick(3 * DAY)
    return scene


@pytest.fixture
def asked(scene: RuledScene) -> Digest:
    """Agreed by Alice and Bob; security may overrule, which is Alice and Erin."""
    return scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)


def overrule(scene: RuledScene, asked: Digest, *keys: FakeKey, role: str = SECURITY) -> None:
    for key in keys:
        scene.sign_off(asked, key, OVERRULE, role, reason="understood and harmless")


def slip(scene: RuledScene, said: SignOff, key: FakeKey) -> None:
    """Record what our proposals would not take, or take late."""
    text = said.statement()
    scene.write(SignOffGiven(statement=text, statement_signature=key.sign(text.encode())))


# --- withdrawn -----------------------------------------------------------------------------------


def test_a_no_go_is_taken_back_without_a_go(scene: RuledScene, asked: Digest) -> None:
    scene.sign_off(asked, CAROL, NO_GO)
    assert scene.unmet(asked) == ("no-veto",)
    scene.sign_off(asked, CAROL, WITHDRAW)
    assert scene.unmet(asked) == ()
    assert "quorum maintainer: 2 of 2 (Alice, Bob)" in scene.decide(asked).lines()


def test_a_go_is_taken_back_and_given_again(scene: RuledScene, asked: Digest) -> None:
    scene.sign_off(asked, BOB, WITHDRAW)
    (rule,) = scene.decide(asked).unmet
    assert rule.name == "quorum maintainer"
    assert rule.missing is not None
    assert "Bob took it back" in rule.missing
    scene.sign_off(asked, BOB)
    assert scene.unmet(asked) == ()


def test_a_no_go_then_withdrawn_then_go(scene: RuledScene, asked: Digest) -> None:
    scene.sign_off(asked, BOB, NO_GO)
    scene.sign_off(asked, BOB, WITHDRAW)
    assert scene.unmet(asked) == ("quorum maintainer",)
    scene.sign_off(asked, BOB)
    assert scene.unmet(asked) == ()
    scene.sign_off(asked, BOB, NO_GO)
    assert scene.unmet(asked) == ("no-veto", "quorum maintainer")


def test_nobody_withdraws_for_another(scene: RuledScene, asked: Digest) -> None:
    scene.sign_off(asked, CAROL, NO_GO)
    scene.sign_off(asked, DORA, WITHDRAW)
    slip(scene, scene.said(asked, CAROL, WITHDRAW), BOB)
    slip(scene, scene.said(asked, CAROL, WITHDRAW, by=BOB.fingerprint), BOB)
    assert "no-veto" in scene.unmet(asked)


def test_a_go_that_was_kept_back_does_not_undo_a_withdrawal(scene: RuledScene) -> None:
    """Bob signed, thought again and withdrew; whoever has the first file hands it in later."""
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE)
    kept = scene.said(asked, BOB)
    scene.sign_off(asked, BOB, WITHDRAW)
    scene.record_sign_off(kept.statement(), BOB)
    assert scene.unmet(asked) == ("quorum maintainer",)


def test_in_the_same_moment_no_is_said_last(scene: RuledScene) -> None:
    """Whatever the order in which the two were handed in."""
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE)
    go = scene.said(asked, BOB)
    scene.sign_off(asked, BOB, WITHDRAW, at=go.at)
    scene.record_sign_off(go.statement(), BOB)
    assert scene.unmet(asked) == ("quorum maintainer",)
    no_go = scene.sign_off(asked, CAROL, NO_GO)
    scene.sign_off(asked, CAROL, at=no_go.at)
    assert "no-veto" in scene.unmet(asked)


@pytest.mark.parametrize("minutes", [-3, 0])
def test_a_withdrawal_counts_although_the_clock_was_put_back_meanwhile(
    scene: RuledScene, minutes: int
) -> None:
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE)
    go = scene.sign_off(asked, BOB)
    slip(scene, scene.said(asked, BOB, WITHDRAW, at=go.at + timedelta(minutes=minutes)), BOB)
    assert scene.unmet(asked) == ("quorum maintainer",)


def test_a_withdrawal_from_the_future_takes_a_go_back_but_no_no_go(scene: RuledScene, asked: Digest) -> None:
    """Whatever closes the gate counts at once."""
    slip(scene, scene.said(asked, BOB, WITHDRAW, at=scene.now + HOUR), BOB)
    assert scene.unmet(asked) == ("quorum maintainer",)
    scene.sign_off(asked, CAROL, NO_GO)
    slip(scene, scene.said(asked, CAROL, WITHDRAW, at=scene.now + HOUR), CAROL)
    assert "no-veto" in scene.unmet(asked)


# --- overruled -----------------------------------------------------------------------------------


def test_a_no_go_is_set_aside_by_the_overrule_quorum(scene: RuledScene, asked: Digest) -> None:
    scene.sign_off(asked, CAROL, NO_GO, reason="boot loop")
    overrule(scene, asked, ERIN)
    (rule,) = scene.decide(asked).unmet
    assert (
        rule.missing
        == "no-go withdrawn by its author (Carol: boot loop), or overruled (1 of 2 security so far)"
    )
    overrule(scene, asked, ALICE)
    assert scene.unmet(asked) == ()
    assert "no-veto: overruled: Carol: boot loop" in scene.decide(asked).lines()


def test_who_was_overruled_does_not_count_as_go(scene: RuledScene) -> None:
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, CAROL)
    scene.sign_off(asked, CAROL, NO_GO)
    overrule(scene, asked, ERIN, ALICE)
    assert scene.unmet(asked) == ("quorum maintainer",)


def test_a_later_no_go_stands(scene: RuledScene, asked: Digest) -> None:
    scene.sign_off(asked, CAROL, NO_GO)
    overrule(scene, asked, ERIN, ALICE)
    scene.sign_off(asked, DORA, NO_GO, reason="and it eats disks")
    (rule,) = scene.decide(asked).unmet
    assert rule.who == ("Dora",)
    overrule(scene, asked, ALICE)
    assert scene.unmet(asked) == ("no-veto",), "Erin spoke before"
    overrule(scene, asked, ERIN)
    assert scene.unmet(asked) == ()


def test_a_no_go_said_again_stands(scene: RuledScene, asked: Digest) -> None:
    scene.sign_off(asked, CAROL, NO_GO)
    overrule(scene, asked, ERIN, ALICE)
    scene.sign_off(asked, CAROL, NO_GO)
    assert scene.unmet(asked) == ("no-veto",)


def test_a_no_go_between_the_two_stands(scene: RuledScene, asked: Digest) -> None:
    scene.sign_off(asked, CAROL, NO_GO)
    overrule(scene, asked, ERIN)
    scene.sign_off(asked, DORA, NO_GO)
    overrule(scene, asked, ALICE)
    (rule,) = scene.decide(asked).unmet
    assert rule.who == ("Dora",)


def test_overruling_can_be_taken_back_and_expires(scene: RuledScene, asked: Digest) -> None:
    scene.sign_off(asked, CAROL, NO_GO)
    overrule(scene, asked, ALICE)
    last = scene.sign_off(asked, ERIN, OVERRULE, SECURITY, expires_at=scene.now + HOUR)
    assert scene.unmet(asked, last.expires_at - timedelta(microseconds=1)) == ()
    assert scene.unmet(asked, last.expires_at) == ("no-veto",)
    scene.sign_off(asked, ERIN, WITHDRAW, SECURITY)
    assert scene.unmet(asked) == ("no-veto",)


def test_overruling_is_no_go(scene: RuledScene) -> None:
    asked = scene.request("2.0.0", "beta")
    overrule(scene, asked, ERIN, ALICE)
    assert scene.unmet(asked) == ("quorum maintainer",)


def test_one_person_overrules_once(scene: RuledScene, asked: Digest) -> None:
    scene.sign_off(asked, CAROL, NO_GO)
    overrule(scene, asked, ALICE, ALICE_SECOND, ALICE)
    assert scene.unmet(asked) == ("no-veto",)


def test_only_the_quorums_role_overrules(scene: RuledScene, asked: Digest) -> None:
    scene.sign_off(asked, CAROL, NO_GO)
    overrule(scene, asked, BOB, DORA, role="maintainer")
    overrule(scene, asked, ERIN)
    slip(scene, scene.said(asked, BOB, OVERRULE, SECURITY), BOB)
    assert scene.unmet(asked) == ("no-veto",)


def test_who_asked_overrules_nobody(scene: RuledScene) -> None:
    asked = scene.agree(scene.request("2.0.0", "beta", ERIN), ALICE, BOB)
    scene.sign_off(asked, CAROL, NO_GO)
    overrule(scene, asked, ERIN, ALICE)
    assert scene.unmet(asked) == ("no-veto",)


def test_without_an_overrule_quorum_only_authors_can() -> None:
    plain = RuledScene(RULES.replace('overrule = [{ role = "security", count = 2 }]\n', ""))
    plain.tick(3 * DAY)
    asked = plain.agree(plain.request("2.0.0", "beta"), ALICE, BOB)
    plain.sign_off(asked, CAROL, NO_GO)
    overrule(plain, asked, ERIN, ALICE)
    (rule,) = plain.decide(asked).unmet
    assert rule.missing == "no-go withdrawn by its author (Carol: no reason given)"


def test_of_a_persons_no_gos_the_newest_gives_the_reason(scene: RuledScene) -> None:
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    scene.sign_off(asked, CAROL, NO_GO)
    scene.sign_off(asked, CAROL, NO_GO, reason="arm64 hangs")
    (rule,) = scene.decide(asked).unmet
    assert "(Carol: arm64 hangs)" in (rule.missing or "")


def test_a_person_overrules_in_one_role() -> None:
    """Two roles are asked for: Alice, who has both, is still one person."""
    both = BETA.replace(
        'overrule = [{ role = "security", count = 2 }]',
        'overrule = [{ role = "security", count = 1 }, { role = "maintainer", count = 1 }]',
    )
    scene = RuledScene(RULES.replace(BETA, both))
    scene.tick(3 * DAY)
    asked = scene.agree(scene.request("2.0.0", "beta", PIPELINE), ALICE, BOB)
    scene.sign_off(asked, CAROL, NO_GO)
    overrule(scene, asked, ALICE)
    overrule(scene, asked, ALICE, role="maintainer")
    assert scene.unmet(asked) == ("no-veto",)
    overrule(scene, asked, ERIN)
    assert scene.unmet(asked) == ()


def test_an_unreadable_sign_off_can_be_overruled_too(scene: RuledScene, asked: Digest) -> None:
    scene.unreadable_sign_off(asked, CAROL)
    overrule(scene, asked, ERIN, ALICE)
    assert scene.unmet(asked) == ()
    scene.unreadable_sign_off(asked, CAROL, "no-go")
    assert scene.unmet(asked) == ("no-veto",)


def test_an_overruling_of_another_request_is_none(scene: RuledScene, asked: Digest) -> None:
    other = scene.request("2.0.0", "beta")
    scene.sign_off(asked, CAROL, NO_GO)
    overrule(scene, other, ERIN, ALICE)
    assert scene.unmet(asked) == ("no-veto",)
    mixed = (*scene.case(asked).sign_offs, *scene.case(other).sign_offs)
    decision = decide(replace(scene.case(asked), sign_offs=mixed))
    assert [rule.name for rule in decision.unmet] == ["no-veto"]

"""The gate: it opens for what the policy allows and for nothing else, and says what is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from release.catalog.board import Board
from release.catalog.channel import PromotionKind
from release.catalog.version import Version
from release.errors import InputError
from release.ledger.kinds import RequestMade, SignOffGiven
from release.ledger.statements import statement_digest
from release.promotion import decide as gate
from release.promotion.case import GivenSignOff, open_case
from release.promotion.decide import RULES, decide
from release.promotion.policy import read_policy
from release.promotion.proposals import GateClosedError
from tests.unit.ledger.fakes import HOUR, NOW, PIPELINE, FakeKey, digest_of
from tests.unit.promotion.scene import (
    ALICE,
    ALICE_SECOND,
    BOB,
    CAROL,
    DORA,
    ERIN,
    GO,
    MALLORY,
    NO_GO,
    POLICY_TEXT,
    Scene,
)

QUORUM = "quorum maintainer"


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
    assert "Bob forged, or dated in the future" in rule.missing
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
    scene = Scene(POLICY_TEXT.replace("count = 2", "count = 4"))
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


# --- request -------------------------------------------------------------------------------------


def signed_by_all(scene: Scene, changes: dict[str, Any]) -> tuple[str, ...]:
    """What the gate says to a request with these changes that everybody agrees to."""
    asked = replace(scene.asked("2.0.0", "beta"), **changes)
    case = scene.case(scene.request("2.0.0", "beta"))
    gos = tuple(
        GivenSignOff(sign_off=scene.said(asked.digest, key), signer=key.fingerprint, sequence=50)
        for key in (ALICE, BOB, CAROL)
    )
    case = replace(case, digest=asked.digest, request=asked, sign_offs=gos, now=scene.now)
    return tuple(rule.name for rule in decide(case).unmet)


@pytest.mark.parametrize(
    ("changes", "unmet"),
    [
        ({}, ()),
        ({"product": "other"}, ("policy",)),
        ({"policy": digest_of("other")}, ("policy",)),
        ({"requested_by": ALICE.fingerprint}, ("requester",)),
        ({"requested_by": MALLORY.fingerprint}, ("requester",)),
        ({"generation": 0}, ("unmoved",)),
        ({"generation": 2}, ("unmoved",)),
        ({"release": digest_of("other")}, ("release", "source", "evidence payload-proven")),
        ({"version": Version(9, 0, 0)}, ("release", "source")),
        ({"version": Version(1, 0, 0)}, ("release", "upwards", "source")),
        ({"boards": (Board("amd64"), Board("arm64"))}, ("release",)),
        ({"from_channel": None}, ("source",)),
        ({"from_channel": "stable"}, ("source",)),
        ({"channel": "lts"}, ("channel",)),
        ({"requested_at": NOW - HOUR, "expires_at": NOW}, ("request-valid",)),
    ],
)
def test_every_frozen_field_matters(scene: Scene, changes: dict[str, Any], unmet: tuple[str, ...]) -> None:
    assert signed_by_all(scene, changes) == unmet


def test_a_request_by_a_stranger_goes_nowhere(scene: Scene) -> None:
    text = scene.asked("2.0.0", "beta", MALLORY).statement()
    content = RequestMade(statement=text, statement_signature=MALLORY.sign(text.encode()))
    scene.ledger.append(lambda _state: content, now=scene.now)
    assert "requester" in scene.unmet(statement_digest(text))


def test_a_request_lives_no_longer_than_the_policy_says(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta", expires_at=scene.now + 9999 * HOUR)
    made = scene.case(asked).request.requested_at
    assert "request-valid" not in scene.unmet(asked, made + timedelta(days=14, seconds=-1))
    assert "request-valid" in scene.unmet(asked, made + timedelta(days=14))


def test_a_request_from_the_future_waits(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta", requested_at=scene.now + HOUR)
    assert "request-valid" in scene.unmet(asked)
    assert "request-valid" not in scene.unmet(asked, scene.now + HOUR)


def test_once_the_head_moved_other_requests_are_void(scene: Scene) -> None:
    late = scene.request("2.0.0", "beta")
    asked = scene.request("2.0.0", "beta", ERIN)
    for request in (late, asked):
        scene.sign_off(request, ALICE)
        scene.sign_off(request, BOB)
    scene.move(asked)
    assert scene.unmet(late) == ("unmoved", "upwards")
    assert scene.unmet(asked) == ("unmoved", "upwards")


def test_another_policy_than_the_one_in_force_opens_nothing(scene: Scene) -> None:
    """Lowering the quorum in one's own copy of the file."""
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    lower = read_policy(POLICY_TEXT.replace("count = 2", "count = 1").encode())
    decision = decide(open_case(scene.state, asked, lower, scene.now))
    assert [rule.name for rule in decision.unmet] == ["policy-read"]


@pytest.mark.parametrize("passed", [None, False])
def test_evidence_unknown_or_failed_is_not_passed(scene: Scene, passed: bool | None) -> None:
    scene.register("3.0.0")
    scene.prove("3.0.0")
    scene.move(scene.request("3.0.0", "alpha"))
    if passed is None:
        state = replace(scene.state, evidence={})
    else:
        scene.prove("3.0.0", passed=passed)
        state = scene.state
    asked = scene.request("3.0.0", "beta")
    case = replace(scene.case(asked), state=replace(scene.state, evidence=state.evidence))
    (rule,) = [rule for rule in decide(case).unmet if rule.name.startswith("evidence")]
    assert rule.detail == ("unknown" if passed is None else "failed")


def test_evidence_may_be_asked_of_nobody() -> None:
    scene = Scene(POLICY_TEXT.replace("feeds_from = [", "evidence = []\nfeeds_from = [", 1))
    asked = scene.request("2.0.0", "beta")
    assert "evidence: none asked for" in scene.decide(asked).lines()


# --- where a release comes from ------------------------------------------------------------------


def test_same_bits_must_have_been_in_the_channel_before(scene: Scene) -> None:
    scene.register("3.0.0", "beta")
    scene.prove("3.0.0")
    assert "source" in scene.unmet(scene.request("3.0.0", "beta"))


def test_same_bits_may_have_left_the_channel_before(scene: Scene) -> None:
    scene.register("3.0.0")
    scene.prove("3.0.0")
    scene.move(scene.request("3.0.0", "alpha"))
    assert scene.unmet(scene.request("2.0.0", "beta")) == (QUORUM,)


def test_what_was_built_for_another_channel_does_not_enter_here(scene: Scene) -> None:
    scene.register("3.0.0", "beta")
    scene.prove("3.0.0")
    assert scene.unmet(scene.request("3.0.0", "alpha")) == ("built-for",)


def test_what_enters_here_names_no_source(scene: Scene) -> None:
    scene.register("3.0.0")
    scene.prove("3.0.0")
    assert scene.unmet(scene.request("3.0.0", "alpha", from_channel="beta")) == ("source",)


@pytest.mark.parametrize(
    ("built_for", "lineage", "derives_from", "unmet"),
    [
        ("stable", PromotionKind.REBUILD, Version(1, 0, 0), ()),
        ("stable", PromotionKind.REBUILD, Version(2, 0, 0), ("source",)),
        ("stable", PromotionKind.REBUILD, Version(8, 0, 0), ("source",)),
        ("beta", PromotionKind.REBUILD, Version(1, 0, 0), ("built-for",)),
        ("stable", PromotionKind.SAME_BITS, Version(1, 0, 0), ("built-for",)),
        ("stable", PromotionKind.SAME_BITS, None, ("built-for", "source")),
    ],
)
def test_a_rebuild_derives_from_what_the_channel_before_had(
    scene: Scene,
    built_for: str,
    lineage: PromotionKind,
    derives_from: Version | None,
    unmet: tuple[str, ...],
) -> None:
    scene.register("1.2.0", built_for, lineage=lineage, derives_from=derives_from)
    scene.prove("1.2.0")
    scene.prove("1.2.0", "mirror-verified")
    asked = scene.request("1.2.0", "stable", PIPELINE)
    for key in (BOB, CAROL, DORA):
        scene.sign_off(asked, key)
    scene.sign_off(asked, ERIN, role="security")
    assert scene.unmet(asked) == unmet


# --- the gate itself -----------------------------------------------------------------------------


def test_a_rule_that_says_nothing_says_no(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    assert scene.decide(asked).allowed
    monkeypatch.setattr(gate, "RULES", (*RULES, lambda _case, _edge: iter(())))
    assert not scene.decide(asked).allowed


def test_a_request_nobody_recorded_cannot_be_decided(scene: Scene) -> None:
    with pytest.raises(InputError, match="is not in the ledger"):
        scene.case(digest_of("nothing"))


def test_a_request_nobody_can_read_is_never_allowed(scene: Scene) -> None:
    asked = scene.unreadable_request("beta")
    decision = scene.decide(asked)
    assert not decision.allowed
    (rule,) = decision.rules
    assert (rule.name, rule.met) == ("readable", False)
    assert rule.detail == f"request {asked}: more?: Unexpected keyword argument"
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    assert not scene.decide(asked).allowed
    with pytest.raises(GateClosedError, match="void; readable: missing a new request that this humpyard"):
        scene.move(asked)


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


def test_a_case_needs_a_time_zone(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    with pytest.raises(ValueError, match="time zone"):
        scene.case(asked, datetime(2026, 1, 1))  # noqa: DTZ001  the mistake in question


def test_go_is_not_what_an_empty_policy_means(scene: Scene) -> None:
    """With nobody left in the policy nothing goes to a gated channel."""
    asked = scene.request("2.0.0", "beta")
    case = scene.case(asked)
    empty = replace(case, policy=replace(case.policy, people=()))
    assert QUORUM in [rule.name for rule in decide(empty).unmet]
    assert GO == "go"

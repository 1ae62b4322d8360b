"""The gate: it opens for the requests and releases the policy allows and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from release.catalog.board import Board
from release.catalog.channel import PromotionKind
from release.catalog.version import Version
from release.errors import InputError
from release.ledger.entries import CLOCK_SKEW
from release.ledger.kinds import RequestMade
from release.ledger.statements import statement_digest
from release.promotion import decide as gate
from release.promotion.case import GivenSignOff, PromotionCase, open_case
from release.promotion.decide import PROMOTION_RULES, decide
from release.promotion.policy import Edge
from release.promotion.policy_file import read_policy
from release.promotion.proposals import GateClosedError
from release.promotion.rule import RuleResult
from tests.unit.ledger.fakes import HOUR, NOW, PIPELINE, digest_of
from tests.unit.promotion.scene import (
    ALICE,
    BOB,
    CAROL,
    DORA,
    ERIN,
    GO,
    MALLORY,
    POLICY_TEXT,
    QUORUM,
    Scene,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


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
    text = scene.asked("2.0.0", "beta", requested_at=scene.now + HOUR).statement()
    scene.write(RequestMade(statement=text, statement_signature=DORA.sign(text.encode())))
    asked = statement_digest(text)
    begins = scene.case(asked).request.requested_at
    early = begins - CLOCK_SKEW - timedelta(microseconds=1)
    assert "request-valid" in scene.unmet(asked, early)
    assert "request-valid" not in scene.unmet(asked, begins - CLOCK_SKEW)


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

    def silent(_case: PromotionCase, _edge: Edge) -> Iterator[RuleResult]:
        return iter(())

    monkeypatch.setattr(gate, "PROMOTION_RULES", (*PROMOTION_RULES, silent))
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

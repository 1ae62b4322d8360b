"""The gate for any pile of sign-offs: no-go never opens it, and it opens only when enough people said go."""

from __future__ import annotations

import operator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release.ledger.entries import CLOCK_SKEW
from release.promotion.case import Case, GivenSignOff
from release.promotion.decide import decide
from release.promotion.sign_off import SignOff, Verdict
from tests.unit.ledger.fakes import FakeKey
from tests.unit.promotion.scene import (
    ALICE,
    ALICE_SECOND,
    BOB,
    CAROL,
    DORA,
    ERIN,
    MALLORY,
    POLICY_TEXT,
    Scene,
)

QUICK = settings(
    max_examples=300, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
KEYS = (ALICE, ALICE_SECOND, BOB, CAROL, DORA, ERIN, MALLORY)
MAINTAINERS = {ALICE: "Alice", ALICE_SECOND: "Alice", BOB: "Bob", CAROL: "Carol"}
"""Without Dora, who asked."""


def _base() -> Case:
    quorum = 'quorum = [{ role = "maintainer", count = 2 }]'
    scene = Scene(POLICY_TEXT.replace(quorum, f"{quorum}\noverrule{quorum.removeprefix('quorum')}"))
    return scene.case(scene.request("2.0.0", "beta", DORA), scene.now + timedelta(hours=10))


BASE = _base()


def _said(key: FakeKey, verdict: Verdict = Verdict.GO, sequence: int = 10) -> GivenSignOff:
    at = BASE.now - timedelta(hours=1)
    sign_off = SignOff(
        request=BASE.digest,
        verdict=verdict,
        role="maintainer",
        by=key.fingerprint,
        at=at,
        expires_at=at + timedelta(hours=99),
    )
    return GivenSignOff(sign_off=sign_off, signer=key.fingerprint, sequence=sequence)


@st.composite
def sign_offs(draw: st.DrawFn, verdicts: tuple[Verdict, ...] = (*Verdict, Verdict.GO)) -> GivenSignOff:
    """Mostly in order, sometimes in a false name, for another request, in another role, out of time."""
    key = draw(st.sampled_from(KEYS))
    given_ = _said(key, draw(st.sampled_from(verdicts)), draw(st.integers(10, 30)))
    at = BASE.now + timedelta(minutes=draw(st.integers(-600, 20)))
    changes: dict[str, Any] = {"at": at, "expires_at": at + timedelta(hours=99)}
    match draw(st.integers(0, 9)):
        case 0:
            changes["by"] = draw(st.sampled_from(KEYS)).fingerprint
        case 1:
            changes["request"] = BASE.state.digest
        case 2:
            changes["role"] = "security"
        case 3:
            changes["expires_at"] = at + timedelta(minutes=1)
        case _:
            pass
    return replace(given_, sign_off=replace(given_.sign_off, **changes))


agreed = st.sampled_from(([], [_said(ALICE)], [_said(ALICE), _said(BOB)]))
piles = st.builds(operator.add, agreed, st.lists(sign_offs(), max_size=6))


def allowed(pile: list[GivenSignOff]) -> bool:
    return decide(replace(BASE, sign_offs=tuple(pile))).allowed


@QUICK
@given(piles, sign_offs(verdicts=(Verdict.NO_GO,)), st.integers(0, 8))
def test_adding_a_no_go_never_opens_the_gate(
    pile: list[GivenSignOff], no_go: GivenSignOff, place: int
) -> None:
    assert allowed(pile) or not allowed([*pile[:place], no_go, *pile[place:]])


@QUICK
@given(piles, sign_offs())
def test_what_strangers_say_changes_nothing(pile: list[GivenSignOff], given_: GivenSignOff) -> None:
    assert allowed([*pile, replace(given_, signer=MALLORY.fingerprint)]) == allowed(pile)


@QUICK
@given(piles)
def test_only_the_recorded_order_matters(pile: list[GivenSignOff]) -> None:
    numbered = [replace(one, sequence=10 + index) for index, one in enumerate(pile)]
    assert allowed(numbered) == allowed(numbered[::-1])


def _may_count(given_: GivenSignOff, key: FakeKey) -> bool:
    said = given_.sign_off
    return (
        given_.signer == said.by == key.fingerprint
        and said.request == BASE.digest
        and (said.verdict, said.role) == (Verdict.GO, "maintainer")
        and said.at <= BASE.now + CLOCK_SKEW
        and BASE.now < said.expires_at
    )


def test_both_answers_are_within_reach() -> None:
    assert allowed([_said(ALICE), _said(BOB)])
    assert not allowed([_said(ALICE), _said(BOB), _said(CAROL, Verdict.NO_GO)])


@QUICK
@given(piles)
def test_it_opens_only_when_two_people_said_go(pile: list[GivenSignOff]) -> None:
    people = {name for key, name in MAINTAINERS.items() if any(_may_count(one, key) for one in pile)}
    if allowed(pile):
        assert len(people) >= 2


@QUICK
@given(st.lists(sign_offs(verdicts=(Verdict.GO,)), max_size=6))
def test_time_closes_the_gate_for_good(pile: list[GivenSignOff]) -> None:
    """Long after everything expired nothing is allowed, whatever was said."""
    late = replace(BASE, sign_offs=tuple(pile), now=BASE.now + timedelta(days=13))
    assert not decide(late).allowed


@QUICK
@given(piles)
def test_the_answer_is_yes_exactly_when_no_rule_says_no(pile: list[GivenSignOff]) -> None:
    decision = decide(replace(BASE, sign_offs=tuple(pile)))
    assert decision.allowed == (not decision.unmet)
    assert all((rule.missing is None) == rule.met for rule in decision.rules)

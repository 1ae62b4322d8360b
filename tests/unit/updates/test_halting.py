"""When a rollout stops by itself, and after how many machines at the latest."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.promotion.delivery import HaltRules
from release.updates.counts import RolloutCounts
from release.updates.halting import HaltCause, chance_to_miss, errors_to_halt, judge, machines_to_halt

RULES = HaltRules(
    error_share=Decimal("0.05"),
    error_minimum=20,
    silence_share=Decimal("0.3"),
    silence_after=timedelta(hours=12),
    silence_minimum=50,
)
COUNTS = st.integers(0, 10_000)


def test_a_rollout_halts_when_the_share_of_failures_is_reached() -> None:
    verdict = judge(RULES, RolloutCounts(offered=100, succeeded=30, failed=5))
    assert (verdict.cause, verdict.bad, verdict.of) == (HaltCause.ERRORS, 5, 100)
    assert verdict.text == "5 of 100 machines failed, 35 have reported: 5.0 %, where the policy halts at 5 %"
    assert not judge(RULES, RolloutCounts(offered=101, succeeded=96, failed=5)).halts


def test_failures_that_come_before_successes_do_not_halt_what_most_may_still_survive() -> None:
    """A thousand machines are offered it at once: 1 % fail within minutes, and nobody has rebooted yet."""
    assert not judge(RULES, RolloutCounts(offered=1000, failed=10, succeeded=12, installed=700)).halts
    assert not judge(RULES, RolloutCounts(offered=1000, failed=49, succeeded=1)).halts
    assert judge(RULES, RolloutCounts(offered=1000, failed=50)).halts


def test_silent_machines_do_not_make_failures_look_rare() -> None:
    lenient = replace(RULES, silence_share=None)
    counts = RolloutCounts(offered=200, succeeded=95, failed=5, due=200, silent=100)
    assert judge(lenient, counts).halts


def test_a_rollout_halts_when_the_share_of_silent_machines_is_reached() -> None:
    verdict = judge(RULES, RolloutCounts(offered=200, succeeded=70, due=100, silent=30))
    assert (verdict.cause, verdict.bad, verdict.of) == (HaltCause.SILENCE, 30, 100)
    assert "30 of 100 machines said nothing for 12:00:00 after the offer" in verdict.text
    assert not judge(RULES, RolloutCounts(offered=200, succeeded=71, due=100, silent=29)).halts


@given(st.integers(0, 19), st.integers(0, 49))
def test_nothing_halts_below_the_minimum(failed: int, silent: int) -> None:
    assert not judge(RULES, RolloutCounts(offered=60, failed=failed, due=silent, silent=silent)).halts


@given(COUNTS, COUNTS)
def test_rules_that_ask_for_nothing_never_halt(failed: int, silent: int) -> None:
    counts = RolloutCounts(offered=20_000, failed=failed, due=silent, silent=silent)
    assert not judge(HaltRules(), counts).halts
    assert errors_to_halt(HaltRules(), failed) is None


@given(
    st.integers(1, 100).map(lambda percent: Decimal(percent) / 100),
    st.integers(1, 200),
    st.integers(0, 500),
    st.integers(0, 500),
    COUNTS,
)
def test_it_halts_from_the_stated_number_of_failures_on(
    share: Decimal, minimum: int, succeeded: int, waiting: int, failed: int
) -> None:
    rules = HaltRules(error_share=share, error_minimum=minimum)
    bound = errors_to_halt(rules, succeeded, waiting)
    counts = RolloutCounts(offered=succeeded + waiting + failed, succeeded=succeeded, failed=failed)
    assert judge(rules, counts).halts == (bound is not None and failed >= bound)


@pytest.mark.parametrize("failing", [0.08, 0.12, 0.5, 1.0])
def test_a_bad_release_is_stopped_within_the_stated_number_of_machines(failing: float) -> None:
    """The stated risk is one in a thousand; 500 releases with a fixed seed are all stopped in time."""
    bound = machines_to_halt(Decimal("0.05"), 20, failing, 0.001)
    assert bound is not None
    for seed in range(500):
        assert _machines_until_halt(failing, bound, random.Random(seed)) <= bound  # noqa: S311 - test data


def test_the_bounds_are_what_the_documentation_says() -> None:
    found = [machines_to_halt(Decimal("0.05"), 20, failing, 1e-6) for failing in (0.08, 0.12, 0.25, 0.5, 1.0)]
    assert found == [1630, 404, 84, 25, 20]


@pytest.mark.parametrize("failing", [0.0, 0.03, 0.05])
def test_there_is_no_bound_for_what_the_rules_allow(failing: float) -> None:
    assert machines_to_halt(Decimal("0.05"), 20, failing, 0.001) is None


@pytest.mark.parametrize(("told", "of"), [(100, 100), (80, 100), (50, 100), (300, 500)])
def test_the_chance_to_miss_a_bad_release_is_that_of_drawing_too_few(told: int, of: int) -> None:
    """Compared with 4,000 draws with a fixed seed, within 5 deviations."""
    chance = random.Random(told)  # noqa: S311 - test data
    missed = sum(sum(chance.random() < 0.08 for _ in range(told)) < 0.05 * of for _ in range(4000))
    expected = chance_to_miss(Decimal("0.05"), 0.08, told, of)
    assert abs(missed / 4000 - expected) < 5 * (0.25 / 4000) ** 0.5


def _machines_until_halt(failing: float, limit: int, chance: random.Random) -> int:
    failed = 0
    for machines in range(1, limit + 1):
        failed += chance.random() < failing
        if judge(RULES, RolloutCounts(offered=machines, succeeded=machines - failed, failed=failed)).halts:
            return machines
    return limit + 1

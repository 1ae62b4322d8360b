"""Evidence with facts: comparisons with both baselines, limits, signatures. Unknown is no."""

from __future__ import annotations

import pytest

from release.catalog.channel import PromotionKind
from release.catalog.version import Version
from release.digests import Digest
from release.promotion.evidence_names import (
    BOOT_BYTES,
    COMPARISON,
    DELTA_PERMILLE,
    DOWNGRADE,
    DOWNGRADES,
    FEWEST_KEYS,
    FULL_GROWTH_PERMILLE,
    IMAGE_GROWTH_PERMILLE,
    PAYLOAD_SIGNATURES,
    SIZES,
)
from tests.unit.promotion.ruled_scene import RULES, RuledScene
from tests.unit.promotion.scene import ALICE, BOB

ONE = Version(1, 0, 0)


def limited(text: str) -> RuledScene:
    """2.0.0 is in alpha; beta, which has these lines, is at 1.0.0, and alpha was before."""
    return RuledScene(RULES.replace("soak = 48", text))


def asked(scene: RuledScene, version: str = "2.0.0") -> Digest:
    return scene.agree(scene.request(version, "beta"), ALICE, BOB)


def detail(scene: RuledScene, request: Digest, name: str) -> str:
    (rule,) = [rule for rule in scene.decide(request).rules if rule.name == name]
    return rule.detail


# --- comparisons ---------------------------------------------------------------------------------

COMPARED = 'evidence = ["payload-proven", "comparison"]'


def test_a_comparison_with_the_head_is_asked_for() -> None:
    scene = limited(COMPARED)
    request = asked(scene)
    assert scene.unmet(request) == ("evidence comparison@1.0.0",)
    scene.found("2.0.0", COMPARISON)
    assert scene.unmet(request) == ("evidence comparison@1.0.0",), "with nothing is not with this"
    scene.found("2.0.0", COMPARISON, against=Version(1, 5, 0))
    assert scene.unmet(request) == ("evidence comparison@1.0.0",), "nor with another"
    scene.found("1.0.0", COMPARISON, against=ONE)
    assert scene.unmet(request) == ("evidence comparison@1.0.0",), "nor of another"
    scene.found("2.0.0", COMPARISON, against=ONE)
    assert scene.unmet(request) == ()
    scene.found("2.0.0", COMPARISON, against=ONE, passed=False)
    assert scene.unmet(request) == ("evidence comparison@1.0.0",), "the latest counts"


def test_both_baselines_are_asked_for() -> None:
    """What beta has is older than what alpha had before: machines and content come different ways."""
    scene = limited(COMPARED)
    scene.enter("3.0.0")
    request = asked(scene, "3.0.0")
    both = ("evidence comparison@1.0.0", "evidence comparison@2.0.0")
    assert scene.unmet(request) == both
    scene.found("3.0.0", COMPARISON, against=Version(2, 0, 0))
    assert scene.unmet(request) == both[:1]
    scene.found("3.0.0", COMPARISON, against=ONE)
    assert scene.unmet(request) == ()


def test_a_rebuild_is_compared_with_what_it_derives_from() -> None:
    scene = limited(f'kind = "rebuild"\n{COMPARED}')
    scene.register("2.1.0", "beta", lineage=PromotionKind.REBUILD, derives_from=Version(2, 0, 0))
    scene.prove("2.1.0")
    assert scene.unmet(asked(scene, "2.1.0")) == ("evidence comparison@1.0.0", "evidence comparison@2.0.0")


def test_where_there_is_nothing_to_compare_with_nothing_is_compared() -> None:
    text = RULES.replace("soak = 48", "").replace(
        'feeds_from = ["beta"]',
        'feeds_from = ["alpha"]\nevidence = ["comparison"]\nlimits = { downgrades = 0 }',
    )
    scene = RuledScene(text.replace("open = true", "open = true", 1))
    request = scene.agree(scene.request("1.0.0", "stable"), ALICE, BOB)
    assert scene.unmet(request) == ()
    assert "evidence comparison: nothing to compare with" in scene.decide(request).lines()
    assert "limits: nothing to compare with" in scene.decide(request).lines()


# --- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "met"),
    [
        (None, False),
        ({}, False),
        ({IMAGE_GROWTH_PERMILLE: 0}, False),
        ({FULL_GROWTH_PERMILLE: 0}, False),
        ({IMAGE_GROWTH_PERMILLE: 0, FULL_GROWTH_PERMILLE: 50}, True),
        ({IMAGE_GROWTH_PERMILLE: 0, FULL_GROWTH_PERMILLE: 51}, False),
        ({IMAGE_GROWTH_PERMILLE: 51, FULL_GROWTH_PERMILLE: -90}, False),
        ({IMAGE_GROWTH_PERMILLE: -10, FULL_GROWTH_PERMILLE: -10}, True),
    ],
)
def test_growth_is_limited_by_what_grew_most(facts: dict[str, int] | None, met: bool) -> None:
    scene = limited("limits = { image_growth_percent = 5 }")
    if facts is not None:
        scene.found("2.0.0", COMPARISON, against=ONE, facts=facts)
    assert scene.unmet(asked(scene)) == (() if met else ("limit growth",))


def test_a_limit_says_what_it_found_and_what_is_unknown() -> None:
    scene = limited("limits = { image_growth_percent = 5 }")
    request = asked(scene)
    assert detail(scene, request, "limit growth") == (
        f"unknown: no {IMAGE_GROWTH_PERMILLE}, {FULL_GROWTH_PERMILLE} in comparison@1.0.0"
    )
    facts = {IMAGE_GROWTH_PERMILLE: 0, FULL_GROWTH_PERMILLE: 1234}
    scene.found("2.0.0", COMPARISON, against=ONE, facts=facts)
    assert detail(scene, request, "limit growth") == "1,234 of at most 50 permille"


@pytest.mark.parametrize(("value", "met"), [(None, False), (600, True), (601, False), (1000, False)])
def test_the_delta_is_limited(value: int | None, met: bool) -> None:
    scene = limited("limits = { delta_percent = 60 }")
    facts = {} if value is None else {DELTA_PERMILLE: value}
    scene.found("2.0.0", COMPARISON, against=ONE, facts=facts)
    assert scene.unmet(asked(scene)) == (() if met else ("limit delta",))


@pytest.mark.parametrize(("value", "met"), [(None, False), (100, True), (101, False), (0, True)])
def test_the_boot_budget_is_limited(value: int | None, met: bool) -> None:
    scene = limited("limits = { boot_bytes = 100 }")
    if value is not None:
        scene.found("2.0.0", SIZES, facts={BOOT_BYTES: value})
    assert scene.unmet(asked(scene)) == (() if met else ("limit boot budget",))


@pytest.mark.parametrize(
    ("facts", "failed", "met"),
    [
        ({}, (), False),
        ({DOWNGRADES: 1}, (), True),
        ({DOWNGRADES: 2}, (), False),
        ({DOWNGRADES: 0}, (f"{DOWNGRADE}a 2 to 1", f"{DOWNGRADE}b 2 to 1"), False),
    ],
)
def test_downgrades_are_limited(facts: dict[str, int], failed: tuple[str, ...], met: bool) -> None:
    scene = limited("limits = { downgrades = 1 }")
    scene.found("2.0.0", COMPARISON, against=ONE, facts=facts, failed=failed)
    assert scene.unmet(asked(scene)) == (() if met else ("limit downgrades",))


def test_facts_against_another_baseline_meet_no_limit() -> None:
    scene = limited("limits = { downgrades = 1 }")
    scene.found("2.0.0", COMPARISON, against=Version(1, 5, 0), facts={DOWNGRADES: 0})
    assert scene.unmet(asked(scene)) == ("limit downgrades",)


def test_without_limits_none_is_asked_for() -> None:
    scene = limited("")
    lines = scene.decide(asked(scene)).lines()
    assert [line for line in lines if line.startswith("limit")] == ["limits: none asked for"]


# --- signatures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "met"), [(None, False), ({}, False), ({FEWEST_KEYS: 1}, False), ({FEWEST_KEYS: 2}, True)]
)
def test_enough_keys_signed_every_payload(facts: dict[str, int] | None, met: bool) -> None:
    scene = limited("")
    scene.adopt(RULES.replace("soak = 48", "") + "\n[signing]\npayload_signatures = 2\n")
    if facts is not None:
        scene.found("2.0.0", PAYLOAD_SIGNATURES, facts=facts)
    assert scene.unmet(asked(scene)) == (() if met else ("payload signatures",))


def test_one_signature_is_no_evidence_of_its_own() -> None:
    """Publishing refuses a payload that the configured keys have not signed."""
    scene = limited("")
    assert detail(scene, asked(scene), "payload signatures") == "one asked for"

"""Rules about what was found: evidence, waivers, limits. Unknown is not passed. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from release.catalog.version import Version
from release.ledger.kinds import ReleaseRegistered
from release.ledger.state import EvidenceRecord, evidence_key
from release.promotion.baselines import Baselines, baselines
from release.promotion.case import PromotionCase
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
from release.promotion.policy import Edge, Limits
from release.promotion.rule import RuleResult, result
from release.promotion.waiver import GivenWaiver, waived, waivers_for


def evidence(case: PromotionCase, edge: Edge) -> Iterator[RuleResult]:
    """Every check that the policy asks for has passed, or somebody answers for all that failed."""
    if not edge.evidence:
        yield RuleResult(name="evidence", met=True, detail="none asked for")
    for name in edge.evidence:
        if name == COMPARISON:
            yield from _comparisons(case)
        else:
            yield _passed(case, name, evidence_key(name))


def _comparisons(case: PromotionCase) -> Iterator[RuleResult]:
    """One against each baseline; met at once where there is none."""
    found = case.release
    against = () if found is None else _baselines(case)
    if found is not None and not against:
        yield RuleResult(name=f"evidence {COMPARISON}", met=True, detail="nothing to compare with")
    if found is None:
        yield result(f"evidence {COMPARISON}", False, "release unknown", "a registered release")
    for version in against:
        yield _passed(case, COMPARISON, evidence_key(COMPARISON, version))


def _baselines(case: PromotionCase) -> tuple[Version, ...]:
    if case.release is None:
        return ()
    return _baselines_of(case, case.release).versions


def _baselines_of(case: PromotionCase, release: ReleaseRegistered) -> Baselines:
    return baselines(case.state, release, case.request.channel, case.request.from_channel)


def _known(case: PromotionCase, key: str) -> EvidenceRecord | None:
    return case.state.evidence.get(case.request.release, {}).get(key)


def _passed(case: PromotionCase, name: str, key: str) -> RuleResult:
    found = _known(case, key)
    missing = f"{key} passed for {case.request.release}"
    if found is None:
        return result(f"evidence {key}", False, "unknown", missing)
    if found.passed:
        return result(f"evidence {key}", True, f"passed {found.detail}".strip(), missing)
    given = _answers(case, name)
    failures = [item for item in found.failed if not item.startswith(DOWNGRADE)]
    open_failures = [item for item in failures if item not in waived(given)]
    if failures and not open_failures:
        names = ", ".join(dict.fromkeys(one.person.name for one in given))
        return result(f"evidence {key}", True, f"failed, waived by {names}: {found.detail}", missing)
    if open_failures:
        missing += f", or a waiver for {', '.join(open_failures[:5])}" + (
            " and more" if open_failures[5:] else ""
        )
    return result(f"evidence {key}", False, f"failed {found.detail}".strip(), missing, _waivers(case))


def _answers(case: PromotionCase, name: str) -> tuple[GivenWaiver, ...]:
    """The waivers that count here. Who asked or built answers for nothing, as their go counts for nothing."""
    given = waivers_for(case.state, case.policy, case.request.release, name, case.now)
    return tuple(one for one in given if case.interested.isdisjoint(one.person.fingerprints))


def _waivers(case: PromotionCase) -> tuple[str, ...]:
    """Who could give a waiver."""
    roles = set(case.policy.waiver_roles)
    return tuple(
        person.name
        for person in case.policy.people
        if roles.intersection(person.roles) and case.interested.isdisjoint(person.fingerprints)
    )


def limits(case: PromotionCase, edge: Edge) -> Iterator[RuleResult]:
    """The release is within what the policy allows it, compared with what machines of the channel have."""
    wanted = edge.limits
    if wanted == Limits():
        yield result("limits", True, "none asked for", "")
        return
    if wanted.boot_bytes is not None:
        yield _within(case, "boot budget", SIZES, (BOOT_BYTES,), most=wanted.boot_bytes, unit="bytes")
    head = None if case.release is None else _baselines_of(case, case.release).head
    if head is None:
        yield result("limits", True, "nothing to compare with", "")
        return
    key = evidence_key(COMPARISON, head)
    if wanted.image_growth_percent is not None:
        facts = (IMAGE_GROWTH_PERMILLE, FULL_GROWTH_PERMILLE)
        yield _within(case, "growth", key, facts, most=wanted.image_growth_percent * 10, unit="permille")
    if wanted.delta_percent is not None:
        yield _within(
            case, "delta", key, (DELTA_PERMILLE,), most=wanted.delta_percent * 10, unit="permille of full"
        )
    if wanted.downgrades is not None:
        yield _downgrades(case, key, wanted.downgrades)


def _within(
    case: PromotionCase, name: str, key: str, facts: tuple[str, ...], *, most: int, unit: str
) -> RuleResult:
    found = _known(case, key)
    values = [] if found is None else [found.facts[fact] for fact in facts if fact in found.facts]
    known = len(values) == len(facts)
    return result(
        f"limit {name}",
        known and max(values) <= most,
        f"{max(values):,} of at most {most:,} {unit}"
        if known
        else f"unknown: no {', '.join(facts)} in {key}",
        f"at most {most:,} {unit}",
    )


def _downgrades(case: PromotionCase, key: str, most: int) -> RuleResult:
    """Downgrades that nobody answers for, one by one, as the evidence names them."""
    found = _known(case, key)
    if found is None or DOWNGRADES not in found.facts:
        return result("limit downgrades", False, f"unknown: no {DOWNGRADES} in {key}", f"{key} recorded")
    given = _answers(case, COMPARISON)
    named = {item for item in found.failed if item.startswith(DOWNGRADE)}
    answered = len(named & waived(given))
    left = max(found.facts[DOWNGRADES], len(named)) - answered
    return result(
        "limit downgrades",
        left <= most,
        f"{found.facts[DOWNGRADES]}, {answered} of them waived, at most {most}",
        f"at most {most} downgrades without a waiver",
        _waivers(case),
    )


def signatures(case: PromotionCase, _edge: Edge) -> Iterator[RuleResult]:
    """Enough distinct trusted keys signed every payload."""
    needed = case.policy.signing.payload_signatures
    if needed <= 1:  # publishing refuses a payload that any of the configured keys has not signed
        yield result("payload signatures", True, "one asked for", "")
        return
    found = _known(case, evidence_key(PAYLOAD_SIGNATURES))
    keys = None if found is None else found.facts.get(FEWEST_KEYS)
    yield result(
        "payload signatures",
        keys is not None and keys >= needed,
        "unknown" if keys is None else f"{keys} of {needed} keys",
        f"payloads signed by {needed} keys",
    )

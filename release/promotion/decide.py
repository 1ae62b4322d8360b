"""The gate: whether a request may be carried out, and if not, what is missing and who can provide it.

One pure function for everybody who asks: command line, pages, flows, the audit, and again at the moment
the entry is written. A rule is a function from case to results; a new one is a line in the tables below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from release.promotion import rules_channel, rules_delivery, rules_evidence, rules_people
from release.promotion.case import Case, PolicyCase, PromotionCase, ResumeCase, UnreadableCase
from release.promotion.policy import Edge, Policy, Terms
from release.promotion.policy_checks import homeless, lockouts
from release.promotion.rule import NEW_REQUEST, RuleResult, one_line, result


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The gate's answer. Allowed means that every rule was asked and met."""

    allowed: bool
    rules: tuple[RuleResult, ...]

    @property
    def unmet(self) -> tuple[RuleResult, ...]:
        """The rules that say no."""
        return tuple(rule for rule in self.rules if not rule.met)

    def lines(self) -> tuple[str, ...]:
        """One line per rule, as the ledger keeps them."""
        return tuple(one_line(f"{rule.name}: {rule.missing or rule.detail}") for rule in self.rules)


MOVE_RULES: tuple[Callable[[PromotionCase, Edge], Iterator[RuleResult]], ...] = (rules_delivery.mirrors,)
"""Asked at the moment of the move alone: meeting them is the pipeline's work, once the others are met."""


def decide_move(case: Case | UnreadableCase) -> Decision:
    """As ``decide``, and whether the pipeline has done its part: asked where the entry is written."""
    decision = decide(case)
    if not isinstance(case, PromotionCase) or case.edge is None:
        return decision
    return _answer(decision.rules, *(_asked(rule, case, case.edge) for rule in MOVE_RULES))


def decide(case: Case | UnreadableCase) -> Decision:
    """Whether the request may be carried out at ``case.now``. Pure; no rule, no move."""
    if isinstance(case, UnreadableCase):
        return _closed(_unreadable(case))
    if isinstance(case, PromotionCase):
        return _promotion(case)
    if isinstance(case, PolicyCase):
        return _answer(_common(case, case.policy.governance), _policy_fits(case), _people(case))
    if isinstance(case, ResumeCase):
        return _answer(_common(case, case.policy.emergency.resume), _stop_stands(case), _people(case))
    raise TypeError(f"no rules for {type(case).__name__}")


PROMOTION_RULES: tuple[Callable[[PromotionCase, Edge], Iterator[RuleResult]], ...] = (
    rules_channel.unmoved,
    rules_channel.release,
    rules_channel.upwards,
    rules_channel.source,
    rules_channel.not_frozen,
    rules_channel.not_paused,
    rules_channel.calendar,
    rules_channel.soak,
    rules_channel.supported,
    rules_delivery.floors,
    rules_evidence.evidence,
    rules_evidence.limits,
    rules_evidence.signatures,
    rules_channel.hurry,
)
"""Every rule is asked, in this order, besides those of all requests; one that says nothing says no."""


def _promotion(case: PromotionCase) -> Decision:
    edge = case.edge
    if edge is None:
        channel = case.request.channel
        missing = f"{NEW_REQUEST} for a channel that has rules"
        return _closed(result("channel", False, f"{channel} has no rules", missing, final=True))
    quorum = rules_people.quorum(case, edge.quorum, is_open=not edge.quorum)
    asked = (_asked(rule, case, edge) for rule in PROMOTION_RULES)
    return _answer(_common(case, edge.terms), *asked, rules_people.no_veto(case), quorum)


def _asked(
    rule: Callable[[PromotionCase, Edge], Iterator[RuleResult]], case: PromotionCase, edge: Edge
) -> tuple[RuleResult, ...]:
    silent = RuleResult(name=rule.__name__, met=False, detail="said nothing", missing="an answer")
    return tuple(rule(case, edge)) or (silent,)


def _common(case: Case, terms: Terms) -> Iterator[RuleResult]:
    yield from rules_people.policy(case)
    yield from rules_people.requester(case)
    yield from rules_people.time(case, terms)


def _people(case: Case) -> Iterator[RuleResult]:
    """Rules for requests that never are open to all."""
    yield result("undone", not case.carried_out, "not carried out yet", NEW_REQUEST, final=True)
    yield from rules_people.no_veto(case)
    yield from rules_people.quorum(case, case.terms.quorum if case.terms else (), is_open=False)


def _policy_fits(case: PolicyCase) -> Iterator[RuleResult]:
    proposed = case.proposed
    digest = case.request.proposed
    if proposed is None or proposed.digest != digest:
        yield result("proposed", False, f"{digest} cannot be read", f"the policy file {digest} in the store")
        return
    faults = [*lockouts(case.policy, proposed), *homeless(case.state, proposed), *_stranded(case, proposed)]
    yield result(
        "proposed",
        not faults,
        "; ".join(faults) or f"can be met, and changed again, by {len(proposed.people)} people",
        f"{NEW_REQUEST} with another policy: {'; '.join(faults)}",
        final=True,
    )


def _stranded(case: PolicyCase, proposed: Policy) -> Iterator[str]:
    """Channels whose machines would have to pass through what is not there."""
    state = case.state
    for head in state.heads.values():
        boards = state.releases[head.version].boards
        for fault in rules_delivery.stranding(state, proposed, head.channel, head.version, boards):
            yield f"floor of {head.channel}: {fault}"


def _stop_stands(case: ResumeCase) -> Iterator[RuleResult]:
    stop = case.stop
    stands = stop is not None and stop.lifted is None
    words = "is unknown" if stop is None else f"{stop}: {stop.subject.reason}"
    yield result("stop", stands, words, f"a stop that stands; {words}", final=True)


def _unreadable(case: UnreadableCase) -> RuleResult:
    return result(
        "readable",
        False,
        case.reason,
        f"{NEW_REQUEST} that this humpyard can read ({case.reason})",
        final=True,
    )


def _answer(*groups: Iterable[RuleResult]) -> Decision:
    rules = tuple(chain(*groups))
    return Decision(allowed=bool(rules) and all(rule.met for rule in rules), rules=rules)


def _closed(rule: RuleResult) -> Decision:
    return Decision(allowed=False, rules=(rule,))

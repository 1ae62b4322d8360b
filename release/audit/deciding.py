"""Decisions asked again: the pure gate, the state before, the policy in force then, the time it was decided.

The fold holds that time to the entry's own, but for one case: where the pipeline's clock was ahead once,
later entries cannot be dated earlier, and say when they were decided. Nobody can check that, so it is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from release.audit.finding import Code, Finding
from release.audit.walking import Folded
from release.digests import Digest
from release.errors import InputError
from release.ledger.entries import CLOCK_SKEW
from release.ledger.fields import format_time
from release.ledger.kinds import PointerMoved, PolicyChanged, StopLifted
from release.promotion.case import Case, PromotionCase, open_case
from release.promotion.policy import Policy
from release.promotion.proposals import GateClosedError, carry_out
from release.promotion.rule import RuleResult, one_line
from release.promotion.voices import voices

Decided = PointerMoved | PolicyChanged | StopLifted


def decision_findings(folded: Folded, policies: Mapping[Digest, Policy]) -> Iterator[Finding]:
    """What is wrong with a decision, or loud about it; nothing for any other entry.

    What the fold refused is a break already, and no gate was asked about it.
    """
    content = folded.content
    if not isinstance(content, Decided) or folded.refused:
        return
    policy = policies.get(folded.before.policy)
    if policy is None:
        yield _unchecked(folded, "the policy that was in force", f"no such: {folded.before.policy}")
        return
    yield from _held_up(folded, content)
    yield from _asked_again(folded, content, policy, policies)
    yield from _loud(folded, content, policy, policies)


def _held_up(folded: Folded, content: Decided) -> Iterator[Finding]:
    recorded = folded.verified.entry.time
    if recorded - content.decided_at > CLOCK_SKEW:
        yield Finding(
            code=Code.DECISION_HELD_UP,
            where=folded.key,
            expected=f"decided when it was recorded, {format_time(recorded)}",
            found=f"decided {format_time(content.decided_at)}, as it says",
            hint="the pipeline's clock was ahead before; or somebody with its key uses what has expired",
        )


def _asked_again(
    folded: Folded, content: Decided, policy: Policy, policies: Mapping[Digest, Policy]
) -> Iterator[Finding]:
    now = content.decided_at
    try:
        derived = carry_out(content.request, policy=policy, now=now, proposed=policies)(folded.before)
    except GateClosedError as error:
        unmet = " | ".join(map(_told, error.decision.unmet))
        yield Finding(
            code=Code.DECISION_NOT_ALLOWED,
            where=folded.key,
            expected=f"every rule of policy {policy.digest.hex[:12]} met at {format_time(now)}",
            found=f"not met: {unmet}",
            hint=folded.hint or "the pipeline recorded what nobody allowed: its key may be in wrong hands",
        )
        return
    except InputError as error:
        yield _unchecked(folded, "the request that was carried out", error.message)
        return
    if not isinstance(derived, Decided):
        yield _unchecked(folded, "a request that was not carried out yet", str(content.request))
    else:
        yield from _compared(folded, content, derived)


def _compared(folded: Folded, content: Decided, derived: Decided) -> Iterator[Finding]:
    said, should = replace(content, decision=()), replace(derived, decision=())
    if said != should:
        yield Finding(
            code=Code.DECISION_DIFFERS,
            where=folded.key,
            expected=f"what was asked for: {_values(should, said)}",
            found=_values(said, should),
            hint=folded.hint or "the pipeline recorded more, or other, than people signed for",
        )
    told, known = ([line.partition(":")[0] for line in one.decision] for one in (content, derived))
    if told != known:
        yield Finding(
            code=Code.DECISION_RETOLD,
            where=folded.key,
            expected=f"the rules {', '.join(known)}",
            found=", ".join(told) or "none",
            hint="another version of humpyard wrote it, or another program",
        )


def _values(one: Decided, other: Decided) -> str:
    names = [name for name in one.__slots__ if getattr(one, name) != getattr(other, name, None)]
    return "; ".join(f"{name} {_text(getattr(one, name))}" for name in names)


def _text(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


def _told(rule: RuleResult) -> str:
    return one_line(f"{rule.name}: {rule.detail}; missing {rule.missing}")


def _unchecked(folded: Folded, expected: str, found: str) -> Finding:
    return Finding(
        code=Code.DECISION_UNCHECKED, where=folded.key, expected=expected, found=found, hint=folded.hint
    )


def _loud(
    folded: Folded, content: Decided, policy: Policy, policies: Mapping[Digest, Policy]
) -> Iterator[Finding]:
    """What was allowed and is told for ever: what was skipped, whose no-go was set aside."""
    if content.request not in folded.before.requests:
        return
    case = open_case(folded.before, content.request, policy, content.decided_at, policies)
    if isinstance(case, PromotionCase) and case.request.hurry:
        yield Finding(
            code=Code.DECISION_HURRIED,
            where=folded.key,
            expected=f"{case.title} after {' and '.join(case.request.hurry)}",
            found=f"skipped in a hurry: {one_line(case.request.reason)}",
        )
    if isinstance(case, Case):
        aside = [voice for voice in voices(case) if voice.overruled is not None]
        if aside:
            yield Finding(
                code=Code.VETO_OVERRULED,
                where=folded.key,
                expected="no no-go",
                found="; ".join(
                    f"{voice.person.name}: {one_line(voice.overruled.reason) or 'no reason given'}"
                    for voice in aside
                    if voice.overruled is not None
                ),
            )

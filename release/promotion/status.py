"""Where a request stands, as people and scripts are shown it. Says what the gate says, nothing of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from release.canonical import Json
from release.ledger.fields import format_time
from release.ledger.statements import PolicySubject, PromotionSubject, ResumeSubject, Subject
from release.promotion.case import Case, UnreadableCase
from release.promotion.decide import Decision, decide
from release.promotion.request import PromotionRequest
from release.promotion.rule import RuleResult


class Phase(StrEnum):
    """What to expect of a request."""

    CARRIED_OUT = "carried-out"
    READY = "ready"
    WAITING = "waiting"
    VOID = "void"
    """Nothing can bring it through any more; only a new request can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStatus:
    """One request: what it asks, where it stands, and every rule's answer."""

    case: Case | UnreadableCase
    decision: Decision
    phase: Phase

    @property
    def summary(self) -> str:
        """One line."""
        asked = f"{self.case.title}: {self.phase}"
        if self.phase in {Phase.CARRIED_OUT, Phase.READY}:
            return asked
        return f"{asked}; " + "; ".join(describe(rule) for rule in self.decision.unmet)

    def as_json(self) -> dict[str, Json]:
        """For scripts. Times are RFC 3339 UTC, digests ``sha256:<hex>``.

        What only a readable request says is null of one that cannot be read.
        """
        request = self.case.request if isinstance(self.case, Case) else None
        return {
            "request": str(self.case.digest),
            "title": self.case.title,
            **_subject_json(self.case.subject),
            "from_channel": request.from_channel if isinstance(request, PromotionRequest) else None,
            "hurry": [*request.hurry] if isinstance(request, PromotionRequest) else [],
            "requested_by": request.requested_by if request else None,
            "requested_at": format_time(request.requested_at) if request else None,
            "expires_at": format_time(request.expires_at) if request else None,
            "reason": request.reason if request else None,
            "phase": self.phase.value,
            "allowed": self.decision.allowed,
            "rules": [rule_json(rule) for rule in self.decision.rules],
        }


_KINDS: dict[type[Subject], str] = {
    PromotionSubject: "promotion",
    PolicySubject: "policy",
    ResumeSubject: "resume",
}


def _subject_json(subject: Subject) -> dict[str, Json]:
    """What is asked for; null where another kind of request has it."""
    promotion = subject if isinstance(subject, PromotionSubject) else None
    return {
        "kind": _KINDS[type(subject)],
        "channel": promotion.channel if promotion else None,
        "version": str(promotion.version) if promotion else None,
        "release": str(promotion.release) if promotion else None,
        "proposed": str(subject.proposed) if isinstance(subject, PolicySubject) else None,
        "stop": str(subject.stop) if isinstance(subject, ResumeSubject) else None,
    }


def describe(rule: RuleResult) -> str:
    """An unmet rule in words: its name, what is missing, who can provide it."""
    who = f" (can be given by {', '.join(rule.who)})" if rule.who else ""
    return f"{rule.name}: missing {rule.missing}{who}"


def status(case: Case | UnreadableCase) -> RequestStatus:
    """Where the case stands at its time."""
    decision = decide(case)
    return RequestStatus(case=case, decision=decision, phase=_phase(case, decision))


def _phase(case: Case | UnreadableCase, decision: Decision) -> Phase:
    if case.carried_out:
        return Phase.CARRIED_OUT
    if decision.allowed:
        return Phase.READY
    return Phase.VOID if any(rule.final for rule in decision.unmet) else Phase.WAITING


def rule_json(rule: RuleResult) -> dict[str, Json]:
    """One rule's answer, for scripts."""
    return {
        "name": rule.name,
        "met": rule.met,
        "detail": rule.detail,
        "missing": rule.missing,
        "who": list(rule.who),
    }

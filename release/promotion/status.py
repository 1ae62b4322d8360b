"""Where a request stands, as people and scripts are shown it. Says what the gate says, nothing of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from release.canonical import Json
from release.ledger.fields import format_time
from release.promotion.case import Case, UnreadableCase
from release.promotion.decide import Decision, RuleResult, decide
from release.promotion.request import PromotionRequest

_FINAL = frozenset({"readable", "policy", "requester", "unmoved", "upwards"})
"""Rules that, once unmet, no later entry can meet for the same request."""


class Phase(StrEnum):
    """What to expect of a request."""

    MOVED = "moved"
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
        request = self.case.request
        asked = f"{request.channel} to {request.version}: {self.phase}"
        if self.phase in {Phase.MOVED, Phase.READY}:
            return asked
        return f"{asked}; " + "; ".join(describe(rule) for rule in self.decision.unmet)

    def as_json(self) -> dict[str, Json]:
        """For scripts. Times are RFC 3339 UTC, digests ``sha256:<hex>``.

        What only a readable request says is null of one that cannot be read.
        """
        request = self.case.request
        return {
            "request": str(self.case.digest),
            "channel": request.channel,
            "version": str(request.version),
            "release": str(request.release),
            **_asked_json(request if isinstance(request, PromotionRequest) else None),
            "phase": self.phase.value,
            "allowed": self.decision.allowed,
            "rules": [_rule_json(rule) for rule in self.decision.rules],
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
    if case.moved:
        return Phase.MOVED
    if decision.allowed:
        return Phase.READY
    expired = isinstance(case, Case) and case.now >= case.request.expires_at
    return Phase.VOID if expired or any(rule.name in _FINAL for rule in decision.unmet) else Phase.WAITING


def _asked_json(request: PromotionRequest | None) -> dict[str, Json]:
    if request is None:
        return dict.fromkeys(("from_channel", "requested_by", "requested_at", "expires_at", "reason"))
    return {
        "from_channel": request.from_channel,
        "requested_by": request.requested_by,
        "requested_at": format_time(request.requested_at),
        "expires_at": format_time(request.expires_at),
        "reason": request.reason,
    }


def _rule_json(rule: RuleResult) -> dict[str, Json]:
    return {
        "name": rule.name,
        "met": rule.met,
        "detail": rule.detail,
        "missing": rule.missing,
        "who": list(rule.who),
    }

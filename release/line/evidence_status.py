"""Everything that is known about a release, and what the policy asks for before it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from release.canonical import Json
from release.catalog.version import Version
from release.digests import Digest
from release.errors import RefusedError
from release.ledger.fields import format_time
from release.ledger.state import EvidenceRecord, State
from release.ledger.statements import PromotionSubject, request_subject
from release.line.report_import import registered_digest
from release.line.yard import Yard
from release.promotion import rules_evidence
from release.promotion.case import PromotionCase
from release.promotion.evidence_names import DOWNGRADE
from release.promotion.policy import Policy
from release.promotion.request import new_request
from release.promotion.rule import RuleResult
from release.promotion.status import rule_json
from release.promotion.waiver import GivenWaiver, waived, waivers_for

_NOBODY = "0" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEvidence:
    """One piece of evidence, the waivers that count for it now, and what of it nobody answers for."""

    key: str
    record: EvidenceRecord
    waivers: tuple[GivenWaiver, ...]

    @property
    def waived(self) -> frozenset[str]:
        """Those of its failures that somebody answers for."""
        return waived(self.waivers).intersection(self.record.failed)

    @property
    def result(self) -> str:
        """One word. Downgrades are for the policy's limit to judge, as in the gate."""
        if self.record.passed:
            return "passed"
        failed = [item for item in self.record.failed if not item.startswith(DOWNGRADE)]
        return "waived" if failed and self.waived.issuperset(failed) else "FAILED"

    def as_json(self) -> dict[str, Json]:
        """For scripts."""
        found = self.record
        return {
            "evidence": self.key,
            "passed": found.passed,
            "detail": found.detail,
            "recorded": format_time(found.recorded),
            "document": None if found.document is None else str(found.document),
            "facts": dict(found.facts),
            "failed": [*found.failed],
            "waivers": [_waiver_json(one) for one in self.waivers],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceStatus:
    """What is known about a release, and by channel what the gate says of it; a text where it cannot go."""

    version: Version
    release: Digest
    known: tuple[KnownEvidence, ...]
    asked: Mapping[str, tuple[RuleResult, ...] | str]

    def as_json(self) -> dict[str, Json]:
        """For scripts. Times are RFC 3339 UTC, digests ``sha256:<hex>``."""
        asked: dict[str, Json] = {
            channel: answer if isinstance(answer, str) else [rule_json(rule) for rule in answer]
            for channel, answer in self.asked.items()
        }
        return {
            "version": str(self.version),
            "release": str(self.release),
            "evidence": [one.as_json() for one in self.known],
            "asked": asked,
        }


def evidence_status(yard: Yard, version: Version, channels: Sequence[str] = ()) -> EvidenceStatus:
    """What is known now, and what ``channels`` ask for; without any, those where it may go next.

    Raises InputError when the release is not registered, or the policy has no such channel.
    """
    state, policy, now = yard.ledger.state(), yard.policy(), yard.clock()
    release = registered_digest(state, version)
    for channel in channels:
        policy.get(channel)
    return EvidenceStatus(
        version=version,
        release=release,
        known=known_evidence(state, policy, release, now),
        asked={
            channel: _asked(state, policy, version, channel, now=now)
            for channel in channels or next_channels(state, policy, version)
        },
    )


def known_evidence(state: State, policy: Policy, release: Digest, now: datetime) -> tuple[KnownEvidence, ...]:
    """All evidence of a release, by its key, with the waivers that count ``now``."""
    found = state.evidence.get(release, {})
    return tuple(
        KnownEvidence(
            key=key,
            record=found[key],
            waivers=waivers_for(state, policy, release, key.partition("@")[0], now),
        )
        for key in sorted(found)
    )


def next_channels(state: State, policy: Policy, version: Version) -> tuple[str, ...]:
    """Where a release is asked for; else what the channels that have it feed, or what it was built for."""
    asked = [
        record.subject.channel
        for record in state.open_requests()
        if isinstance(record.subject, PromotionSubject) and record.subject.version == version
    ]
    has = {head.channel for head in state.heads.values() if head.version == version}
    built_for = state.releases[version].built_for
    fed = [
        edge.channel.name
        for edge in policy.edges
        if edge.streams is None
        and (has.intersection(edge.channel.feeds_from) or (not has and edge.channel.name == built_for))
    ]
    return tuple(dict.fromkeys(asked or fed))


def _asked(
    state: State, policy: Policy, version: Version, channel: str, *, now: datetime
) -> tuple[RuleResult, ...] | str:
    """What the gate would say of the evidence if somebody asked for the move now."""
    try:
        request = new_request(state, policy, version=version, channel=channel, requested_by=_NOBODY, now=now)
    except RefusedError as error:
        return error.message
    case = PromotionCase(
        digest=request.digest,
        request=request,
        subject=request_subject(request.statement(), "request"),
        signer=_NOBODY,
        carried_out=False,
        sign_offs=(),
        policy=policy,
        state=state,
        now=now,
    )
    edge = policy.get(channel)
    rules = (rules_evidence.evidence, rules_evidence.limits, rules_evidence.signatures)
    return tuple(answer for rule in rules for answer in rule(case, edge))


def _waiver_json(one: GivenWaiver) -> Json:
    return {
        "by": one.person.name,
        "fingerprint": one.waiver.by,
        "role": one.waiver.role,
        "items": [*one.waiver.items],
        "reason": one.waiver.reason,
        "at": format_time(one.waiver.at),
        "expires_at": format_time(one.waiver.expires_at),
    }

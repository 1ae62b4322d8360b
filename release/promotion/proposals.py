"""What promotion writes into the ledger: proposals for ``release.ledger.chain.LedgerWriter.append``.

Each looks at the newest state and answers with an entry, with None when the ledger says so already
(every step may be run twice), or with a refusal. They run again when another writer was quicker, so
the gate always decides on the state that the entry follows. People's statements: ``proposals_people``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from release.digests import Digest
from release.errors import RefusedError
from release.ledger.chain import Proposal
from release.ledger.fields import format_time
from release.ledger.kinds import (
    Content,
    EvidenceFound,
    PointerMoved,
    PolicyChanged,
    ReleaseRegistered,
    StopLifted,
)
from release.ledger.state import State, evidence_key
from release.promotion.case import Case, PolicyCase, PromotionCase, ResumeCase, UnreadableCase, open_case
from release.promotion.decide import Decision, decide_move
from release.promotion.policy import Policy
from release.promotion.status import Phase, RequestStatus, describe, status


class GateClosedError(RefusedError):
    """The gate says no. ``decision`` has every rule's answer."""

    def __init__(self, message: str, decision: Decision, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.decision = decision


def registration(release: ReleaseRegistered) -> Proposal:
    """Register a release.

    History is told once: of a registered release, ``offered_in`` and ``built_by`` may be left out. The
    proposal raises RefusedError when its version is registered already with other content, or collected.
    """

    def propose(state: State) -> ReleaseRegistered | None:
        known = state.releases.get(release.version)
        if known is None:
            return release
        if release.version in state.collected:
            raise RefusedError(
                f"release {release.version} was collected {format_time(state.collected[release.version])}",
                hint="a collected version does not come back: give the build a higher one",
            )
        told = replace(
            release,
            offered_in=release.offered_in or known.offered_in,
            built_by=release.built_by or known.built_by,
        )
        if known == told:
            return None
        if known.release == release.release:
            raise RefusedError(
                f"release {release.version} is registered already, as offered in"
                f" {', '.join(known.offered_in) or 'no channel'} before the ledger began,"
                f" built by {known.built_by or 'nobody in particular'}"
            )
        raise RefusedError(
            f"release {release.version} is registered as {known.release}, not as {release.release}",
            hint="a version is released once; give new content a higher version",
        )

    return propose


def evidence(found: EvidenceFound) -> Proposal:
    """Record the result of a check, unless the latest of its name and baseline says the same."""

    def propose(state: State) -> EvidenceFound | None:
        known = state.evidence.get(found.release, {}).get(evidence_key(found.name, found.against))
        same = known is not None and (
            (known.passed, known.detail, known.document, dict(known.facts), known.failed)
            == (found.passed, found.detail, found.document, dict(found.facts), found.failed)
        )
        return None if same else found

    return propose


def carry_out(
    digest: Digest,
    *,
    policy: Policy,
    now: datetime,
    proposed: Mapping[Digest, Policy] | None = None,
) -> Proposal:
    """Carry out the request ``digest`` if the gate is open at ``now``.

    The proposal raises GateClosedError when it is not, InputError when there is no such request.
    """

    def propose(state: State) -> Content | None:
        found = status(open_case(state, digest, policy, now, proposed))
        if found.phase is Phase.CARRIED_OUT:
            return None
        check_open(found)
        decision = decide_move(found.case)
        if isinstance(found.case, UnreadableCase) or not decision.allowed:
            missing = "; ".join(describe(rule) for rule in decision.unmet)
            raise GateClosedError(f"not carried out yet: {found.case.title}: {missing}", decision)
        return _outcome(found.case, decision)

    return propose


def check_open(found: RequestStatus) -> None:
    """Raises GateClosedError unless people have said what it takes; what the pipeline does is not asked."""
    if not found.decision.allowed:
        hint = "only a new request can go through" if found.phase is Phase.VOID else None
        raise GateClosedError(f"not carried out: {found.summary}", found.decision, hint=hint)


def _outcome(case: Case, decision: Decision) -> Content:
    """The entry that says what is so from now on."""
    if isinstance(case, PromotionCase):
        return _move(case, decision)
    if isinstance(case, PolicyCase) and case.proposed is not None:
        return _adoption(case, case.proposed, decision)
    if isinstance(case, ResumeCase):
        return StopLifted(
            stop=case.request.stop, request=case.digest, decided_at=case.now, decision=decision.lines()
        )
    raise RefusedError(f"request {case.digest}: cannot be carried out")


def _move(case: PromotionCase, decision: Decision) -> PointerMoved:
    asked = case.request
    head = case.state.heads.get(asked.channel)
    return PointerMoved(
        channel=asked.channel,
        version=asked.version,
        release=asked.release,
        request=case.digest,
        generation=asked.generation + 1,
        from_version=head.version if head else None,
        decided_at=case.now,
        decision=decision.lines(),
    )


def _adoption(case: PolicyCase, policy: Policy, decision: Decision) -> PolicyChanged:
    return PolicyChanged(
        policy=policy.digest,
        previous=case.request.policy,
        request=case.digest,
        channels=tuple(channel.name for channel in policy.channels),
        streams=policy.streams,
        pipeline_keys=policy.pipeline_keys or tuple(sorted(case.state.pipeline_keys)),
        decided_at=case.now,
        decision=decision.lines(),
    )

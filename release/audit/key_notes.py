"""Keys: which of those that signed are revoked or have ended, which of those that must sign soon will end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from release.audit.finding import Code, Finding
from release.audit.opening import Opened
from release.ledger.state import State
from release.promotion.policy import Policy
from release.signing.key_health import WARNING_DAYS, Certificate, Condition, KeyHealth, health


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How often a key signed, and the first entry in which it did."""

    count: int
    first: str


def uses_of(objects: Iterable[Opened]) -> dict[str, Use]:
    """What every key signed, by primary fingerprint: entries and statements."""
    return _counted(
        (signer, one.key)
        for one in objects
        if one.entry is not None
        for signer in {one.entry.signer, one.entry.statement_signer}
        if signer is not None
    )


def revoked_uses(objects: Iterable[Opened]) -> dict[str, Use]:
    """What every key signed that was revoked."""
    return _counted((signer, one.key) for one in objects for signer in one.revoked)


def _counted(signed: Iterable[tuple[str, str]]) -> dict[str, Use]:
    found: dict[str, Use] = {}
    for signer, key in signed:
        before = found.get(signer)
        first = key if before is None else before.first
        found[signer] = Use(count=1 if before is None else before.count + 1, first=first)
    return found


def key_findings(
    objects: Sequence[Opened],
    certificates: Sequence[Certificate],
    state: State | None,
    policy: Policy | None,
    now: datetime,
) -> Iterator[Finding]:
    """What is to be said about keys, those that signed first.

    ``state`` and ``policy`` are the last ones: the pipeline's keys then, and the people's, must go on.
    """
    known = {one.fingerprint: health(one, now) for one in certificates}
    yield from _revoked(revoked_uses(objects), known)
    needed = _needed(state, policy)
    for fingerprint, use in uses_of(objects).items():
        found = known.get(fingerprint)
        if found is not None and found.condition is Condition.EXPIRED and fingerprint not in needed:
            yield Finding(
                code=Code.KEY_ENDED,
                where=fingerprint,
                expected="nothing more of it",
                found=f"{found.describe()}; it signed {use.count} times, first in {use.first}",
            )
    for fingerprint, who in needed.items():
        finding = _health(fingerprint, who, known.get(fingerprint))
        if finding is not None:
            yield finding


def _revoked(uses: Mapping[str, Use], known: Mapping[str, KeyHealth]) -> Iterator[Finding]:
    for fingerprint, use in uses.items():
        who = known[fingerprint].describe() if fingerprint in known else f"{fingerprint} was revoked"
        yield Finding(
            code=Code.KEY_REVOKED,
            where=fingerprint,
            expected="entries by keys that were never revoked",
            found=f"{who}; it signed {use.count} times, first in {use.first}",
            hint="what a person signed with it counts for nothing any more, and what the pipeline did"
            " is refused; whether that was its owner is for people to find out",
        )


def _needed(state: State | None, policy: Policy | None) -> dict[str, str]:
    """Whose signatures are needed from now on, by fingerprint."""
    found = {} if state is None else dict.fromkeys(sorted(state.pipeline_keys), "the pipeline")
    if policy is not None:
        found.update((key, person.name) for person in policy.people for key in person.fingerprints)
    return found


def _health(fingerprint: str, who: str, found: KeyHealth | None) -> Finding | None:
    if found is None:
        return Finding(
            code=Code.KEY_UNKNOWN,
            where=fingerprint,
            expected=f"the public key of {who}, which the policy in force names",
            found="none among the keys that were given",
            hint="what they sign cannot be verified here",
        )
    if found.condition is Condition.GOOD:
        return None
    soon = found.warning or 0
    return Finding(
        code=Code.KEY_EXPIRING,
        where=fingerprint,
        expected=f"a key of {who} that can sign for more than {max(WARNING_DAYS)} days",
        found=found.describe() + (f": within {soon} days" if soon else ""),
        hint="give it more time, and hand out its public half anew" if found.can_sign else None,
    )

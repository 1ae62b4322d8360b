"""Rules that every request must meet: policy, author, time, no veto, quorum. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from release.ledger.entries import CLOCK_SKEW
from release.ledger.fields import format_time
from release.promotion.case import Case
from release.promotion.policy import Person, Quorum, Terms
from release.promotion.rule import NEW_REQUEST, RuleResult, one_line, result
from release.promotion.voices import Voice, overruling, voices


def policy(case: Case) -> Iterator[RuleResult]:
    """Read, and named by the request, is the policy in force."""
    in_force = case.state.policy
    yield result(
        "policy-read",
        case.policy.digest == in_force and case.policy.product == case.state.product,
        f"read {case.policy.digest} for {case.policy.product}",
        f"the policy file that the ledger names: {in_force} for {case.state.product}",
    )
    asked, state = case.request, case.state
    yield result(
        "policy",
        (asked.policy, asked.policy_entry, asked.product) == (in_force, state.policy_entry, state.product),
        f"made under {asked.policy} of entry {asked.policy_entry} for {asked.product}",
        f"{NEW_REQUEST} under the policy in force, {in_force} of entry {state.policy_entry},"
        f" for {state.product}",
        final=True,
    )


def requester(case: Case) -> Iterator[RuleResult]:
    """Somebody of the policy, or the pipeline, asked in their own name."""
    person = case.policy.person(case.signer)
    known = person is not None or case.signer in case.state.pipeline_keys
    yield result(
        "requester",
        known and case.signer == case.request.requested_by,
        f"asked by {case.request.requested_by}, signed by {person.name if person else case.signer}",
        f"{NEW_REQUEST} signed by a person of the policy, in their own name",
        final=True,
    )


def time(case: Case, terms: Terms) -> Iterator[RuleResult]:
    """The request has begun and not expired, and was not carried out."""
    begins, ends = case.request.requested_at, case.request.expires_at
    if ends - begins > terms.request_valid_for:
        ends = begins + terms.request_valid_for
    yield result(
        "request-valid",
        begins - case.now <= CLOCK_SKEW and case.now < ends,
        f"from {format_time(begins)} until {format_time(ends)}",
        f"{NEW_REQUEST}; this one counts from {format_time(begins)} until {format_time(ends)}",
        final=case.now >= ends,
    )


def no_veto(case: Case) -> Iterator[RuleResult]:
    """Nobody's no-go holds."""
    said = voices(case)
    against = tuple(voice for voice in said if voice.veto is not None)
    words = _words(against)
    aside = [voice for voice in said if voice.overruled is not None]
    detail = words or (f"overruled: {_words(aside)}" if aside else "nobody said no-go")
    missing = f"no-go withdrawn by its author ({words})" + _overrule_missing(case)
    yield result("no-veto", not against, detail, missing, tuple(voice.person.name for voice in against))


def _words(against: Sequence[Voice]) -> str:
    spoken = ((voice.person.name, voice.veto or voice.overruled) for voice in against)
    return "; ".join(
        f"{name}: {one_line(said.reason) or 'no reason given'}" for name, said in spoken if said is not None
    )


def _overrule_missing(case: Case) -> str:
    """What setting the no-gos aside would take; nothing where the policy does not let anybody."""
    quorums = case.terms.overrule if case.terms else ()
    parts = []
    for quorum in quorums:
        needed = quorum.needed(len(case.policy.holders(quorum.role)))
        parts.append(f"{len(overruling(case, quorum))} of {needed} {quorum.role} so far")
    return f", or overruled ({', '.join(parts)})" if parts else ""


def quorum(case: Case, quorums: Sequence[Quorum], *, is_open: bool) -> Iterator[RuleResult]:
    """Enough people of every role said go. Without a quorum the rule is met only where that is the policy."""
    if not quorums:
        yield result(
            "quorum",
            is_open,
            "open: no sign-off asked for" if is_open else "nobody can allow this",
            "a policy with a quorum for this",
        )
    for one in quorums:
        yield quorum_of(case, one)


def quorum_of(case: Case, quorum: Quorum, name: str = "quorum") -> RuleResult:
    """Whether enough people of one role said go; who said it, who else could, and whose does not count."""
    said = voices(case)
    holders = case.policy.holders(quorum.role)
    needed = quorum.needed(len(holders))
    counted = tuple(voice.person.name for voice in said if voice.role == quorum.role)
    free = tuple(person.name for person in holders if person.name not in counted and _may_say(case, person))
    ignored = [
        f"{voice.person.name} {voice.silent_because}" for voice in said if _meant_for(voice, quorum.role)
    ]
    lacking = needed - len(counted)
    missing = f"{lacking} more go of role {quorum.role}"
    if lacking > len(free):
        missing += f", but only {len(free)} others may give one"
    if ignored:
        missing += f" (not counted: {'; '.join(ignored)})"
    detail = f"{len(counted)} of {needed}" + (f" ({', '.join(counted)})" if counted else "")
    return result(f"{name} {quorum.role}", lacking <= 0, detail, missing, free)


def _meant_for(voice: Voice, role: str) -> bool:
    """Whether somebody's go that does not count was, or could have been, one of this role."""
    why = voice.silent_because
    return why is not None and (role in voice.person.roles or why.endswith(f"the role {role}"))


def _may_say(case: Case, person: Person) -> bool:
    return case.interested.isdisjoint(person.fingerprints)

"""The gate: whether a channel may move, and if not, what is missing and who can provide it.

One pure function for everybody who asks: command line, pages, flows, and again at the moment the
pointer entry is written. A rule is a function from case to results; a new one is a line in ``RULES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from release.catalog.channel import PromotionKind
from release.ledger.entries import CLOCK_SKEW
from release.ledger.fields import format_time
from release.promotion.case import Case, UnreadableCase, voices
from release.promotion.policy import Edge, Quorum

_LINE_LENGTH = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What one rule says.

    ``detail`` is what was found. ``missing`` says what would meet the rule (None when it is met) and
    ``who`` names the people who can provide it; empty when nobody can, or when it is not people.
    """

    name: str
    met: bool
    detail: str
    missing: str | None = None
    who: tuple[str, ...] = ()


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
        return tuple(_one_line(f"{rule.name}: {rule.missing or rule.detail}") for rule in self.rules)


def _one_line(text: str) -> str:
    """People's words may be long and of several lines; in a list of rules they are neither."""
    line = " ".join(text.split())
    return line if len(line) <= _LINE_LENGTH else line[: _LINE_LENGTH - 1] + "…"


def decide(case: Case | UnreadableCase) -> Decision:
    """Whether the request may be carried out at ``case.now``. Pure; no rule, no move."""
    if isinstance(case, UnreadableCase):
        return Decision(allowed=False, rules=(_unreadable(case),))
    edge = case.edge
    if edge is None:
        result = RuleResult(
            name="channel",
            met=False,
            detail=f"{case.request.channel} has no rules",
            missing=f"a policy with rules for {case.request.channel}",
        )
        return Decision(allowed=False, rules=(result,))
    results: list[RuleResult] = []
    allowed = True
    for rule in RULES:
        found = tuple(rule(case, edge))
        allowed = allowed and bool(found) and all(result.met for result in found)
        results.extend(found)
    return Decision(allowed=allowed, rules=tuple(results))


_NEW_REQUEST = "a new request"


def _unreadable(case: UnreadableCase) -> RuleResult:
    return RuleResult(
        name="readable",
        met=False,
        detail=case.reason,
        missing=f"{_NEW_REQUEST} that this humpyard can read ({case.reason})",
    )


def _result(name: str, met: bool, detail: str, missing: str, who: tuple[str, ...] = ()) -> RuleResult:
    if met:
        return RuleResult(name=name, met=True, detail=detail)
    return RuleResult(name=name, met=False, detail=detail, missing=missing, who=who)


def _policy(case: Case, _edge: Edge) -> Iterator[RuleResult]:
    in_force = case.state.policy
    yield _result(
        "policy-read",
        case.policy.digest == in_force and case.policy.product == case.state.product,
        f"read {case.policy.digest} for {case.policy.product}",
        f"the policy file that the ledger names: {in_force} for {case.state.product}",
    )
    yield _result(
        "policy",
        case.request.policy == in_force and case.request.product == case.state.product,
        f"made under {case.request.policy} for {case.request.product}",
        f"{_NEW_REQUEST} under the policy in force, {in_force} for {case.state.product}",
    )


def _requester(case: Case, _edge: Edge) -> Iterator[RuleResult]:
    person = case.policy.person(case.signer)
    known = person is not None or case.signer in case.state.pipeline_keys
    yield _result(
        "requester",
        known and case.signer == case.request.requested_by,
        f"asked by {case.request.requested_by}, signed by {person.name if person else case.signer}",
        f"{_NEW_REQUEST} signed by a person of the policy, in their own name",
    )


def _time(case: Case, edge: Edge) -> Iterator[RuleResult]:
    begins = case.request.requested_at
    ends = min(case.request.expires_at, begins + edge.request_valid_for)
    yield _result(
        "request-valid",
        begins <= case.now + CLOCK_SKEW and case.now < ends,
        f"from {format_time(begins)} until {format_time(ends)}",
        f"{_NEW_REQUEST}; this one counts from {format_time(begins)} until {format_time(ends)}",
    )


def _unmoved(case: Case, _edge: Edge) -> Iterator[RuleResult]:
    generation = case.state.generation(case.request.channel)
    yield _result(
        "unmoved",
        not case.moved and generation == case.request.generation,
        f"{case.request.channel} is at generation {generation}, asked at {case.request.generation}"
        + (", carried out" if case.moved else ""),
        f"{_NEW_REQUEST}: {case.request.channel} has moved since this one",
    )


def _release(case: Case, _edge: Edge) -> Iterator[RuleResult]:
    release = case.release
    boards = None if release is None else release.boards
    yield _result(
        "release",
        release is not None and set(release.boards) == set(case.request.boards),
        f"{case.request.version} ({case.request.release}) "
        + (f"for {', '.join(map(str, boards))}" if boards else "is not registered"),
        f"release {case.request.version} registered with this digest and these boards",
    )


def _upwards(case: Case, _edge: Edge) -> Iterator[RuleResult]:
    head = case.state.heads.get(case.request.channel)
    before = "nothing" if head is None else str(head.version)
    yield _result(
        "upwards",
        head is None or case.request.version > head.version,
        f"{case.request.channel} goes from {before} to {case.request.version}",
        f"a version above {before}; machines do not go back",
    )


def _source(case: Case, edge: Edge) -> Iterator[RuleResult]:
    channel, release, source = edge.channel, case.release, case.request.from_channel
    if release is None:
        yield _result("source", False, "release unknown", "a registered release")
        return
    rebuild = channel.kind is PromotionKind.REBUILD
    if rebuild or not channel.feeds_from:
        yield _result(
            "built-for",
            release.built_for == channel.name and (not rebuild or release.lineage is PromotionKind.REBUILD),
            f"built for {release.built_for} as {release.lineage}",
            f"a release built for {channel.name}" + (" that derives from an older one" if rebuild else ""),
        )
    if not channel.feeds_from:
        yield _result("source", source is None, "straight from the build", f"{_NEW_REQUEST} without a source")
        return
    origin = release.derives_from if rebuild else release.version
    offered = any(
        head.channel == source
        and head.version == origin
        and (rebuild or head.release == case.request.release)
        for head in case.state.history
    )
    yield _result(
        "source",
        source in channel.feeds_from and offered,
        f"{origin} from {source}",
        f"{origin} offered in {' or '.join(channel.feeds_from)} first",
    )


def _evidence(case: Case, edge: Edge) -> Iterator[RuleResult]:
    known = case.state.evidence.get(case.request.release, {})
    if not edge.evidence:
        yield RuleResult(name="evidence", met=True, detail="none asked for")
    for name in edge.evidence:
        found = known.get(name)
        yield _result(
            f"evidence {name}",
            found is not None and found.passed,
            "unknown"
            if found is None
            else f"{'passed' if found.passed else 'failed'} {found.detail}".strip(),
            f"{name} passed for {case.request.release}",
        )


def _no_veto(case: Case, _edge: Edge) -> Iterator[RuleResult]:
    against = [(voice.person.name, voice.veto) for voice in voices(case) if voice.veto is not None]
    said = "; ".join(f"{name}: {_one_line(veto.reason) or 'no reason given'}" for name, veto in against)
    yield _result(
        "no-veto",
        not against,
        said or "nobody said no-go",
        f"no-go withdrawn by its author ({said})",
        tuple(name for name, _ in against),
    )


def _quorum(case: Case, edge: Edge) -> Iterator[RuleResult]:
    if not edge.quorum:
        yield RuleResult(name="quorum", met=True, detail="open: no sign-off asked for")
    for quorum in edge.quorum:
        yield _quorum_of(case, quorum)


def _quorum_of(case: Case, quorum: Quorum) -> RuleResult:
    said = voices(case)
    holders = case.policy.holders(quorum.role)
    needed = quorum.needed(len(holders))
    counted = tuple(voice.person.name for voice in said if voice.role == quorum.role)
    free = tuple(
        person.name
        for person in holders
        if person.name not in counted and case.interested.isdisjoint(person.fingerprints)
    )
    ignored = [f"{voice.person.name} {voice.silent_because}" for voice in said if voice.silent_because]
    lacking = needed - len(counted)
    missing = f"{lacking} more go of role {quorum.role}"
    if lacking > len(free):
        missing += f", but only {len(free)} others may give one"
    if ignored:
        missing += f" (not counted: {'; '.join(ignored)})"
    return _result(
        f"quorum {quorum.role}",
        lacking <= 0,
        f"{len(counted)} of {needed}" + (f" ({', '.join(counted)})" if counted else ""),
        missing,
        free,
    )


RULES: tuple[Callable[[Case, Edge], Iterator[RuleResult]], ...] = (
    _policy,
    _requester,
    _time,
    _unmoved,
    _release,
    _upwards,
    _source,
    _evidence,
    _no_veto,
    _quorum,
)
"""Every rule is asked, in this order, and each must say yes; one that says nothing says no."""

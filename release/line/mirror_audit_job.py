"""The job that audits mirrors: a step for each, then what is recorded, then the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from release.audit.finding import Finding, Severity
from release.audit.key_notes import key_findings
from release.audit.mirrors_report import MirrorsReport
from release.errors import NotVerifiedError
from release.ledger.chain import Proposal
from release.ledger.kinds import MirrorVerified
from release.ledger.state import State
from release.line.mirror_audit import Audited, Options, audit_mirror
from release.line.mirror_wishes import Place
from release.line.mirrors import Mirror, mirrors_of
from release.line.policies import policy_in_force
from release.line.steps import Job, Report, Step
from release.line.yard import Yard

_TOLD = 20


@dataclass(slots=True, kw_only=True)
class Findings:
    """What a job has found so far, by mirror. ``report`` is for when it has ended, well or not."""

    yard: Yard
    options: Options
    audited: dict[str, Audited] = field(default_factory=dict)
    general: tuple[Finding, ...] = ()

    def report(self) -> MirrorsReport:
        """All of it."""
        return MirrorsReport(
            product=self.yard.product,
            at=self.yard.clock(),
            seed=None if self.options.sample is None else self.options.sample.seed,
            mirrors=tuple(one.mirror for one in self.audited.values()),
            general=self.general,
        )


def mirrors_audit_job(
    yard: Yard, found: Findings, tell: Callable[[str, Finding], None], *, record: bool = False
) -> Job:
    """Audit every mirror of the policy in force, telling each finding with its mirror's name, "" for none.

    With ``record`` the ledger takes back that a mirror has a release of which something is missing or wrong
    there: machines are not sent to it for that any more. The last step raises NotVerifiedError for a break.
    """
    policy = policy_in_force(yard.store, yard.ledger.state())
    steps = [
        Step(
            f"audit-{mirror.name}",
            f"audit the mirror {mirror.name}",
            _audit(yard, mirror, found, tell),
        )
        for mirror in mirrors_of(yard, policy)
    ]
    last = Step("judge-mirrors", "judge keys and mirrors", lambda _: _judge(yard, found, tell))
    recording = Step("record-damage", "take back what does not hold", lambda _: _record(yard, found))
    return (*steps, *((recording,) if record else ()), last)


def _audit(
    yard: Yard, mirror: Mirror, found: Findings, tell: Callable[[str, Finding], None]
) -> Callable[[Report], str]:
    def run(report: Report) -> str:
        audited = audit_mirror(yard, mirror, found.options, report)
        found.audited[mirror.name] = audited
        for finding in audited.mirror.findings:
            tell(mirror.name, finding)
        return audited.mirror.summary

    return run


def _judge(yard: Yard, found: Findings, tell: Callable[[str, Finding], None]) -> str:
    state = yard.ledger.state()
    policy = policy_in_force(yard.store, state)
    found.general = tuple(key_findings((), yard.certificates(), state, policy, yard.clock()))
    for finding in found.general:
        tell("", finding)
    report = found.report()
    breaks = [f"{name}: {one}" for name, one in report.findings if one.severity is Severity.BREAK]
    if report.broken:
        more = f"\n  and {len(breaks) - _TOLD} more" if len(breaks) > _TOLD else ""
        told = "".join(f"\n  {line}" for line in breaks[:_TOLD])
        raise NotVerifiedError(
            f"{len(breaks)} breaks on {len(report.mirrors)} mirrors:{told}{more}",
            hint="what each finding means: docs/audit.md",
        )
    return f"{len(report.mirrors)} mirrors hold what they say"


def _record(yard: Yard, found: Findings) -> str:
    lines = []
    for name, audited in found.audited.items():
        for place, why in audited.damaged.items():
            yard.ledger.append(damage(name, place, why), now=yard.clock())
            lines.append(f"{name}: {place}")
    return f"taken back: {', '.join(lines)}" if lines else "nothing to take back"


def damage(mirror: str, place: Place, why: str) -> Proposal:
    """Take back that a mirror has a release of a channel; None when the ledger does not say so."""

    def propose(state: State) -> MirrorVerified | None:
        if mirror not in state.mirrors_with(place.channel, place.version):
            return None
        return MirrorVerified(
            mirror=mirror,
            channel=place.channel,
            version=place.version,
            release=state.releases[place.version].release,
            passed=False,
            detail=f"audit: {why}"[:1000],
        )

    return propose

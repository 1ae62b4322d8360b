"""`humpyard evidence`: what checks and tests found about a release; imported, waived, shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from release.atomic import replacing
from release.cli.acting import acting
from release.cli.options import (
    DEFAULT_SETTINGS,
    As,
    AsJson,
    GnupgHome,
    SecretKeys,
    SettingsFile,
    person_of,
    version_of,
)
from release.cli.output import emit, say, table, work
from release.errors import storage_errors
from release.line.evidence import FOUND_HERE, evidence_job, way_to
from release.line.evidence_status import EvidenceStatus, KnownEvidence, evidence_status, next_channels
from release.line.report_import import import_reports, registered_digest, waive
from release.line.statements import record
from release.promotion.rule import RuleResult
from release.wiring import open_yard

app = typer.Typer(
    help="What checks and tests found about a release: import, find, waive, show.", no_args_is_help=True
)
_SHOWN = 20
_Release = Annotated[str, typer.Argument(metavar="RELEASE", help="A published release.")]
_For = Annotated[
    list[str],
    typer.Option("--for", metavar="CHANNEL", help="A channel it may go to. Repeatable. [default: the next]"),
]


@app.command("import")
def import_(
    release: _Release,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="TAP or JUnit XML, told by content.")
    ],
    name: Annotated[str, typer.Option(help="The name that the policy asks for, for example kola.")],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Record test reports of a release. Several files of one name (one a board) count as one report.

    What failed, or is not complete, is recorded as such. A new import of the same name replaces the
    one before.
    """
    with open_yard(settings) as yard:
        report = import_reports(yard, version_of(release), name, files)
    if as_json:
        emit(
            {
                "evidence": name,
                "passed": report.ok,
                "problem": report.problem,
                "counts": {
                    "passed": len(report.passed),
                    "failed": len(report.failed),
                    "skipped": len(report.skipped),
                },
                "failed": [*report.failed],
            }
        )
        return
    say(f"{name} {'passed' if report.ok else 'FAILED'} for {release}: {report.summary}")
    for line in _few(report.failed):
        say(f"  failed: {line}")


@app.command()
def find(
    release: _Release,
    channels: _For = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Make every check that the pipeline can make by itself, whether the policy asks for it or not.

    What the policy asks for is also found by `humpyard promote run`.
    """
    version = version_of(release)
    with open_yard(settings) as yard:
        state, policy = yard.ledger.state(), yard.policy()
        registered_digest(state, version)
        targets = channels or next_channels(state, policy, version) or [state.releases[version].built_for]
        ways = [way_to(state, policy, version, channel) for channel in targets]
        work(evidence_job(yard, version, ways, FOUND_HERE))
        found = evidence_status(yard, version, channels)
    if as_json:
        emit(found.as_json())
    else:
        show_known(found.known)


@app.command("waive")
def waive_(
    release: _Release,
    name: Annotated[str, typer.Option(help="Which evidence.")],
    tests: Annotated[list[str], typer.Option("--test", help="What failed, as it is shown. Repeatable.")],
    reason: Annotated[str, typer.Option(help="Shown wherever the failure is. One line.")],
    fingerprint: As,
    days: Annotated[int, typer.Option(min=1, max=366, help="For how long you answer for it.")] = 30,
    role: Annotated[str | None, typer.Option(help="In which role. [default: the first you may]")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the signed statement here instead: for `promote record`.")
    ] = None,
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Answer for named failures of a release, signed with your own key on your own machine.

    It counts for this release and these failures only; anything else that fails still counts.
    """
    period = timedelta(days=days)
    with acting(settings, person_of(fingerprint, gnupg_home, secret_key)) as (yard, author):
        version = version_of(release)
        signed = waive(yard, author, version, name, tests, reason=reason, valid_for=period, role=role)
        if out is not None:
            with storage_errors(out), replacing(out) as target:
                target.write(signed.dump())
            say(f"wrote {out}; whoever can write to the store: humpyard promote record {out}")
            return
        digest = record(yard, signed)
    if as_json:
        emit({"waiver": str(digest), "evidence": name, "items": [*tests]})
    else:
        say(f"waiver {digest.hex[:12]}: {len(tests)} of {name} for {release}, for {days} days")


@app.command()
def show(
    release: _Release,
    channels: _For = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Show all that is known about a release, what the policy asks for, and what is missing."""
    with open_yard(settings) as yard:
        found = evidence_status(yard, version_of(release), channels)
    if as_json:
        emit(found.as_json())
    else:
        _show(found)


def _show(found: EvidenceStatus) -> None:
    say(f"release {found.version} ({found.release})")
    show_known(found.known)
    for channel, answer in found.asked.items():
        say("")
        if isinstance(answer, str):
            say(f"{channel}: cannot go there: {answer}")
            continue
        say(f"{channel} asks for:")
        table(("rule", "", "found, or missing", "who can provide it"), [_rule(one) for one in answer])


def show_known(known: Sequence[KnownEvidence]) -> None:
    """A line for every piece of evidence, then what failed in them."""
    rows = [(one.key, one.result, one.record.detail) for one in known]
    table(("evidence", "", "found"), rows or [("none", "", "")])
    for one in known:
        for line in failure_lines(one):
            say(f"  {line}")


def failure_lines(one: KnownEvidence) -> Iterator[str]:
    """What failed, and who answers for it; nothing of what passed without a failure."""
    open_failures = [item for item in one.record.failed if item not in one.waived]
    for item in _few(open_failures):
        yield f"{one.key}: {item}"
    for given in one.waivers:
        covered = [item for item in given.waiver.items if item in one.record.failed]
        if covered:
            who = f"{given.person.name} ({given.waiver.role})"
            until = f"{given.waiver.expires_at:%Y-%m-%d}"
            yield f"{one.key}: waived by {who} until {until}: {given.waiver.reason}"
            yield from (f"    {item}" for item in _few(covered))


def _few(items: list[str] | tuple[str, ...]) -> Iterator[str]:
    yield from items[:_SHOWN]
    if len(items) > _SHOWN:
        yield f"and {len(items) - _SHOWN} more"


def _rule(rule: RuleResult) -> tuple[str, str, str, str]:
    mark = "met" if rule.met else "NOT MET"
    return rule.name, mark, rule.missing or rule.detail, ", ".join(rule.who)

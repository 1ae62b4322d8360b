"""`humpyard issues`: what is known to be wrong with releases, told by one person, signed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from release.canonical import Json
from release.catalog.version import Version
from release.cli.acting import acting
from release.cli.corrections import Role
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
from release.cli.output import emit, say, table
from release.digests import Digest
from release.errors import InputError
from release.ledger.fields import format_time
from release.line.known_issues import IssueChange, issue_history, issues, open_issue, update_issue
from release.line.statements import find_role
from release.promotion.known_issue import GivenReport, Progress
from release.promotion.policy import Policy
from release.promotion.revision import told_by
from release.wiring import SecretKeySource, open_yard

app = typer.Typer(
    help="Known issues: what is wrong with releases, what to do, where it is fixed.", no_args_is_help=True
)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Its permanent name: lower-case words joined by '-'.")
]
Affects = Annotated[
    list[str], typer.Option("--affects", metavar="VERSION", help="An affected release. Repeatable.")
]
FixedIn = Annotated[
    list[str], typer.Option("--fixed-in", metavar="VERSION", help="A release that has the fix. Repeatable.")
]


@app.command("open")
def open_(
    name: Name,
    title: Annotated[str, typer.Option(help="What is wrong, in one line.")],
    text: Annotated[str, typer.Option(help="What happens, to whom, since when. Plain text.")],
    affects: Affects,
    fingerprint: As,
    workaround: Annotated[str, typer.Option(help="What those who have it can do. Plain text.")] = "",
    state: Annotated[Progress, typer.Option(help="How far it is.")] = Progress.INVESTIGATING,
    fixed_in: FixedIn = [],
    role: Role = None,
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Tell of a new issue. Its name is its address for ever."""
    change = IssueChange(
        title=title,
        text=text,
        workaround=workaround,
        state=state,
        affected=_versions(affects),
        fixed_in=_versions(fixed_in),
    )
    person = person_of(fingerprint, gnupg_home, secret_key)
    _record(open_issue, name, change, person, role, settings=settings, as_json=as_json)


@app.command()
def update(
    name: Name,
    fingerprint: As,
    state: Annotated[Progress | None, typer.Option(help="How far it is.")] = None,
    title: Annotated[str | None, typer.Option(help="What is wrong, in one line.")] = None,
    text: Annotated[str | None, typer.Option(help="All of what happens, anew.")] = None,
    workaround: Annotated[str | None, typer.Option(help="All of what can be done, anew.")] = None,
    affects: Affects = [],
    fixed_in: FixedIn = [],
    not_fixed: Annotated[
        bool, typer.Option("--not-fixed", help="Take back every version that was said to have the fix.")
    ] = False,
    role: Role = None,
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Tell what is new of an issue. What is left out stays; versions that are given replace those before."""
    if not_fixed and fixed_in:
        raise InputError(
            "--not-fixed takes back every fixed version, --fixed-in names some: give one of them"
        )
    change = IssueChange(
        title=title,
        text=text,
        workaround=workaround,
        state=state,
        affected=_versions(affects) or None,
        fixed_in=() if not_fixed else _versions(fixed_in) or None,
    )
    person = person_of(fingerprint, gnupg_home, secret_key)
    _record(update_issue, name, change, person, role, settings=settings, as_json=as_json)


@app.command("list")
def list_issues(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """List every known issue as it was told last."""
    with open_yard(settings) as yard:
        found = issues(yard)
    if as_json:
        emit([_as_json(told) for told in found.values()])
        return
    rows = [
        (name, last.state.value, _joined(last.affected), _joined(last.fixed_in), last.title)
        for name, last in ((name, told[-1].report) for name, told in found.items())
    ]
    table(("issue", "state", "affects", "fixed in", "what"), rows)
    if not found:
        say("no issue is known")


@app.command()
def show(name: Name, settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """Show an issue, and all that was told of it."""
    with open_yard(settings) as yard:
        told, policy = issue_history(yard, name), yard.policy()
    if as_json:
        emit({**_as_json(told), "history": [_told_json(one) for one in told]})
    else:
        _show(told, policy)


def _show(told: tuple[GivenReport, ...], policy: Policy) -> None:
    last = told[-1].report
    say(f"{last.name}: {last.title}")
    fixed = f"fixed in {_joined(last.fixed_in)}" if last.fixed_in else "no release has a fix"
    say(f"{last.state}; affects {_joined(last.affected)}; {fixed}")
    say("")
    say(last.text)
    if last.workaround:
        say("")
        say(f"What to do: {last.workaround}")
    say("")
    table(
        ("told (UTC)", "by", "state", "fixed in"),
        [
            (
                format_time(one.recorded),
                told_by(one.signer, policy),
                one.report.state.value,
                _joined(one.report.fixed_in),
            )
            for one in told
        ],
    )


def _record(
    how: Callable[..., Digest],
    name: str,
    change: IssueChange,
    person: SecretKeySource,
    role: str | None,
    *,
    settings: Path,
    as_json: bool,
) -> None:
    """Record by ``how`` (open or update) what a person tells, and say what is known then."""
    with acting(settings, person) as (yard, author):
        able = find_role(yard.policy(), author, role, yard.policy().correction_roles)
        digest = how(yard, author, name, change, role=able)
        told = issue_history(yard, name)
    _told(name, digest, told, as_json=as_json)


def _told(name: str, digest: Digest, told: tuple[GivenReport, ...], *, as_json: bool) -> None:
    last = told[-1].report
    if as_json:
        emit({"statement": str(digest), **_as_json(told)})
        return
    fixed = f", fixed in {_joined(last.fixed_in)}" if last.fixed_in else ""
    say(f"issue {name} ({digest.hex[:12]}) is {last.state}: affects {_joined(last.affected)}{fixed}")
    say("the pipeline's next run takes it to the pages: humpyard pages render")


def _versions(texts: list[str]) -> tuple[Version, ...]:
    return tuple(version_of(text) for text in texts)


def _joined(versions: tuple[Version, ...]) -> str:
    return ", ".join(map(str, versions))


def _as_json(told: tuple[GivenReport, ...]) -> dict[str, Json]:
    last = told[-1].report
    return {
        "issue": last.name,
        "title": last.title,
        "text": last.text,
        "workaround": last.workaround,
        "state": last.state.value,
        "affected": [str(one) for one in last.affected],
        "fixed_in": [str(one) for one in last.fixed_in],
        "opened": format_time(told[0].recorded),
        "updated": format_time(told[-1].recorded),
    }


def _told_json(one: GivenReport) -> dict[str, Json]:
    return {
        "statement": str(one.report.digest),
        "recorded": format_time(one.recorded),
        "by": one.signer,
        "role": one.report.role,
        "state": one.report.state.value,
        "title": one.report.title,
        "affected": [str(version) for version in one.report.affected],
        "fixed_in": [str(version) for version in one.report.fixed_in],
    }

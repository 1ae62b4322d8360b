"""View model of the page of known issues. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from release.catalog.version import Version
from release.pages import addresses
from release.pages.links import Link, release_link
from release.pages.records import IssueState, KnownIssue
from release.pages.site import Site
from release.pages.standings import Level, Mark
from release.pages.view import Frame, frame
from release.pages.wording import Time, counted, time_of

_LEVELS = {
    IssueState.INVESTIGATING: Level.BAD,
    IssueState.MITIGATED: Level.WARN,
    IssueState.FIXED: Level.GOOD,
    IssueState.CLOSED: Level.PLAIN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueCard:
    """One issue. ``name`` is its anchor, for ever; texts are plain."""

    name: str
    title: str
    state: Mark
    text: str
    workaround: str
    opened: Time
    updated: Time
    affected: tuple[Link, ...]
    fixed_in: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuesView:
    """The page: what users must reckon with, then what is over."""

    frame: Frame
    summary: str
    open: tuple[IssueCard, ...]
    over: tuple[IssueCard, ...]


def issues_view(site: Site) -> IssuesView:
    """Every issue; of those in the same state the one that was last updated comes first."""
    ordered = _sorted(site.issues)
    open_ = [_card(site, issue) for issue in ordered if issue.state.is_open]
    over = [_card(site, issue) for issue in ordered if not issue.state.is_open]
    return IssuesView(
        frame=frame(
            site,
            addresses.ISSUES,
            title=f"Known issues of {site.product}",
            description=_summary(len(open_), len(over)),
        ),
        summary=_summary(len(open_), len(over)),
        open=tuple(open_),
        over=tuple(over),
    )


def _sorted(issues: Iterable[KnownIssue]) -> list[KnownIssue]:
    states = list(IssueState)
    by_name = sorted(issues, key=lambda issue: issue.name)
    by_time = sorted(by_name, key=lambda issue: issue.updated, reverse=True)
    return sorted(by_time, key=lambda issue: states.index(issue.state))


def _summary(open_: int, over: int) -> str:
    if not open_ + over:
        return "No issue has been recorded."
    if not open_:
        return f"No issue is open. {counted(over, 'issue')} on record."
    return f"{counted(open_, 'open issue')}{f', {over} resolved or closed' if over else ''}."


def _card(site: Site, issue: KnownIssue) -> IssueCard:
    return IssueCard(
        name=issue.name,
        title=issue.title,
        state=Mark(_LEVELS[issue.state], issue.state.value.capitalize()),
        text=issue.text,
        workaround=issue.workaround,
        opened=time_of(issue.opened),
        updated=time_of(issue.updated),
        affected=_links(site, issue.affected),
        fixed_in=_links(site, issue.fixed_in),
    )


def _links(site: Site, versions: tuple[Version, ...]) -> tuple[Link, ...]:
    """To the releases, the newest first; one that the site does not have has no address."""
    return tuple(
        release_link(site, version, addresses.ISSUES) if site.find(version) else Link("", str(version))
        for version in reversed(versions)
    )

"""View models of a release's own page. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from release.pages import addresses
from release.pages.changes_view import ChangesView, changes_view
from release.pages.downloads_view import DownloadsView, downloads_view
from release.pages.history import Event, history
from release.pages.links import Link, release_link
from release.pages.notices import Notice, release_notices
from release.pages.packages_view import PackagesView, packages_view
from release.pages.provenance_view import ProvenanceView, provenance_view
from release.pages.reading import Reading
from release.pages.records import IssueState, KnownIssue, PublishedRelease, standing
from release.pages.security_view import SecurityView, security_view
from release.pages.site import Site
from release.pages.standings import (
    Level,
    Mark,
    RolloutView,
    Standing,
    assurance,
    is_current,
    issue_mark,
    rollout_view,
    settled_first,
    standings,
)
from release.pages.upgrade_view import UpgradeView, upgrade_view
from release.pages.view import Frame, board_names, frame, kernel_version, last_day, summary
from release.pages.wording import Time, channel_title, time_of

_OFFERED = frozenset({"current", "frozen", "rolling out"})
"""Words of standings in which a channel offers the release, and that is all there is to say."""

_STATES = {
    IssueState.INVESTIGATING: Mark(Level.WARN, "Investigating"),
    IssueState.MITIGATED: Mark(Level.INFO, "Mitigated"),
    IssueState.FIXED: Mark(Level.GOOD, "Fixed"),
    IssueState.CLOSED: Mark(Level.PLAIN, "Closed"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRow:
    """A known issue of the release. ``fixed_in`` leads to releases without it."""

    title: str
    href: str
    state: Mark
    text: str
    workaround: str
    fixed_in: tuple[Link, ...]
    opened: Time
    updated: Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The releases before and after it in ``channel``; among all, before the first promotion."""

    channel: str
    older: Link | None
    newer: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseView:
    """The page of one release. ``support`` says of the streams that are at it the last day with support.

    ``replaces`` is what its main channel offered before. ``toc`` are the sections that there are.
    """

    frame: Frame
    crumbs: tuple[Link, ...]
    version: str
    withdrawn: bool
    only_on_record: bool
    """Nothing of it is there to take: it is withdrawn, or not kept any more."""
    notices: tuple[Notice, ...]
    standings: tuple[Standing, ...]
    current: tuple[str, ...]
    superseded: tuple[Standing, ...]
    rollouts: tuple[RolloutView, ...]
    support: tuple[tuple[str, Time], ...]
    assurance: Mark | None
    built_for: str
    created: Time
    boards_text: str
    kernel: str | None
    replaces: Link | None
    changes: ChangesView
    downloads: DownloadsView
    packages: PackagesView
    security: SecurityView
    issues: tuple[IssueRow, ...]
    open_issues: Mark | None
    upgrade: UpgradeView
    provenance: ProvenanceView
    history: tuple[Event, ...]
    revisions: tuple[tuple[Time, str], ...]
    turn: Turn
    toc: tuple[Link, ...]


def release_view(reading: Reading, published: PublishedRelease) -> ReleaseView:
    """Everything on the page of ``published``.

    Raises:
        InputError: the notes cannot be rendered.
    """
    site, release = reading.site, published.release
    page = addresses.release_page(release.version)
    states = standings(site, published, page)
    turn = _turn(reading, published, page)
    downloads = downloads_view(reading, published, page)
    changes, issues = changes_view(reading, published, page), _issues(site, published, page)
    return ReleaseView(
        frame=_frame(site, published, page),
        crumbs=_crumbs(reading, published, page),
        version=str(release.version),
        withdrawn=bool(published.withdrawn),
        only_on_record=published.only_on_record,
        notices=release_notices(site, published, page),
        standings=states,
        current=tuple(state.title for state in states if state.word in _OFFERED),
        superseded=tuple(state for state in states if state.superseded_by is not None),
        rollouts=_rollouts(site, published),
        support=_support(site, published),
        assurance=assurance(release),
        built_for=channel_title(release.channel),
        created=time_of(release.created),
        boards_text=board_names(release),
        kernel=kernel_version(release),
        replaces=turn.older if turn.channel else None,
        changes=changes,
        downloads=downloads,
        packages=packages_view(reading, published, page),
        security=security_view(published, page),
        issues=issues,
        open_issues=issue_mark(site, release.version),
        upgrade=upgrade_view(site, published, page),
        provenance=provenance_view(reading, published, downloads.boards, page),
        history=history(site, published, page),
        revisions=tuple((time_of(one.recorded), one.summary) for one in published.revisions),
        turn=turn,
        toc=_toc(published, changes, issues),
    )


def _frame(site: Site, published: PublishedRelease, page: str) -> Frame:
    release = published.release
    title, description = f"{site.product} {release.version}", summary(release, release.channel)
    if published.withdrawn:
        title, description = f"{title} (withdrawn)", f"Withdrawn: do not install it. {description}"
    offering = [entry for entry in settled_first(site, published) if is_current(site, published, entry)]
    return frame(
        site,
        page,
        title=title,
        description=description,
        channels=tuple(entry.name for entry in offering),
        published=min((entry.since for entry in published.channels), default=release.created),
        noindex=bool(published.withdrawn),
        lasting=True,
    )


def _crumbs(reading: Reading, published: PublishedRelease, page: str) -> tuple[Link, ...]:
    main = reading.main_channel(published)
    above = Link(addresses.from_page(page, addresses.RELEASES), "Releases")
    if main is None:
        return (above,)
    return (above, Link(addresses.from_page(page, addresses.channel_page(main)), channel_title(main)))


def _rollouts(site: Site, published: PublishedRelease) -> tuple[RolloutView, ...]:
    """Those that go on."""
    if published.only_on_record:
        return ()
    return tuple(
        view
        for entry in settled_first(site, published)
        if is_current(site, published, entry)
        and not standing(entry.pauses)
        and (view := rollout_view(site, entry.name))
    )


def _support(site: Site, published: PublishedRelease) -> tuple[tuple[str, Time], ...]:
    return tuple(
        (
            f"{channel_title(entry.name)} support {'ended' if site.has_ended(entry.name) else 'through'}",
            last_day(site.support[entry.name].ends),
        )
        for entry in settled_first(site, published)
        if entry.name in site.support and is_current(site, published, entry)
    )


def _issues(site: Site, published: PublishedRelease, page: str) -> tuple[IssueRow, ...]:
    """What is known to be wrong with it, what is still open first, then the newest."""
    version = published.release.version
    found = [issue for issue in site.issues if version in issue.affected]
    found.sort(key=lambda issue: issue.updated, reverse=True)
    found.sort(key=lambda issue: not issue.state.is_open)
    return tuple(_issue(site, issue, page) for issue in found)


def _issue(site: Site, issue: KnownIssue, page: str) -> IssueRow:
    return IssueRow(
        title=issue.title,
        href=addresses.from_page(page, addresses.issue(issue.name)),
        state=_STATES[issue.state],
        text=issue.text,
        workaround=issue.workaround,
        fixed_in=tuple(release_link(site, version, page) for version in issue.fixed_in),
        opened=time_of(issue.opened),
        updated=time_of(issue.updated),
    )


def _turn(reading: Reading, published: PublishedRelease, page: str) -> Turn:
    version, main = published.release.version, reading.main_channel(published)
    if main is None:
        versions = [one.release.version for one in reading.site.newest_first()]
        place = versions.index(version)
        older = versions[place + 1] if place + 1 < len(versions) else None
        newer = versions[place - 1] if place else None
    else:
        before, after = reading.beside(main, version)
        older, newer = (None if one is None else one.release.version for one in (before, after))
    links = (None if one is None else release_link(reading.site, one, page) for one in (older, newer))
    return Turn(channel="" if main is None else channel_title(main), older=next(links), newer=next(links))


def _toc(published: PublishedRelease, changes: ChangesView, issues: tuple[IssueRow, ...]) -> tuple[Link, ...]:
    given = [
        ("downloads", "Files" if published.only_on_record else "Downloads", not published.is_imported),
        ("required", "Action required", bool(changes.required)),
        ("notes", "What changed", True),
        ("packages", "Packages", True),
        ("security", "Security", True),
        ("known-issues", f"Known issues ({len(issues)})" if issues else "Known issues", bool(issues)),
        ("upgrade", "Upgrade path", True),
        ("provenance", "Provenance", not published.is_imported),
        ("revisions", "Corrections", bool(published.revisions)),
        ("history", "History", True),
    ]
    return tuple(Link(f"#{name}", text) for name, text, is_there in given if is_there)

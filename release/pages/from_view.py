"""The page "from a version": everything between it and what its channels are at. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from release.catalog.version import Version
from release.pages import addresses
from release.pages.cve_index import cve_index
from release.pages.from_changes import Told, change_counts, told_of
from release.pages.from_cves import Security, security_of
from release.pages.lineage import NOTHING, software_versions
from release.pages.links import Link, release_link
from release.pages.notices import Notice, release_notices
from release.pages.offers import offered
from release.pages.once import Once
from release.pages.order import is_lower
from release.pages.records import AnyRelease, PublishedRelease, standing
from release.pages.site import Site
from release.pages.standings import Level, Mark, marks
from release.pages.view import Frame, frame, kernel_version
from release.pages.wording import Time, channel_title, counted, listing, time_of

ROWS = 30
"""So many releases on the way have a row; of older ones there are links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareRow:
    """Software that is another before and after. ``change``: added, removed, updated, downgraded, changed."""

    name: str
    before: str
    after: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BetweenRow:
    """A release on the way; of ``cves`` and ``changes`` how many the channel has from it on."""

    link: Link
    since: Time
    kernel: str
    cves: int
    changes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Where machines of a channel that has ended can go."""

    link: Link
    compare: str
    cves: int
    software: tuple[SoftwareRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """From the version to what a channel is at. ``titles`` has more than one where several are alike.

    ``advice`` says whether to take it, the gravest first. ``rows`` are the releases after the version up to
    the head, the newest first, ``older`` those that there is no room for in the table. ``down``: the
    channel is at an older one.
    """

    name: str
    titles: str
    verb: str
    """``is``, or ``are`` for several."""
    head: Link
    since: Time
    marks: tuple[Mark, ...]
    advice: tuple[Mark, ...]
    issues: tuple[Link, ...]
    down: bool
    ended: bool
    move: Move | None
    rows: tuple[BetweenRow, ...]
    older: tuple[BetweenRow, ...]
    software: tuple[SoftwareRow, ...]
    security: Security
    lost: int
    told: Told
    floors: tuple[tuple[Link, str], ...]
    compare: str

    @property
    def count(self) -> int:
        """How many releases there are after the version."""
        return len(self.rows) + len(self.older)

    @property
    def newest(self) -> bool:
        """Whether there is nothing newer."""
        return not self.rows and not self.down


@dataclass(frozen=True, slots=True, kw_only=True)
class FromView:
    """The page. ``channels`` are what there is to go to for a version that no channel has offered."""

    frame: Frame
    version: str
    crumbs: tuple[Link, ...]
    summary: str
    notices: tuple[Notice, ...]
    paths: tuple[Path, ...]
    channels: tuple[Link, ...]
    lookup: str
    compare: str
    reading: str


def from_view(site: Site, published: PublishedRelease) -> FromView:
    """Everything on the page of what one gets from ``published`` on."""
    version = published.release.version
    page = addresses.from_version_page(version)
    paths = _paths(site, published, page)
    summary = " ".join(_summary(path) for path in paths)
    if not paths:
        summary = f"No channel has offered {version}, so none leads on from it."
    return FromView(
        frame=frame(
            site,
            page,
            title=f"From {site.product} {version}",
            description=f"What machines at {version} get. {summary}",
            lasting=True,
        ),
        version=str(version),
        crumbs=(
            Link(addresses.from_page(page, addresses.RELEASES), "Releases"),
            release_link(site, version, page),
        ),
        summary=summary,
        notices=release_notices(site, published, page) if published.withdrawn else (),
        paths=paths,
        channels=() if paths else _heads(site, page),
        lookup=addresses.from_page(page, addresses.CVES),
        compare=addresses.from_page(page, f"{addresses.COMPARE}?from={version}"),
        reading=addresses.from_page(page, f"{addresses.CVES}#reading"),
    )


def software_rows(before: AnyRelease, after: AnyRelease) -> tuple[SoftwareRow, ...]:
    """What ``before`` has otherwise, in the order of ``after``; then what is gone."""
    old, new = software_versions(before), software_versions(after)
    names = [*new, *(name for name in old if name not in new)]
    return tuple(
        SoftwareRow(
            name=name,
            before=old.get(name, NOTHING),
            after=new.get(name, NOTHING),
            change=_change(old.get(name), new.get(name)),
        )
        for name in names
        if old.get(name) != new.get(name)
    )


def _change(before: str | None, after: str | None) -> str:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    lower = is_lower(after, before)
    return "changed" if lower is None else "downgraded" if lower else "updated"


def _heads(site: Site, page: str) -> tuple[Link, ...]:
    return tuple(
        release_link(site, version, page, f"{channel_title(channel.name)} {version}")
        for channel in reversed(tuple(site.channels))
        if (version := site.heads.get(channel.name)) and channel.name not in site.retired
    )


@dataclass(frozen=True, slots=True)
class _Way:
    """What leads from a version to what a channel is at, the lowest version first."""

    head: PublishedRelease
    gained: tuple[PublishedRelease, ...]


def _paths(site: Site, published: PublishedRelease, page: str) -> tuple[Path, ...]:
    """One for each channel; those that lead through the same releases to the same one are told as one."""
    ways: dict[tuple[Version, ...], tuple[_Way, list[str]]] = {}
    names = sorted(
        (entry.name for entry in published.channels),
        key=lambda name: (_has_ended(site, name), -site.channels.rank(name)),
    )
    for name in names:
        head = site.current(name)
        if head is not None:
            way = _Way(head, _between(site, published, head, name))
            key = (head.release.version, *(one.release.version for one in way.gained))
            ways.setdefault(key, (way, []))[1].append(name)
    return tuple(_path(site, published, way, names, page) for way, names in ways.values())


def _between(
    site: Site, published: PublishedRelease, head: PublishedRelease, channel: str
) -> tuple[PublishedRelease, ...]:
    low, high = published.release.version, head.release.version
    return tuple(one for one in offered(site).get(channel, ()) if low < one.release.version <= high)


def _has_ended(site: Site, channel: str) -> bool:
    return channel in site.retired or site.has_ended(channel)


def _path(site: Site, published: PublishedRelease, way: _Way, names: list[str], page: str) -> Path:
    # The stream says more than the channel that follows it.
    name = min(names, key=lambda name: (-len(name.split("-")), name))
    head = way.head
    version, target = published.release.version, head.release.version
    index, entry = cve_index(site), head.entry(name)
    all_rows = _all_rows(site)
    rows = tuple(all_rows[name, one.release.version] for one in reversed(way.gained))
    ended = _has_ended(site, name)
    return Path(
        name=name,
        titles=listing([channel_title(one) for one in names]),
        verb="is" if len(names) == 1 else "are",
        head=release_link(site, target, page),
        since=time_of(head.release.created if entry is None else entry.since),
        marks=_marks(site, head, name),
        advice=_advice(site, head, name),
        issues=_issues(site, head, page),
        down=target < version,
        ended=ended,
        move=_move(site, published, name, page) if ended else None,
        rows=rows[:ROWS],
        older=rows[ROWS:],
        software=software_rows(published.release, head.release),
        security=security_of(site, index.gained_set(version, target), page),
        lost=len(index.gained_set(target, version)),
        told=told_of(site, name, way.gained),
        floors=tuple(
            (release_link(site, floor.version, page), floor.reason)
            for floor in site.floors
            if floor.channel == name and version < floor.version < target
        ),
        compare=addresses.from_page(page, f"{addresses.COMPARE}?from={version}&to={target}"),
    )


@Once
def _all_rows(site: Site) -> Mapping[tuple[str, Version], BetweenRow]:
    """By channel and version. Every page of this kind is as deep below the root as any other."""
    page = addresses.from_version_page(Version(0, 0, 0))
    return {
        (channel, published.release.version): _row(site, published, channel, page)
        for channel, offers in offered(site).items()
        for published in offers
    }


def _row(site: Site, published: PublishedRelease, channel: str, page: str) -> BetweenRow:
    entry, release = published.entry(channel), published.release
    return BetweenRow(
        link=release_link(site, release.version, page),
        since=time_of(release.created if entry is None else entry.since),
        kernel=kernel_version(release) or NOTHING,
        cves=len(cve_index(site).first_set(channel, release.version)),
        changes=change_counts(site)[channel, release.version],
    )


def _advice(site: Site, head: PublishedRelease, channel: str) -> tuple[Mark, ...]:
    """Whether to take what the channel is at. Nothing is promised: it says what is known against it."""
    version, title, found = head.release.version, channel_title(channel), []
    entry = head.entry(channel)
    if head.withdrawn:
        found.append(Mark(Level.BAD, f"Do not take {version}: it is withdrawn."))
    if entry and standing(entry.pauses):
        found.append(Mark(Level.WARN, f"Not offered for now: the rollout of {version} is paused."))
    if site.frozen(channel):
        found.append(Mark(Level.WARN, f"{title} is frozen: nothing newer comes for now."))
    if _has_ended(site, channel):
        found.append(Mark(Level.WARN, f"{title} has ended: it gets no more fixes."))
    if any(issue.state.is_open and version in issue.affected for issue in site.issues):
        found.append(Mark(Level.WARN, f"{version} has known issues."))
    return tuple(found) or (
        Mark(Level.GOOD, f"Nothing is known against {version}: it is neither withdrawn nor paused."),
    )


def _marks(site: Site, head: PublishedRelease, channel: str) -> tuple[Mark, ...]:
    if _has_ended(site, channel):
        return (Mark(Level.WARN, "Ended"),)
    entry = head.entry(channel)
    return () if entry is None else marks(site, head, entry)


def _issues(site: Site, head: PublishedRelease, page: str) -> tuple[Link, ...]:
    return tuple(
        Link(addresses.from_page(page, addresses.issue(issue.name)), issue.title)
        for issue in site.issues
        if issue.state.is_open and head.release.version in issue.affected
    )


def _move(site: Site, published: PublishedRelease, channel: str, page: str) -> Move | None:
    """The newest stream beside the ended one; else the most settled channel that goes on."""
    base, _, year = channel.rpartition("-")
    names = [one.name for one in site.channels if site.heads.get(one.name)]
    alive = [name for name in reversed(names) if not _has_ended(site, name)]
    streams = [name for name in alive if year.isdecimal() and name.startswith(f"{base}-")]
    plain = [name for name in alive if name not in site.support and not site.streams(name)]
    target = next(iter([*streams, *plain]), None)
    head = None if target is None else site.current(target)
    if target is None or head is None:
        return None
    version = head.release.version
    query = f"{addresses.COMPARE}?from={published.release.version}&to={version}"
    return Move(
        link=release_link(site, version, page, f"{channel_title(target)} {version}"),
        compare=addresses.from_page(page, query),
        cves=len(cve_index(site).gained_set(published.release.version, version)),
        software=software_rows(published.release, head.release),
    )


def _summary(path: Path) -> str:
    if path.newest and path.ended:
        onward = f" Move to {path.move.link.text}." if path.move else ""
        return f"{path.titles} has ended with it.{onward}"
    if path.newest:
        return f"{path.titles}: it is the newest."
    if path.down:
        return f"{path.titles} {path.verb} at {path.head.text}, which is older."
    releases, cves = counted(path.count, "release"), counted(path.security.count, "CVE")
    return f"{path.titles} {path.verb} at {path.head.text}: {releases} on, with fixes of {cves}."

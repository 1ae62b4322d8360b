"""The page "from a version": everything between it and what its channels are at. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from release.catalog.version import Version
from release.pages import addresses
from release.pages.cve_index import cve_index
from release.pages.from_changes import Told, change_counts, told_of
from release.pages.from_cves import Security, security_of
from release.pages.from_moves import Move, Onward, SoftwareRow, has_ended, onward_of, software_rows
from release.pages.lineage import NOTHING
from release.pages.links import Link, release_link
from release.pages.notices import Notice, release_notices
from release.pages.offers import offered
from release.pages.once import Once
from release.pages.records import PublishedRelease
from release.pages.site import Site
from release.pages.standings import Level, Mark, marks
from release.pages.view import Frame, aside, frame, kernel_version, stopped
from release.pages.wording import Time, channel_title, counted, listing, time_of

ROWS = 30
"""So many releases on the way have a row; of older ones there are links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BetweenRow:
    """A release on the way; of ``cves`` and ``changes`` how many the channel has from it on."""

    link: Link
    since: Time
    kernel: str
    cves: int
    changes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """From the version to what a channel is at. ``titles`` has more than one where several are alike.

    ``advice`` says whether to take it, the gravest first. ``rows`` are the releases after the version up to
    the head, the newest first, ``older`` those that there is no room for in the table. ``down``: the
    channel is at an older one. ``waiting`` is what an ended channel leads to and cannot be taken now,
    ``later`` the stream among that to wait for, in words.
    """

    name: str
    titles: str
    verb: str
    """``is``, or ``are`` for several."""
    has: str
    """``has``, or ``have`` for several."""
    head: Link
    since: Time
    marks: tuple[Mark, ...]
    stopped: str
    """``withdrawn`` or ``paused``, where machines do not get the head now."""
    advice: tuple[Mark, ...]
    issues: tuple[Link, ...]
    down: bool
    ended: bool
    move: Move | None
    waiting: tuple[Link, ...]
    later: str
    rows: tuple[BetweenRow, ...]
    older: tuple[BetweenRow, ...]
    software: tuple[SoftwareRow, ...]
    security: Security
    lost: str
    """How many CVEs the head is not told to have the fix of any more; empty for none."""
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


def _heads(site: Site, page: str) -> tuple[Link, ...]:
    return tuple(
        release_link(site, head.release.version, page, _head_text(head, channel.name))
        for channel in reversed(tuple(site.channels))
        if (head := site.current(channel.name)) and channel.name not in site.retired
    )


def _head_text(head: PublishedRelease, channel: str) -> str:
    """That it is withdrawn, every link says by itself."""
    text = f"{channel_title(channel)} {head.release.version}"
    return text if head.withdrawn else text + aside(stopped(head, channel))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """What leads from a version to what a channel is at, and everything that is told of the channel by it.

    Channels whose ways are equal are told as one. ``gained`` has the lowest version first.
    """

    head: PublishedRelease
    gained: tuple[PublishedRelease, ...]
    since: Time
    marks: tuple[Mark, ...]
    stopped: str
    frozen: bool
    ended: bool
    floors: tuple[tuple[Link, str], ...]
    onward: Onward | None
    rows: tuple[BetweenRow, ...]
    told: Told


def _paths(site: Site, published: PublishedRelease, page: str) -> tuple[Path, ...]:
    """One for each channel, the most settled first, those that have ended last; equal ones are one."""
    ways: list[tuple[_Way, list[str]]] = []
    names = sorted(
        (entry.name for entry in published.channels),
        key=lambda name: (has_ended(site, name), -site.channels.rank(name)),
    )
    for name in names:
        head = site.current(name)
        if head is None:
            continue
        way = _way(site, published, head, name, page)
        joined = next((joined for known, joined in ways if known == way), None)
        if joined is None:
            ways.append((way, [name]))
        else:
            joined.append(name)
    return tuple(_path(site, published, way, names, page) for way, names in ways)


def _way(site: Site, published: PublishedRelease, head: PublishedRelease, channel: str, page: str) -> _Way:
    low, high = published.release.version, head.release.version
    gained = tuple(one for one in offered(site).get(channel, ()) if low < one.release.version <= high)
    entry, all_rows, ended = head.entry(channel), _all_rows(site), has_ended(site, channel)
    return _Way(
        head=head,
        gained=gained,
        since=time_of(head.release.created if entry is None else entry.since),
        marks=_marks(site, head, channel),
        stopped=stopped(head, channel),
        frozen=bool(site.frozen(channel)),
        ended=ended,
        floors=tuple(
            (release_link(site, floor.version, page), floor.reason)
            for floor in site.floors
            if floor.channel == channel and low < floor.version < high
        ),
        onward=onward_of(site, published, channel, page) if ended else None,
        rows=tuple(all_rows[channel, one.release.version] for one in reversed(gained)),
        told=told_of(site, channel, gained),
    )


def _path(site: Site, published: PublishedRelease, way: _Way, names: list[str], page: str) -> Path:
    head = way.head
    version, target = published.release.version, head.release.version
    index = cve_index(site)
    titles, one = listing([channel_title(name) for name in names]), len(names) == 1
    return Path(
        # A stream says more than the channel that follows it; else it is the most settled one.
        name=max(names, key=lambda name: len(name.split("-"))),
        titles=titles,
        verb="is" if one else "are",
        has="has" if one else "have",
        head=release_link(site, target, page),
        since=way.since,
        marks=way.marks,
        stopped=way.stopped,
        advice=_advice(site, way, titles, one=one),
        issues=_issues(site, head, page),
        down=target < version,
        ended=way.ended,
        move=way.onward.move if way.onward else None,
        waiting=way.onward.waiting if way.onward else (),
        later=way.onward.later if way.onward else "",
        rows=way.rows[:ROWS],
        older=way.rows[ROWS:],
        software=software_rows(published.release, head.release),
        security=security_of(site, index.gained_set(version, target), page),
        lost=counted(lost, "CVE") if (lost := len(index.gained_set(target, version))) else "",
        told=way.told,
        floors=way.floors,
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


def _advice(site: Site, way: _Way, titles: str, *, one: bool) -> tuple[Mark, ...]:
    """Whether to take what the channel is at. Nothing is promised: it says what is known against it."""
    version, found = way.head.release.version, []
    if way.head.withdrawn:
        found.append(Mark(Level.BAD, f"Do not take {version}: it is withdrawn."))
    elif way.stopped:
        found.append(Mark(Level.WARN, f"Not offered for now: the rollout of {version} is paused."))
    if way.frozen:
        found.append(
            Mark(Level.WARN, f"{titles} {'is' if one else 'are'} frozen: nothing newer comes for now.")
        )
    if way.ended:
        has, gets = ("has", "it gets") if one else ("have", "they get")
        found.append(Mark(Level.WARN, f"{titles} {has} ended: {gets} no more fixes."))
    if any(issue.state.is_open and version in issue.affected for issue in site.issues):
        found.append(Mark(Level.WARN, f"{version} has known issues."))
    return tuple(found) or (
        Mark(Level.GOOD, f"Nothing is known against {version}: it is neither withdrawn nor paused."),
    )


def _marks(site: Site, head: PublishedRelease, channel: str) -> tuple[Mark, ...]:
    if has_ended(site, channel):
        return (Mark(Level.WARN, "Ended"),)
    entry = head.entry(channel)
    return () if entry is None else marks(site, head, entry)


def _issues(site: Site, head: PublishedRelease, page: str) -> tuple[Link, ...]:
    return tuple(
        Link(addresses.from_page(page, addresses.issue(issue.name)), issue.title)
        for issue in site.issues
        if issue.state.is_open and head.release.version in issue.affected
    )


def _summary(path: Path) -> str:
    word = aside(path.stopped)
    if path.newest and path.ended:
        onward = " There is nothing to move to for now." if path.waiting else ""
        if path.move:
            onward = f" Move to {path.move.link.text}."
        elif path.later:
            onward = f" Move to {path.later}"
        return f"{path.titles} {path.has} ended with it.{onward}"
    if path.newest:
        return f"{path.titles}: it is the newest{word}."
    if path.down:
        return f"{path.titles} {path.verb} at {path.head.text}{word}, which is older."
    releases, cves = counted(path.count, "release"), counted(path.security.count, "CVE")
    return f"{path.titles} {path.verb} at {path.head.text}{word}: {releases} on, with fixes of {cves}."

"""What feeds tell: a channel got a release, something was withdrawn or stopped, support ends. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain

from release.pages import addresses
from release.pages.machine.book import Book, cve_count, moments
from release.pages.notices import NO_REASON, SOON, ends_soon, inherited_pauses, skipped
from release.pages.records import ChannelEntry, KnownIssue, PublishedRelease, Stop, standing
from release.pages.site import Site
from release.pages.view import last_day, summary
from release.pages.wording import channel_title, counted, rfc3339, time_of


class Kind(StrEnum):
    """What an entry is about."""

    RELEASE = "release"
    STOP = "stop"
    SUPPORT = "support"
    ISSUE = "issue"
    CORRECTION = "correction"
    """Told by the entry of the release as well; an entry of its own only in the feed of events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One entry. ``identity`` never changes, whatever happens; ``updated`` says when something did.

    ``channels`` are those whose feeds tell it; the feed of all does if it is ``common``. ``page`` is relative
    to the root of the pages. ``notes`` are Markdown, ``warnings`` plain text above them. ``order`` breaks
    ties between what was published at the same time. ``fixes``: CVEs that the notes say are fixed.
    """

    kind: Kind
    identity: tuple[str, ...]
    channels: frozenset[str]
    common: bool = True
    published: datetime
    updated: datetime
    title: str
    page: str
    terms: tuple[str, ...]
    summary: str
    warnings: tuple[str, ...] = ()
    notes: str = ""
    order: tuple[int, ...] = ()
    fixes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed: its name in ids, what it is called, and where it is, relative to the root of the pages.

    ``channel`` is whose feed it is; None for those of all channels.
    """

    identity: tuple[str, ...]
    title: str
    description: str
    atom: str
    json: str
    page: str
    channel: str | None = None

    def has(self, item: News) -> bool:
        """Whether the feed tells it."""
        if self.identity == _EVENTS:
            return item.common and item.kind is not Kind.RELEASE
        if self.identity == _SECURITY:
            return item.common and item.kind is Kind.RELEASE and item.fixes > 0
        told = item.common if self.channel is None else self.channel in item.channels
        return told and item.kind is not Kind.CORRECTION


_SECURITY = ("feeds", "security")
_EVENTS = ("feeds", "events")
_REMINDED = (SOON, timedelta(days=30), timedelta(days=7), timedelta(0))
"""So long before support ends its entry is there, comes up again, and at last says that it ended."""


def feeds_of(site: Site) -> tuple[Feed, ...]:
    """Every feed: of all channels, of each, of security fixes, of events."""
    return (
        feed_of(site, None),
        *(feed_of(site, channel.name) for channel in site.channels),
        Feed(
            identity=_SECURITY,
            title=f"{site.product} security fixes",
            description=f"Releases of {site.product} that fix something with a CVE id.",
            atom=addresses.SECURITY_FEED,
            json=addresses.SECURITY_JSON_FEED,
            page=addresses.CVES,
        ),
        Feed(
            identity=_EVENTS,
            title=f"{site.product} events",
            description=f"What befell releases and channels of {site.product}: withdrawals, stops,"
            " corrections, known issues, ends of support.",
            atom=addresses.EVENT_FEED,
            json=addresses.EVENT_JSON_FEED,
            page=addresses.STATUS,
        ),
    )


def feed_of(site: Site, channel: str | None) -> Feed:
    """The feed of a channel, or of all."""
    whose = site.product if channel is None else f"{site.product} {channel_title(channel)}"
    return Feed(
        identity=("feed", channel or "all"),
        title=f"{whose} releases",
        description=f"Every release of {whose}, and what befell it.",
        atom=addresses.feed(channel),
        json=addresses.json_feed(channel),
        page=addresses.INDEX if channel is None else addresses.channel_page(channel),
        channel=channel,
    )


def all_news(book: Book) -> tuple[News, ...]:
    """What happened, the latest first.

    At the same time the higher version and the more settled channel come first. What happened to an
    entry later changes it and its ``updated``, never its place. Being withdrawn or stopped is news of
    its own as well, because readers of feeds overlook changed entries.
    """
    found: dict[tuple[str, ...], News] = {}
    site = book.site
    for item in chain(_arrivals(book), _stops(book), _ends(site), _corrections(book), _issues(book)):
        found.setdefault(item.identity, item)  # the same stopped twice in one second is one piece of news
    order = sorted(found.values(), key=lambda item: (item.published, item.order, item.identity), reverse=True)
    return tuple(order)


def select(items: Iterable[News], feed: Feed, limit: int) -> tuple[News, ...]:
    """The first ``limit`` of what the feed tells."""
    return tuple(item for item in items if feed.has(item))[:limit]


def _arrivals(book: Book) -> Iterator[News]:
    for published in book.site.releases:
        for entry in published.channels:
            yield _arrival(book, published, entry)


def _arrival(book: Book, published: PublishedRelease, entry: ChannelEntry) -> News:
    release, stops = published.release, (*published.withdrawals, *entry.pauses)
    version = release.version
    state = "withdrawn" if published.withdrawn else "paused" if standing(entry.pauses) else None
    title = f"{book.site.product} {channel_title(entry.name)} {release.version}"
    warnings = _warnings(published, entry)
    fixes = cve_count(published)
    told = [*warnings, summary(release, entry.name), *([f"Fixes {counted(fixes, 'CVE')}."] if fixes else [])]
    terms = (entry.name, *(["security"] if fixes else []), *([state] if state else []))
    corrected = [revision.recorded for revision in published.revisions]
    return News(
        kind=Kind.RELEASE,
        identity=(entry.name, str(release.version)),
        channels=frozenset({entry.name}),
        common=not book.is_repeated(published, entry),  # the stream's own entry says it already
        published=entry.since,
        updated=max([entry.since, *corrected, *(moment for stop in stops for moment in moments(stop))]),
        title=f"{title} ({state})" if state else title,
        page=addresses.release_page(release.version),
        terms=terms,
        summary=" ".join(told),
        warnings=warnings,
        notes=published.notes,
        order=(version.major, version.branch, version.patch, book.ranks[entry.name]),
        fixes=fixes,
    )


def _warnings(published: PublishedRelease, entry: ChannelEntry) -> tuple[str, ...]:
    lines = [f"Withdrawn, do not install it: {_said(stop)}" for stop in published.withdrawn]
    lines += [
        f"Rollout {'halted by itself' if stop.automatic else 'paused'}: {_said(stop)}"
        for stop in standing(entry.pauses)
    ]
    if entry.hurry:
        why = _sentence(entry.hurry.reason)
        lines.append(f"Hurried, it did not wait for {skipped(entry.hurry)}: {why}")
    lines += [
        f"Notes corrected on {time_of(revision.recorded).day}: {_sentence(revision.summary)}"
        for revision in published.revisions
    ]
    return tuple(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matter:
    """Something that was stopped, perhaps often. Told to the feeds of ``channels``.

    What is ``inherited`` is told of another channel in the feeds of all.
    """

    what: tuple[str, ...]
    channels: frozenset[str]
    stops: tuple[Stop, ...]
    page: str
    begun: str
    lifted: str
    inherited: tuple[Stop, ...] = ()


def _stops(book: Book) -> Iterator[News]:
    for matter in _matters(book):
        for stop in matter.stops:
            yield _stopped(book.site, matter, stop)


def _matters(book: Book) -> Iterator[_Matter]:
    site = book.site
    for published in site.releases:
        version = str(published.release.version)
        page = addresses.release_page(published.release.version)
        yield _Matter(
            what=("withdrawn", version),
            channels=frozenset(entry.name for entry in published.channels),
            stops=published.withdrawals,
            page=page,
            begun=f"{version} is withdrawn",
            lifted=f"{version} is not withdrawn any more",
        )
        for entry in published.channels:
            for automatic, begun in ((False, "is paused"), (True, "halted by itself")):
                yield _Matter(
                    what=("paused", entry.name, version),
                    channels=frozenset({entry.name}),
                    stops=tuple(stop for stop in entry.pauses if stop.automatic is automatic),
                    page=page,
                    begun=f"{channel_title(entry.name)}: the rollout of {version} {begun}",
                    lifted=f"{channel_title(entry.name)}: the rollout of {version} goes on",
                    inherited=inherited_pauses(site, published, entry),
                )
    for name, freezes in site.freezes.items():
        yield _Matter(
            what=("frozen", name),
            channels=frozenset({name}),
            stops=freezes,
            page=addresses.channel_page(name),
            begun=f"{channel_title(name)} is frozen",
            lifted=f"{channel_title(name)} is not frozen any more",
            inherited=site.inherited(name),
        )


def _stopped(site: Site, matter: _Matter, stop: Stop) -> News:
    over = "" if stop.lifted is None else f" Lifted {time_of(stop.lifted).text}."
    return News(
        kind=Kind.STOP,
        identity=(*matter.what, rfc3339(stop.since)),
        channels=matter.channels,
        common=stop not in matter.inherited,
        published=stop.since,
        updated=max(moments(stop)),
        title=f"{site.product} {matter.begun if stop.lifted is None else matter.lifted}",
        page=matter.page,
        terms=(matter.what[0],),
        summary=f"{_said(stop)}{over}",
    )


def _said(stop: Stop) -> str:
    reason, advice = _sentence(stop.reason), stop.advice.strip()
    return f"{reason} What to do: {_sentence(advice)}" if advice else reason


def _sentence(text: str) -> str:
    """What somebody wrote, ended by a full stop where it has no end, because more follows."""
    said = text.strip() or NO_REASON
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _ends(site: Site) -> Iterator[News]:
    """That support of a stream ends soon, or has ended. One entry, brought up again as time runs out."""
    for name, support in site.support.items():
        if not ends_soon(site, name):
            continue
        has_ended, newest = site.has_ended(name), site.streams(support.stream_of)[-1]
        told = [max(support.opened, support.ends - before) for before in _REMINDED]
        move = f" Move to {channel_title(newest)}." if newest != name else ""
        day = last_day(support.ends).day
        yield News(
            kind=Kind.SUPPORT,
            identity=("support", name),
            channels=frozenset({name, support.stream_of}),
            published=told[0],
            updated=max((moment for moment in told if moment <= site.generated_at), default=told[0]),
            title=f"{site.product} {channel_title(name)} {'ended' if has_ended else 'ends'} {day}",
            page=addresses.END_OF_LIFE,
            terms=(name, "support"),
            summary=f"Support of {channel_title(name)} {'ended' if has_ended else 'ends'} {day}.{move}",
        )


def _corrections(book: Book) -> Iterator[News]:
    for published in book.site.releases:
        version = published.release.version
        for revision in published.revisions:
            yield News(
                kind=Kind.CORRECTION,
                identity=("corrected", str(version), rfc3339(revision.recorded)),  # no two are of one second
                channels=frozenset(entry.name for entry in published.channels),
                published=revision.recorded,
                updated=revision.recorded,
                title=f"{book.site.product} {version}: the notes were corrected",
                page=addresses.release_page(version),
                terms=("corrected",),
                summary=_sentence(revision.summary),
            )


def _issues(book: Book) -> Iterator[News]:
    """Known issues. One entry for each, which changes as the issue does."""
    for issue in book.site.issues:
        affected = [one for version in issue.affected if (one := book.site.find(version))]
        yield News(
            kind=Kind.ISSUE,
            identity=("issue", issue.name),
            channels=frozenset(entry.name for one in affected for entry in one.channels),
            published=issue.opened,
            updated=max(issue.opened, issue.updated),
            title=f"{book.site.product}: {issue.title} ({issue.state.value})",
            page=addresses.issue(issue.name),
            terms=("issue", issue.state.value),
            summary=_issue(issue),
        )


def _issue(issue: KnownIssue) -> str:
    parts = [_sentence(issue.text)]
    if issue.affected:
        parts.append(f"Affected: {', '.join(map(str, issue.affected))}.")
    if issue.workaround.strip():
        parts.append(f"What to do: {_sentence(issue.workaround)}")
    if issue.fixed_in:
        parts.append(f"Fixed in {', '.join(map(str, issue.fixed_in))}.")
    return " ".join(parts)

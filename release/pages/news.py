"""What feeds tell: a channel got a release, something was withdrawn or stopped, support ends. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from release.pages import addresses
from release.pages.notices import NO_REASON, SOON, ends_soon, skipped
from release.pages.records import ChannelEntry, PublishedRelease, Stop, standing
from release.pages.site import Site
from release.pages.view import summary
from release.pages.wording import channel_title, rfc3339, time_of


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One entry. ``identity`` never changes, whatever happens; ``updated`` says when something did.

    ``page`` is relative to the root of the pages. ``notes`` are Markdown, ``warnings`` plain text above
    them. ``order`` breaks ties between what was published at the same time.
    """

    identity: tuple[str, ...]
    published: datetime
    updated: datetime
    title: str
    page: str
    terms: tuple[str, ...]
    summary: str
    warnings: tuple[str, ...] = ()
    notes: str = ""
    order: tuple[int, ...] = ()


def news(site: Site, channel: str | None) -> list[News]:
    """What happened in one channel or in all, the latest first.

    At the same time the higher version and the more settled channel come first. What happened to an
    entry later changes it and its ``updated``, never its place. Being withdrawn or stopped is news of
    its own as well, because readers of feeds overlook changed entries.
    """
    found: dict[tuple[str, ...], News] = {}
    for item in chain(_arrivals(site, channel), _stops(site, channel), _ends(site, channel)):
        found.setdefault(item.identity, item)  # the same stopped twice in one second is one piece of news
    return sorted(found.values(), key=lambda item: (item.published, item.order, item.identity), reverse=True)


def _arrivals(site: Site, channel: str | None) -> Iterator[News]:
    for published in site.releases:
        for entry in published.channels:
            follows = channel is None and any(published.entry(name) for name in site.streams(entry.name))
            # The stream's own entry says it already.
            if channel in {None, entry.name} and not follows:
                yield _arrival(site, published, entry)


def _arrival(site: Site, published: PublishedRelease, entry: ChannelEntry) -> News:
    release, stops = published.release, (*published.withdrawals, *entry.pauses)
    version = release.version
    state = "withdrawn" if published.withdrawn else "paused" if standing(entry.pauses) else None
    title = f"{site.product} {channel_title(entry.name)} {release.version}"
    warnings = _warnings(published, entry)
    return News(
        identity=(entry.name, str(release.version)),
        published=entry.since,
        updated=max([entry.since, *(moment for stop in stops for moment in _moments(stop))]),
        title=f"{title} ({state})" if state else title,
        page=addresses.release_page(release.version),
        terms=(entry.name, state) if state else (entry.name,),
        summary=" ".join([*warnings, summary(release, entry.name)]),
        warnings=warnings,
        notes=published.notes,
        order=(version.major, version.branch, version.patch, site.channels.rank(entry.name)),
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
    return tuple(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matter:
    """Something that was stopped, perhaps often. Told to the feeds of ``channels``."""

    what: tuple[str, ...]
    channels: frozenset[str]
    stops: tuple[Stop, ...]
    page: str
    begun: str
    lifted: str


def _stops(site: Site, channel: str | None) -> Iterator[News]:
    for matter in _matters(site, channel):
        if channel is None or channel in matter.channels:
            for stop in matter.stops:
                yield _stopped(site, matter, stop)


def _matters(site: Site, channel: str | None) -> Iterator[_Matter]:
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
                )
    for name, freezes in site.freezes.items():
        yield _Matter(
            what=("frozen", name),
            channels=frozenset({name}),
            stops=freezes if channel else tuple(stop for stop in freezes if stop not in site.inherited(name)),
            page=addresses.INDEX,
            begun=f"{channel_title(name)} is frozen",
            lifted=f"{channel_title(name)} is not frozen any more",
        )


def _stopped(site: Site, matter: _Matter, stop: Stop) -> News:
    over = "" if stop.lifted is None else f" Lifted {time_of(stop.lifted).text}."
    return News(
        identity=(*matter.what, rfc3339(stop.since)),
        published=stop.since,
        updated=max(_moments(stop)),
        title=f"{site.product} {matter.begun if stop.lifted is None else matter.lifted}",
        page=matter.page,
        terms=(matter.what[0],),
        summary=f"{_said(stop)}{over}",
    )


def _moments(stop: Stop) -> list[datetime]:
    return [stop.since] if stop.lifted is None else [stop.since, stop.lifted]


def _said(stop: Stop) -> str:
    reason, advice = _sentence(stop.reason), stop.advice.strip()
    return f"{reason} What to do: {_sentence(advice)}" if advice else reason


def _sentence(text: str) -> str:
    """What somebody wrote, ended by a full stop where it has no end, because more follows."""
    said = text.strip() or NO_REASON
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _ends(site: Site, channel: str | None) -> Iterator[News]:
    """That support of a stream ends soon, or has ended. One entry, which changes when it ends."""
    for name, support in site.support.items():
        if channel not in {None, name, support.stream_of} or not ends_soon(site, name):
            continue
        has_ended, newest = site.has_ended(name), site.streams(support.stream_of)[-1]
        told = max(support.opened, support.ends - SOON)
        move = f" Move to {channel_title(newest)}." if newest != name else ""
        day = time_of(support.ends).day
        yield News(
            identity=("support", name),
            published=told,
            updated=support.ends if has_ended else told,
            title=f"{site.product} {channel_title(name)} {'ended' if has_ended else 'ends'} {day}",
            page=addresses.INDEX,
            terms=(name, "support"),
            summary=f"Support of {channel_title(name)} {'ended' if has_ended else 'ends'} {day}.{move}",
        )

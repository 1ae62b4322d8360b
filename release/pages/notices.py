"""Banners: what was stopped, hurried or has ended, since when, why, and what to do. Pure.

What people wrote stays plain text: an announcement that has to get through must not depend on how
well it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from release.pages import addresses
from release.pages.links import Link, release_link
from release.pages.records import ChannelEntry, Hurry, PublishedRelease, Stop, standing
from release.pages.site import Site
from release.pages.standings import Level, is_current
from release.pages.view import stopped
from release.pages.wording import Time, channel_title, listing, time_of

RECENT = timedelta(days=90)
"""So long a withdrawal is told on the index; after that its page and every list still do."""

SOON = timedelta(days=90)
"""So long before it ends, support is said to end."""

NO_REASON = "No reason was given."

_WAITS = {"soak": "the soak time", "freeze": "a freeze"}
_WEB = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[!#-;=?-\[\]_a-z~]*)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A line of a banner: a time, text as somebody wrote it, or links."""

    label: str
    text: str = ""
    time: Time | None = None
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A banner. ``effect`` says what it means for machines; ``href`` leads to the page it is about."""

    level: Level
    title: str
    effect: str
    facts: tuple[Fact, ...]
    href: str | None = None


def release_notices(site: Site, published: PublishedRelease, page: str) -> tuple[Notice, ...]:
    """The banners of a release's own page, the gravest first.

    What stopped a channel is told while the channel points to the release. That it was hurried is
    told for ever.
    """
    found: list[Notice] = []
    entries = sorted(published.channels, key=lambda entry: site.channels.rank(entry.name), reverse=True)
    if published.withdrawn:
        found.append(_withdrawn(site, published, page))
    if published.collected is not None:
        found.append(_collected(site, published, published.collected, page))
    for entry in entries:
        if is_current(site, published, entry):
            found += _paused(published, entry, page, told=inherited_pauses(site, published, entry, now=True))
            with_parent = is_told_by_parent(site, published, entry)
            found += _frozen(site, entry.name, only_own=with_parent)
            found += _support(site, entry.name, page)
    found += [
        _hurried(published, entry, entry.hurry)
        for entry in entries
        if entry.hurry and not any(published.entry(name) for name in site.streams(entry.name))
    ]
    return tuple(found)


def index_notices(site: Site) -> tuple[Notice, ...]:
    """The banners of the index, the gravest first: withdrawals, stopped channels, the end of support."""
    page, settled_first = addresses.INDEX, [channel.name for channel in reversed(tuple(site.channels))]
    found = [
        _withdrawn(site, published, page) for published in site.newest_first() if _is_news(site, published)
    ]
    for name in settled_first:
        published = site.current(name)
        entry = published and published.entry(name)
        if published and entry:
            found += _paused(published, entry, page, told=inherited_pauses(site, published, entry, now=True))
        found += _frozen(site, name, only_own=True)
    for name in settled_first:
        if not _is_long_over(site, name):
            found += _support(site, name, page)
    return tuple(found)


def channel_notices(site: Site, channel: str, page: str) -> tuple[Notice, ...]:
    """The banners of a channel's own page, the gravest first: what stops or ends it now."""
    published = site.current(channel)
    entry = published and published.entry(channel)
    found: list[Notice] = []
    if published and published.withdrawn:
        found.append(_withdrawn(site, published, page))
    if published and entry:
        found += _paused(published, entry, page)
    found += _frozen(site, channel, only_own=False)
    found += _support(site, channel, page)
    return tuple(found)


def incident_link(hurry: Hurry) -> Link | None:
    """The incident as a link, when it is an address on the web and nothing else."""
    return Link(hurry.incident, hurry.incident) if _WEB.fullmatch(hurry.incident) else None


def skipped(hurry: Hurry) -> str:
    """``the soak time and a freeze``."""
    return listing([_WAITS.get(word, word) for word in hurry.skipped]) or "a wait"


def is_told_by_parent(site: Site, published: PublishedRelease, entry: ChannelEntry) -> bool:
    """Whether the channel that the entry's is a stream of has the release, too, and tells its freezes."""
    support = site.support.get(entry.name)
    parent = support and published.entry(support.stream_of)
    return bool(parent and is_current(site, published, parent))


def inherited_pauses(
    site: Site, published: PublishedRelease, entry: ChannelEntry, *, now: bool = False
) -> tuple[Stop, ...]:
    """Pauses in the entry's channel, lifted ones too, that it has because a stream of it has them.

    ``now``: only of streams that are at the release, whose banners say so.
    """
    streams = (published.entry(name) for name in site.streams(entry.name))
    told = [one for one in streams if one and not (now and site.current(one.name) is not published)]
    return tuple(stop for stop in entry.pauses if any(stop in one.pauses for one in told))


def ends_soon(site: Site, channel: str) -> bool:
    """Whether support of a stream had ended, or was about to, at the site's ``generated_at``."""
    support = site.support.get(channel)
    return support is not None and support.ends - SOON <= site.generated_at


def successor(site: Site, stream: str) -> str | None:
    """The stream that opened next, None for the newest and for what is no stream."""
    if stream not in site.support:
        return None
    streams = site.streams(site.support[stream].stream_of)
    place = streams.index(stream) + 1
    return streams[place] if place < len(streams) else None


def waits_for(published: PublishedRelease, channel: str) -> str:
    """What machines that move to a channel wait for, in words; empty where they can take what it is at."""
    version, word = published.release.version, stopped(published, channel)
    return f"{channel_title(channel)}, once it has what can be taken: {version} is {word}." if word else ""


def _is_news(site: Site, published: PublishedRelease) -> bool:
    if not published.withdrawn:
        return False
    is_head = published.release.version in site.heads.values()
    return is_head or site.generated_at - published.withdrawn[-1].since < RECENT


def _is_long_over(site: Site, channel: str) -> bool:
    """Whether support ended so long ago, and another stream took over, that the index is silent."""
    support = site.support.get(channel)
    over = support is not None and site.generated_at - support.ends >= RECENT
    return over and successor(site, channel) is not None


def _withdrawn(site: Site, published: PublishedRelease, page: str) -> Notice:
    version = published.release.version
    facts = [fact for stop in published.withdrawn for fact in _stop_facts(stop)]
    instead = _instead(site, published, page)
    return Notice(
        level=Level.BAD,
        title=f"{version} is withdrawn: do not install it",
        effect="No channel offers it any more, and no machine is updated to it. What it was stays on record.",
        facts=(*facts, *([instead] if instead else [])),
        href=addresses.from_page(page, addresses.release_page(version)),
    )


def _collected(site: Site, published: PublishedRelease, since: datetime, page: str) -> Notice:
    version = published.release.version
    instead = _instead(site, published, page)
    return Notice(
        level=Level.WARN,
        title=f"The files of {version} are not kept any more",
        effect="No channel needs them. What the release was stays on record, with its signature.",
        facts=(Fact(label="Since", time=time_of(since)), *([instead] if instead else [])),
        href=addresses.from_page(page, addresses.release_page(version)),
    )


def _instead(site: Site, published: PublishedRelease, page: str) -> Fact | None:
    """What the channels that offered it point to now, when that is newer and not withdrawn itself."""
    links, waiting = [], []
    for entry in sorted(published.channels, key=lambda entry: site.channels.rank(entry.name), reverse=True):
        head = site.heads.get(entry.name)
        title = channel_title(entry.name)
        if head is None or head <= published.release.version or site.is_withdrawn(head):
            waiting.append(title)
        else:
            paused = " (paused)" if _is_paused(site, entry.name) else ""
            links.append(release_link(site, head, page, f"{title} {head}{paused}"))
    if not links and not waiting:
        return None
    text = f"Nothing yet in {listing(waiting)}." if waiting else ""
    return Fact(label="Instead", links=tuple(links), text=text)


def _is_paused(site: Site, channel: str) -> bool:
    published = site.current(channel)
    entry = published and published.entry(channel)
    return bool(entry and standing(entry.pauses))


def _paused(
    published: PublishedRelease, entry: ChannelEntry, page: str, *, told: tuple[Stop, ...] = ()
) -> Iterator[Notice]:
    """One banner for each pause that is not ``told`` beside it."""
    version, title = published.release.version, channel_title(entry.name)
    for stop in (stop for stop in standing(entry.pauses) if stop not in told):
        is_so, end = "is paused", "the pause is lifted"
        if stop.automatic:
            is_so, end = "halted by itself", "people let it go on"
        yield Notice(
            level=Level.WARN,
            title=f"{title}: the rollout of {version} {is_so}",
            effect=f"Machines on {title} are not offered {version} until {end}.",
            facts=tuple(_stop_facts(stop)),
            href=addresses.from_page(page, addresses.release_page(version)),
        )


def _frozen(site: Site, channel: str, *, only_own: bool) -> Iterator[Notice]:
    """One banner for each freeze; a stream's ``own`` are those that its channel does not tell."""
    title = channel_title(channel)
    for stop in site.frozen(channel):
        if not (only_own and stop in site.inherited(channel)):
            yield Notice(
                level=Level.WARN,
                title=f"{title} is frozen",
                effect=f"Nothing new comes to {title} until the freeze is lifted."
                " What it offers stays offered.",
                facts=tuple(_stop_facts(stop)),
            )


def _stop_facts(stop: Stop) -> Iterator[Fact]:
    yield Fact(label="Since", time=time_of(stop.since))
    yield Fact(label="Why", text=stop.reason.strip() or NO_REASON)
    if stop.advice.strip():
        yield Fact(label="What to do", text=stop.advice)


def _hurried(published: PublishedRelease, entry: ChannelEntry, hurry: Hurry) -> Notice:
    link = incident_link(hurry)
    facts = [
        Fact(label="On", time=time_of(entry.since)),
        Fact(label="Why", text=hurry.reason.strip() or NO_REASON),
    ]
    if link:
        facts.append(Fact(label="Incident", links=(link,)))
    elif hurry.incident.strip():
        facts.append(Fact(label="Incident", text=hurry.incident))
    return Notice(
        level=Level.WARN,
        title=f"{published.release.version} was hurried into {channel_title(entry.name)}",
        effect=f"It was let in without waiting for {skipped(hurry)}. Signatures, digests and proof were"
        " asked for as always.",
        facts=tuple(facts),
    )


def _support(site: Site, channel: str, page: str) -> Iterator[Notice]:
    """One banner when support of a stream has ended or ends soon. Dates only: they stay true."""
    if not ends_soon(site, channel):
        return
    support, title = site.support[channel], channel_title(channel)
    has_ended = site.has_ended(channel)
    facts = [Fact(label="Ended" if has_ended else "Ends", time=time_of(support.ends))]
    newest = site.streams(support.stream_of)[-1]
    published = site.current(newest)
    if newest != channel and published:
        facts.append(_move(site, published, newest, page))
    yield Notice(
        level=Level.WARN,
        title=f"Support of {title} {'has ended' if has_ended else 'ends soon'}",
        effect="It gets no more fixes." if has_ended else "It gets fixes until then.",
        facts=tuple(facts),
    )


def _move(site: Site, published: PublishedRelease, stream: str, page: str) -> Fact:
    """To the newest stream; to what it is at only if that can be taken now."""
    version = published.release.version
    if text := waits_for(published, stream):
        return Fact(label="Move to", text=text)
    link = release_link(site, version, page, f"{channel_title(stream)} {version}")
    return Fact(label="Move to", links=(link,))

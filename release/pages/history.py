"""What happened to a release, in order. Nothing that happened is ever left out again. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from release.pages.links import Link, release_link
from release.pages.notices import inherited_pauses, is_told_by_parent, skipped
from release.pages.records import ChannelEntry, PublishedRelease, Stop
from release.pages.site import Site
from release.pages.wording import Time, channel_title, time_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. ``said`` is the reason that people gave, ``link`` another release."""

    time: Time
    text: str
    said: str = ""
    link: Link | None = None


_Dated = tuple[datetime, Event]


def history(site: Site, published: PublishedRelease, page: str) -> tuple[Event, ...]:
    """Everything, the oldest first; what happened at the same time stays in the order of the channels."""
    release = published.release
    found = []
    if not published.is_imported:
        # What was published before it was assembled here was published by other means.
        known = any(_was_before(published, entry) for entry in published.channels)
        done = "Assembled again" if known else "Assembled"
        found.append(_event(release.created, f"{done}, built for {channel_title(release.channel)}"))
    for entry in sorted(published.channels, key=lambda entry: site.channels.rank(entry.name)):
        found += _in_channel(site, published, entry, page)
    for stop in published.withdrawals:
        found += _stop(stop, "Withdrawn", "Withdrawal lifted")
    return tuple(event for _, event in sorted(found, key=lambda pair: pair[0]))


def _in_channel(site: Site, published: PublishedRelease, entry: ChannelEntry, page: str) -> Iterator[_Dated]:
    title = channel_title(entry.name)
    if entry.hurry:
        text = f"{title} offers it, without waiting for {skipped(entry.hurry)}"
        yield _event(entry.since, text, said=entry.hurry.reason)
    else:
        before = published.is_imported or _was_before(published, entry)
        yield _event(entry.since, f"Published in {title}" if before else f"{title} offers it")
    inherited = inherited_pauses(site, published, entry)
    for stop in (stop for stop in entry.pauses if stop not in inherited):
        begun = "halted by itself" if stop.automatic else "paused"
        yield from _stop(stop, f"Rollout in {title} {begun}", f"Rollout in {title} goes on")
    version = published.release.version
    # Nothing took the place of what the channel is at, also where a history has more above it.
    newer = None if site.heads.get(entry.name) == version else site.successor(entry.name, version)
    replaced = None if newer is None else site.on_channel(entry.name, newer)
    told = site.inherited(entry.name) if is_told_by_parent(site, published, entry) else ()
    for stop in (stop for stop in site.freezes.get(entry.name, ()) if stop not in told):
        for moment, event in _stop(stop, f"{title} frozen", f"{title} not frozen any more"):
            if entry.since <= moment and (replaced is None or moment < replaced.since):
                yield moment, event
    # A fix of an old version that came after a new one never was what the channel is at: nothing replaced it.
    if newer and replaced and replaced.since >= entry.since:
        link = release_link(site, newer, page)
        yield _event(replaced.since, f"Superseded in {title} by", link=link)


def _was_before(published: PublishedRelease, entry: ChannelEntry) -> bool:
    return entry.since < published.release.created


def _stop(stop: Stop, begun: str, lifted: str) -> Iterator[_Dated]:
    yield _event(stop.since, begun, said=stop.reason)
    if stop.lifted:
        yield _event(stop.lifted, lifted)


def _event(moment: datetime, text: str, *, said: str = "", link: Link | None = None) -> _Dated:
    return moment, Event(time=time_of(moment), text=text, said=said.strip(), link=link)

"""View models of streams: long-term channels beside the one that follows the newest of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from release.pages import addresses
from release.pages.links import Link, release_link
from release.pages.notices import ends_soon, successor
from release.pages.site import Site
from release.pages.standings import Level, Mark, marks
from release.pages.view import last_day
from release.pages.wording import Time, channel_title, time_of

_TOLD_ELSEWHERE = frozenset({"Withdrawn", "Support ended"})
"""Marks that a row says beside the version, and in a column of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRow:
    """One stream. ``ends`` is the last day with support.

    ``overlap`` are the first and the last day on which it and the one after it, ``newer``, are supported.
    """

    name: str
    title: str
    current: Link | None
    marks: tuple[Mark, ...]
    opened: Time
    ends: Time
    support: Mark
    newer: str | None
    overlap: tuple[Time, Time] | None


def stream_rows(site: Site) -> tuple[StreamRow, ...]:
    """Every stream, the newest first. Support is judged by when the data was last changed."""
    names = [channel.name for channel in site.channels if channel.name in site.support]
    return tuple(_row(site, name) for name in reversed(names))


def support_mark(site: Site, stream: str) -> Mark:
    """Where a stream was in its life when the data was last changed."""
    if site.has_ended(stream):
        return Mark(Level.WARN, "Ended")
    return Mark(Level.WARN, "Ends soon") if ends_soon(site, stream) else Mark(Level.GOOD, "Supported")


def _row(site: Site, name: str) -> StreamRow:
    support, published = site.support[name], site.current(name)
    entry = published and published.entry(name)
    newer = successor(site, name)
    begin = None if newer is None else site.support[newer].opened
    known = marks(site, published, entry) if published and entry else ()
    return StreamRow(
        name=name,
        title=channel_title(name),
        current=None if published is None else release_link(site, published.release.version, addresses.INDEX),
        marks=tuple(mark for mark in known if mark.text not in _TOLD_ELSEWHERE),
        opened=time_of(support.opened),
        ends=last_day(support.ends),
        support=support_mark(site, name),
        newer=None if newer is None else channel_title(newer),
        overlap=None if begin is None or begin >= support.ends else (time_of(begin), last_day(support.ends)),
    )
